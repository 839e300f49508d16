"""A trace as the page shows it: a few steps, each with what it took and the run that did it."""

from collections.abc import Iterator
from typing import Any

from clay_assets.search import Trace

GONE = "not in the store any more"


def way_back(trace: Trace) -> list[dict[str, Any]]:
    """Steps from the embedding back to the scenes: `name`, `values` as text, `run_id` or None."""
    return [
        {"name": name, "values": values, "run_id": run_id} for name, values, run_id in _steps(trace)
    ]


def _steps(trace: Trace) -> Iterator[tuple[str, list[str], str | None]]:
    made = trace.embeddings
    yield (
        "Embedding",
        [f"{trace.product}, level {made.how}", trace.key],
        made.run_id,
    )
    yield "Checkpoint", *_checkpoint(trace)
    yield "Chip", _chip(trace), trace.chips_run_id
    yield "Scenes", list(trace.chip.scenes) if trace.chip else [GONE], None
    if trace.recipe is not None:
        yield "Imagery", [trace.recipe.location], trace.recipe.run_id


def _checkpoint(trace: Trace) -> tuple[list[str], str | None]:
    card = trace.checkpoint
    if card is None:
        return [f"{trace.embeddings.checkpoint_id}, {GONE}"], None
    names = f" ({', '.join(card['names'])})" if card["names"] else ""
    source = card["card"].get("source")
    return [f"{card['id']}{names}", *([f"from {source}"] if source else [])], card["run_id"]


def _chip(trace: Trace) -> list[str]:
    chip = trace.chip
    if chip is None:
        return [GONE]
    values = [
        f"{chip.chip_size} px of {chip.gsd_m:g} m, {len(chip.bands)} bands",
        f"EPSG:{chip.epsg} " + " ".join(f"{edge:.10g}" for edge in chip.bounds),
    ]
    if patch := trace.patch_text():
        values.insert(0, f"patch in {patch}")
    if not trace.is_same_chip:
        values.append("cut anew since it was embedded; embed the tile again")
    return values
