"""The networks and their checkpoint files, one file a family; torch, numpy and safetensors only."""

from clay_assets.models.checkpoint import Checkpoint, build, load, make_checkpoint
from clay_assets.models.clay_v0 import ClayV0, Encoder, patchify, unpatchify
from clay_assets.models.config import SIZES, ClayV0Config, TransformerSize, size_named
from clay_assets.models.devices import choose_device
from clay_assets.models.inputs import denormalise, encode_latlon, encode_timestep, normalise
from clay_assets.models.mask import Mask
from clay_assets.models.original import export_lightning, read_original

__all__ = [
    "SIZES",
    "Checkpoint",
    "ClayV0",
    "ClayV0Config",
    "Encoder",
    "Mask",
    "TransformerSize",
    "build",
    "choose_device",
    "denormalise",
    "encode_latlon",
    "encode_timestep",
    "export_lightning",
    "load",
    "make_checkpoint",
    "normalise",
    "patchify",
    "read_original",
    "size_named",
    "unpatchify",
]
