"""Shapes at the antimeridian, where longitude jumps from 180 to -180 degrees."""

import numpy as np
import numpy.typing as npt
import shapely
from shapely.affinity import translate

_TURN = 360.0
_HALF_TURN = 180.0


def within_globe(shape: shapely.Geometry) -> shapely.Geometry:
    """A shape whose longitudes are -180 to 180; what lies beyond is brought back by a whole turn.

    >>> within_globe(shapely.box(170, 0, 190, 10)).bounds
    (-180.0, 0.0, 180.0, 10.0)
    """
    west, _, east, _ = shape.bounds
    if shape.is_empty or (west >= -_HALF_TURN and east <= _HALF_TURN):
        return shape
    parts = []
    for turn in (-_TURN, 0.0, _TURN):
        turned = shape & shapely.box(turn - _HALF_TURN, -90, turn + _HALF_TURN, 90)
        parts.append(translate(turned, xoff=-turn))
    return shapely.union_all([part for part in parts if not part.is_empty])


def cut_at_antimeridian(footprint: shapely.Geometry) -> shapely.Geometry:
    """The footprint of a scene, cut in two where it crosses the antimeridian.

    Some catalogues do not cut it: its corners then lie at both ends of the map. No scene is half
    a globe wide, so a polygon that seems to be crosses the antimeridian.

    >>> uncut = shapely.Polygon([(179, 0), (-179, 0), (-179, 1), (179, 1)])
    >>> cut_at_antimeridian(uncut).area
    2.0
    """
    parts = shapely.get_parts(footprint)
    wide = [part.bounds[2] - part.bounds[0] > _HALF_TURN for part in parts]
    if not any(wide):
        return within_globe(footprint)
    unrolled = [
        within_globe(shapely.make_valid(shapely.transform(part, _eastward))) if is_wide else part
        for part, is_wide in zip(parts, wide, strict=True)
    ]
    return shapely.union_all(unrolled)


def _eastward(coordinates: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(N, 2) lon, lat with longitudes from 0 to 360."""
    moved: npt.NDArray[np.float64] = coordinates.copy()
    moved[:, 0] %= _TURN
    return moved
