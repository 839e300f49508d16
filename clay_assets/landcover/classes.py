"""The eleven classes of ESA WorldCover.

Source:
    ESA WorldCover 10 m 2021 v200, Product User Manual, table 2.
"""

from dataclasses import dataclass

NODATA = 0
WATER = 80


@dataclass(frozen=True)
class LandCoverClass:
    """One class."""

    code: int
    """Pixel value."""
    column: str
    """Name of its column in tables, and as a criterion."""
    name: str
    """Name in WorldCover's legend."""
    colour: str
    """For maps: as in the legend, only lighter where that is too dark for a dark ground."""


CLASSES: tuple[LandCoverClass, ...] = (
    LandCoverClass(10, "tree_cover", "Tree cover", "#2e9e3a"),
    LandCoverClass(20, "shrubland", "Shrubland", "#ffbb22"),
    LandCoverClass(30, "grassland", "Grassland", "#ffff4c"),
    LandCoverClass(40, "cropland", "Cropland", "#f096ff"),
    LandCoverClass(50, "built_up", "Built-up", "#fa3030"),
    LandCoverClass(60, "bare", "Bare / sparse vegetation", "#b4b4b4"),
    LandCoverClass(70, "snow_ice", "Snow and ice", "#f0f0f0"),
    LandCoverClass(80, "water", "Permanent water bodies", "#2f86e0"),
    LandCoverClass(90, "wetland", "Herbaceous wetland", "#0096a0"),
    LandCoverClass(95, "mangroves", "Mangroves", "#00cf75"),
    LandCoverClass(100, "moss_lichen", "Moss and lichen", "#fae6a0"),
)
"""In the order of their codes."""

CODES: tuple[int, ...] = tuple(class_.code for class_ in CLASSES)
CLASS_COLUMNS: tuple[str, ...] = tuple(class_.column for class_ in CLASSES)
COUNT_COLUMN = "count"
"""Column with the number of distinct classes of a tile; as a criterion, diversity."""
