"""Chips: square cuts of a tile's datacube, each a file, and the manifest that lists them."""

from clay_assets.chips.cells import GridCell, grid_cells
from clay_assets.chips.cut import CODE_VERSION, ChipsReport, cut_tile
from clay_assets.chips.file import Chip, decode_chip, read_chip, read_chip_bytes, write_chip
from clay_assets.chips.manifest import (
    SCHEMA,
    ChipRow,
    Manifest,
    has_no_chips,
    manifest_key,
    manifest_tiles,
    read_manifest,
    write_manifest,
)

__all__ = [
    "CODE_VERSION",
    "SCHEMA",
    "Chip",
    "ChipRow",
    "ChipsReport",
    "GridCell",
    "Manifest",
    "cut_tile",
    "decode_chip",
    "grid_cells",
    "has_no_chips",
    "manifest_key",
    "manifest_tiles",
    "read_chip",
    "read_chip_bytes",
    "read_manifest",
    "write_chip",
    "write_manifest",
]
