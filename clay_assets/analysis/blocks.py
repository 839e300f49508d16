"""Blocks of ground, so that what is near each other is never both learnt from and tested on."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import Transformer

SIDES_KM = (128.0, 64.0, 32.0, 16.0, 8.0, 4.0, 2.0, 1.0, 0.5)
"""Sides of a block that are tried, from the largest on."""
_EQUAL_AREA = 6933
_SAME_GROUND = 0.01

Numbers = npt.NDArray[np.int64]
Footprints = npt.NDArray[np.object_]


@dataclass(frozen=True)
class Blocks:
    """Squares of an equal-area grid, and how many folds they allow."""

    side_km: float
    """Of a block."""
    of_row: Numbers
    """(N,) number of each row's block, from 0."""
    folds: int
    """At most so many; 1 or fewer: some class lies in one block only."""

    @property
    def count(self) -> int:
        """Blocks with any row."""
        return int(self.of_row.max()) + 1


def blocks_of(
    footprints: Footprints, classes: Numbers, *, folds: int, side_km: float | None = None
) -> Blocks:
    """Blocks as large as leaves every class in enough of them.

    Args:
        footprints: (N,) in OGC:CRS84.
        classes: (N,) numbers from 0.
        folds: how many are wanted; each needs a block of every class.
        side_km: side of a block; None for the largest of `SIDES_KM` that allows the folds, or
            else the one that allows most.
    """
    places = _metres(footprints)
    tried = [_blocks(places, classes, folds, side) for side in ([side_km] if side_km else SIDES_KM)]
    return max(tried, key=lambda blocks: blocks.folds)  # the first of equals, the largest


def apart_from(footprints: Footprints, rows: Numbers, tested: Numbers) -> Numbers:
    """Those of `rows` that share no ground with a tested one, as chips of two tiles may."""
    tree = shapely.STRtree(footprints[tested])
    mine, theirs = tree.query(footprints[rows], predicate="intersects")
    shared = shapely.area(shapely.intersection(footprints[rows[mine]], footprints[tested[theirs]]))
    touching = mine[shared > _SAME_GROUND * shapely.area(footprints[rows[mine]])]
    apart: Numbers = np.delete(rows, np.unique(touching))
    return apart


def _metres(footprints: Footprints) -> npt.NDArray[np.float64]:
    """(N, 2) middles on an equal-area grid; of the western part across the antimeridian."""
    parts = shapely.get_geometry(footprints, 0)
    middles = shapely.get_coordinates(shapely.centroid(parts))
    to_grid = Transformer.from_crs("OGC:CRS84", _EQUAL_AREA, always_xy=True)
    return np.column_stack(to_grid.transform(middles[:, 0], middles[:, 1]))


def _blocks(
    places: npt.NDArray[np.float64], classes: Numbers, folds: int, side_km: float
) -> Blocks:
    squares = np.floor(places / (1000 * side_km)).astype(np.int64)
    of_row = np.unique(squares, axis=0, return_inverse=True)[1].reshape(-1)
    least = min(len(np.unique(of_row[classes == each])) for each in np.unique(classes))
    return Blocks(side_km, of_row, min(folds, least))
