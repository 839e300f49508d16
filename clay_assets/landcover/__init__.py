"""Land cover: what covers each tile, and which tiles to train on because of it."""

from clay_assets.landcover.classes import CLASS_COLUMNS, CLASSES, COUNT_COLUMN, LandCoverClass
from clay_assets.landcover.counting import CLAY_OVERVIEW, count_classes
from clay_assets.landcover.cover_files import COLLECTION, LOCATION
from clay_assets.landcover.criteria import PRESETS, Criterion, Preset, preset_of
from clay_assets.landcover.sample import (
    CODE_VERSION,
    SAMPLE_KEY,
    STATISTICS_KEY,
    SampleReport,
    SampleRequest,
    sample_tiles,
)

__all__ = [
    "CLASSES",
    "CLASS_COLUMNS",
    "CLAY_OVERVIEW",
    "CODE_VERSION",
    "COLLECTION",
    "COUNT_COLUMN",
    "LOCATION",
    "PRESETS",
    "SAMPLE_KEY",
    "STATISTICS_KEY",
    "Criterion",
    "LandCoverClass",
    "Preset",
    "SampleReport",
    "SampleRequest",
    "count_classes",
    "preset_of",
    "sample_tiles",
]
