"""The networks and their checkpoint files, one file a family; torch, numpy and safetensors only."""

from clay_assets.models.cards import (
    CARDS,
    ModelCard,
    card_like,
    card_named,
    cards_of,
    dimensions_of,
)
from clay_assets.models.checkpoint import Checkpoint, build, load, make_checkpoint
from clay_assets.models.clay_v0 import ClayV0, Encoder, patchify, unpatchify
from clay_assets.models.config import SIZES, ClayV0Config, TransformerSize, size_named
from clay_assets.models.devices import choose_device
from clay_assets.models.exporting import export_original
from clay_assets.models.families import FAMILIES, encoder_of, family_named, family_of, layout_of
from clay_assets.models.inputs import denormalise, encode_latlon, encode_timestep, normalise
from clay_assets.models.mask import Mask
from clay_assets.models.original import read_original

__all__ = [
    "CARDS",
    "FAMILIES",
    "SIZES",
    "Checkpoint",
    "ClayV0",
    "ClayV0Config",
    "Encoder",
    "Mask",
    "ModelCard",
    "TransformerSize",
    "build",
    "card_like",
    "card_named",
    "cards_of",
    "choose_device",
    "denormalise",
    "dimensions_of",
    "encode_latlon",
    "encode_timestep",
    "encoder_of",
    "export_original",
    "family_named",
    "family_of",
    "layout_of",
    "load",
    "make_checkpoint",
    "normalise",
    "patchify",
    "read_original",
    "size_named",
    "unpatchify",
]
