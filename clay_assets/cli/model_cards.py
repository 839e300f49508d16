"""Cards of published models as tables of the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from clay_assets.models import ModelCard


def models_table() -> Table:
    """One row a model."""
    from clay_assets.models import CARDS

    table = Table("model", "family", "bands", "chip", "numbers", "layers", "licence")
    for card in CARDS.values():
        table.add_row(
            card.name,
            card.family,
            str(len(card.kind.bands)),
            f"{card.kind.size_px} px",
            str(card.dimensions),
            str(len(card.layout.layers)),
            card.licence,
        )
    return table


def card_table(card: ModelCard) -> Table:
    """All that a card says."""
    layout = card.layout
    rows, columns = layout.layers[0].grid
    table = Table(show_header=False, title=card.title)
    for key, value in (
        ("name", card.name),
        ("family", card.family),
        ("size", card.config.size_name or "its own"),
        ("chip", f"{card.kind.size_px} x {card.kind.size_px} pixels of {_gsd(card)}"),
        ("bands", " ".join(card.kind.bands)),
        ("mean / deviation", _statistics(card)),
        ("unit", card.unit),
        ("layers", f"{len(layout.layers)}: {layout.layers[0].name} to {layout.layers[-1].name}"),
        ("patches", f"{rows} x {columns} in the first layer, {layout.groups} band groups"),
        ("class token", "yes" if layout.has_cls else "no"),
        ("final norm", "yes" if layout.has_final_norm else "no"),
        ("collapsed above", f"a mean cosine of {card.collapse_cosine}"),
        ("licence", card.licence),
        ("source", card.source),
        *(("note", note) for note in card.notes),
    ):
        table.add_row(key, value)
    return table


def dimensions_table(card: ModelCard) -> Table:
    """Numbers in a vector, by what is taken; what the model cannot give is left out."""
    from clay_assets.embeddings.extraction import Extraction, embedding_shape
    from clay_assets.errors import ProductError

    table = Table("keys of a product", "shape of one chip's vector", title="What can be taken")
    for text, extraction in (
        ('level = "mean"', Extraction()),
        ('level = "cls"', Extraction(level="cls")),
        ("last_k = 4", Extraction(last_k=4)),
        ('last_k = 4, aggregation = "mean"', Extraction(last_k=4, aggregation="mean")),
        (
            'last_k = 4, level = "chip", pooling = "cls_mean"',
            Extraction(level="chip", pooling="cls_mean", last_k=4),
        ),
        ("layer = 0", Extraction(layers=(0,))),
        ('level = "patch"', Extraction(level="patch")),
        ('level = "group"', Extraction(level="group")),
    ):
        try:
            shape = embedding_shape(extraction, card.layout)
        except ProductError:
            continue
        table.add_row(text, " x ".join(map(str, shape)))
    return table


def _gsd(card: ModelCard) -> str:
    return f"{card.kind.gsd_m:g} m" if card.kind.gsd_m else "no known scale"


def _statistics(card: ModelCard) -> str:
    pairs = (f"{band} {mean:g}/{std:g}" for band, (mean, std) in card.statistics.items())
    return ", ".join(pairs) or "none, it takes classes"
