"""Which chips train and which validate, decided by place so that no ground is seen by both."""

import geopandas
import numpy as np
import numpy.typing as npt
import shapely

from clay_assets.errors import InvalidValueError
from clay_assets.provenance import fingerprint

TRAIN, VALIDATION, MARGIN = "train", "validation", "margin"
_TOUCHING_DEG = 1e-5  # about a metre: corners of neighbours differ by rounding
_SIDES = ("west", "east", "south", "north")


def split_by_place(
    chips: geopandas.GeoDataFrame, *, validation_share: float
) -> npt.NDArray[np.str_]:
    """The part of each chip: `train`, `validation`, or `margin` for neither.

    Of each tile a strip along one side validates, and the side follows from the tile's name. A
    tile too narrow for a strip goes to one part as a whole. Chips that touch or overlap a
    validation chip, of whatever tile or date, are left out of training. All chips train when
    nothing else would be left to train on.

    Args:
        chips: columns mgrs, epsg, west, south, east, north; geometry in OGC:CRS84.
        validation_share: share of each tile that validates, 0 to 0.5.

    Returns:
        (rows of `chips`,) str.

    Raises:
        InvalidValueError: the share is outside 0 to 0.5.
    """
    if not 0 <= validation_share <= 0.5:
        raise InvalidValueError(f"validation_share must be 0 to 0.5, got {validation_share}")
    validates = np.zeros(len(chips), dtype=bool)
    narrow: dict[str, npt.NDArray[np.intp]] = {}
    for (tile, epsg), rows in chips.groupby(["mgrs", "epsg"]).indices.items():
        strip = _in_strip(chips.iloc[rows], tile, validation_share)
        validates[rows] = strip
        if not strip.any():
            narrow[f"{tile} {epsg}"] = rows
    by_chance = sorted(narrow, key=fingerprint)
    for area in by_chance[: round(validation_share * len(narrow))]:
        validates[narrow[area]] = True
    parts = np.where(validates, VALIDATION, TRAIN)
    parts[_touches(chips.geometry.to_numpy(), validates)] = MARGIN
    return parts if (parts == TRAIN).any() else np.full(len(chips), TRAIN)


def _in_strip(
    chips: geopandas.GeoDataFrame, tile: str, validation_share: float
) -> npt.NDArray[np.bool_]:
    """Chips of one tile whose centre lies in the strip along the tile's side."""
    side = _SIDES[int(fingerprint(tile), 16) % len(_SIDES)]
    near, far = ("west", "east") if side in ("west", "east") else ("south", "north")
    low, high = chips[near].min(), chips[far].max()
    centres = (chips[near] + chips[far]).to_numpy() / 2
    depth = centres - low if side == near else high - centres
    inside: npt.NDArray[np.bool_] = depth < validation_share * (high - low)
    return inside


def _touches(
    footprints: npt.NDArray[np.object_], validates: npt.NDArray[np.bool_]
) -> npt.NDArray[np.intp]:
    """Rows that do not validate, but touch or overlap one that does."""
    others = np.flatnonzero(~validates)
    tree = shapely.STRtree(footprints[validates])
    hits = tree.query(footprints[others], predicate="dwithin", distance=_TOUCHING_DEG)[0]
    found: npt.NDArray[np.intp] = others[np.unique(hits)]
    return found
