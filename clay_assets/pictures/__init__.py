"""Pictures that people look at, as PNG bytes small enough for an event in the Dagster UI."""

from clay_assets.pictures.chip_grids import GridPanel, chip_grid_png
from clay_assets.pictures.colour import NODATA_GREY, rgb_of, stretch_of, true_colour
from clay_assets.pictures.curves import loss_curve_png, variance_curve_png
from clay_assets.pictures.encoding import LIMIT_BYTES
from clay_assets.pictures.maps import Places, map_png
from clay_assets.pictures.sheets import (
    Captioned,
    Picture,
    chip_sheet_png,
    image_sheet_png,
    neighbour_sheet_png,
    quicklook_png,
    reconstruction_png,
    thumbnail_png,
)

__all__ = [
    "LIMIT_BYTES",
    "NODATA_GREY",
    "Captioned",
    "GridPanel",
    "Picture",
    "Places",
    "chip_grid_png",
    "chip_sheet_png",
    "image_sheet_png",
    "loss_curve_png",
    "map_png",
    "neighbour_sheet_png",
    "quicklook_png",
    "reconstruction_png",
    "rgb_of",
    "stretch_of",
    "thumbnail_png",
    "true_colour",
    "variance_curve_png",
]
