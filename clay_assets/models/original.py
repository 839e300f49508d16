"""Checkpoint files of others brought into ours: opened, told apart, named, and checked.

Files that are pickles are read as data; nothing in them is ever run.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from clay_assets.errors import InvalidValueError
from clay_assets.models.cards import ModelCard, card_like
from clay_assets.models.checkpoint import METADATA_KEY, Checkpoint, load, make_checkpoint
from clay_assets.models.naming import Named, find_network, json_value
from clay_assets.models.opening import open_checkpoint

CLAY_V0_DEFAULTS: dict[str, Any] = {
    "model_size": "small",
    "mask_ratio": 0.75,
    "image_size": 512,
    "patch_size": 32,
    "lr": 1e-4,
    "wd": 0.05,
    "b1": 0.9,
    "b2": 0.95,
    "embeddings_level": "mean",
    "band_groups": None,
}
"""Hyper-parameters of Clay v0's code and their values where a release did not save them."""
SEQUENTIAL = "sequential"
"""Layout of a file that numbers the parts of a ResNet, as SimCLR's do."""


def read_original(
    path: Path, *, heads: tuple[int, int] | None = None, options: tuple[str, ...] = ()
) -> Checkpoint:
    """A checkpoint from a file of its authors, or from one of our safetensors files.

    Sizes are read from the tensors. Attention heads leave no trace there: they are known for the
    released sizes and must be given for others.

    Args:
        path: the file: Lightning `.ckpt`, `.pth` or `.pt` of a state dict or of a whole module, or
            `.safetensors`.
        heads: attention heads of encoder and decoder; None for a released size.
        options: what the file does not say: `float16_encodings` of a Clay v0 that is to round as
            release v0.0.1 did, `normalize` of a triplet network that gives unit vectors.

    Raises:
        NotFoundError: there is no such file.
        CheckpointError: the file is damaged or of something else.
        InvalidValueError: an option of another family.
    """
    if _is_ours(path):
        return load(path)
    content = open_checkpoint(path)
    found = find_network(content, str(path), path.stat().st_size)
    unknown = [option for option in options if option not in found.family.options]
    if unknown:
        raise InvalidValueError(
            f"option {unknown[0]} says nothing of {path.name}, a {found.family.title}; it takes "
            f"{', '.join(found.family.options) or 'none'}"
        )
    card = _card(content, found, path.name)
    told = _attributes(content) | card["hyper_parameters"] | dict.fromkeys(options, True)
    config = found.family.config_of(found.tensors, told, heads=heads, name=path.name)
    model = card_like(config, is_lightning="lightning_version" in card)
    if model is not None:
        card["model"] = _about(model)
    checkpoint = make_checkpoint(config, found.tensors, card, name=path.name)
    return replace(checkpoint, rest=found.rest)


def _card(content: Mapping[str, Any], found: Named, name: str) -> dict[str, Any]:
    """Where a checkpoint comes from, and what an export must restore."""
    parameters = json_value(content.get("hyper_parameters"))
    card = {
        "source": name,
        "lightning_version": json_value(content.get("pytorch-lightning_version")),
        "epoch": json_value(content.get("epoch")),
        "global_step": json_value(content.get("global_step")),
        "hparams_name": json_value(content.get("hparams_name")),
        "hyper_parameters": parameters if isinstance(parameters, dict) else {},
        "class": content.get("class"),
        "prefix": found.prefix,
        "layout": SEQUENTIAL if found.was_sequential else None,
    }
    return {key: value for key, value in card.items() if value is not None}


def _about(model: ModelCard) -> dict[str, Any]:
    """What the sizes tell about a checkpoint, as JSON values."""
    return {
        "name": model.name,
        "title": model.title,
        "licence": model.licence,
        "url": model.source,
        "bands": list(model.kind.bands),
        "statistics": {band: list(pair) for band, pair in model.statistics.items()},
        "unit": model.unit,
        "chip_size_px": model.kind.size_px,
        "gsd_m": model.kind.gsd_m,
    }


def _attributes(content: Mapping[str, Any]) -> dict[str, Any]:
    """Plain attributes of a module that was saved whole."""
    found = content.get("attributes")
    return found if isinstance(found, dict) else {}


def _is_ours(path: Path) -> bool:
    """Whether it is a safetensors file with our card in it."""
    try:
        with safe_open(path, framework="pt") as file:
            return METADATA_KEY in (file.metadata() or {})
    except (SafetensorError, OSError):
        return False
