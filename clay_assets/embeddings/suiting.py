"""Whether a product suits a network and its chips; told from shapes alone, before any weights."""

from functools import lru_cache
from typing import Any

from clay_assets.checkpoints import StoredCheckpoint
from clay_assets.chips import ChipRow
from clay_assets.embeddings.extraction import resolve
from clay_assets.embeddings.products import Product
from clay_assets.errors import ClayAssetsError, InvalidValueError, NotFoundError, ProductError
from clay_assets.models.cards import ModelCard, card_named
from clay_assets.models.families import family_named, layout_of
from clay_assets.models.platforms import PLATFORMS
from clay_assets.models.token_encoder import ChipKind, Layout


def kind_of(chip: ChipRow) -> ChipKind:
    """What a chip has in common with others that go through one encoder."""
    return ChipKind(bands=chip.bands, size_px=chip.chip_size, gsd_m=round(chip.gsd_m, 6))


def config_of(card: dict[str, Any]) -> Any:  # noqa: ANN401
    """The config in a stored checkpoint's card, of whichever family.

    Raises:
        CheckpointError: the family is not known.
        InvalidValueError: the config is not one of the family.
    """
    return family_named(card["family"]).config.from_json(card["config"])


def shape_of(product: Product, config: Any, kind: ChipKind) -> tuple[int, ...]:  # noqa: ANN401
    """Shape of what a product stores of one chip.

    Args:
        product: how to embed.
        config: of the network, of any family.
        kind: of the chip.

    Raises:
        ProductError: the network cannot give what the product takes, or not in its `dimensions`.
        ChipError: chips of this size do not suit the network.
        InvalidValueError: the bands, or the platform, do not suit the network.
    """
    layout = _layout(config, kind, product.platform)
    resolved = resolve(product.extraction, layout, name=f"product {product.name}")
    product.check_dimensions(resolved.shape)
    return resolved.shape if product.pca is None else (product.pca,)


def check_declared(product: Product) -> None:
    """Check a product that names a model against its card, before there is any checkpoint.

    Raises:
        ProductError: there is no such model, or it cannot give what the product takes, or not in
            its `dimensions`, or does not know its platform.
    """
    if product.model is None:
        return
    card = _card(product)
    kind, platform = card.kind, PLATFORMS.get(product.platform or "")
    if platform is not None:
        bands = tuple(band.in_chips for band in platform.bands)
        kind = ChipKind(bands, kind.size_px, platform.gsd_m)
    try:
        shape_of(product, card.config, kind)
    except InvalidValueError as error:
        raise ProductError(f"product {product.name}, model {card.name}: {error}") from error


def check_model(product: Product, checkpoint: StoredCheckpoint) -> None:
    """Whether a checkpoint is of the model that a product names, if it names one.

    Raises:
        ProductError: its network is another.
    """
    if product.model is None:
        return
    card, config = _card(product), config_of(checkpoint.card)
    try:
        is_alike = _layout(config, card.kind, None) == card.layout
    except ClayAssetsError:  # it cannot even take the model's chips
        is_alike = False
    if not is_alike or checkpoint.card["family"] != card.family:
        raise ProductError(
            f"product {product.name}: checkpoint {product.checkpoint!r} ({checkpoint.id}) must be "
            f"of model {card.name}, {card.title}, got a network of family "
            f"{checkpoint.card['family']} with other layers; name another checkpoint, or leave "
            "model out"
        )


def _card(product: Product) -> ModelCard:
    try:
        return card_named(product.model or "")
    except NotFoundError as error:
        raise ProductError(f"product {product.name}: {error}") from error


@lru_cache(maxsize=64)
def _layout(config: Any, kind: ChipKind, platform: str | None) -> Layout:  # noqa: ANN401
    """Built on the meta device; a tile asks for it again and again."""
    return layout_of(config, kind, platform)
