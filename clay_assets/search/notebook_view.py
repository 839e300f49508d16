"""Hits on a map inside a notebook, by lonboard where it is installed."""

from typing import TYPE_CHECKING, Any

import geopandas
import numpy as np
import numpy.typing as npt

from clay_assets.errors import SearchError

if TYPE_CHECKING:
    from lonboard import Map

_SHADES = "viridis"
_ALPHA = 200
_SHOWN = ("id", "chip_id", "score", "date", "cloud_share", "mgrs", "product")
"""Columns that are told of a footprint under the mouse."""


def show(frame: geopandas.GeoDataFrame, *, basemap: bool = False) -> "Map":
    """A map of footprints for a notebook, the best hits brightest.

    Args:
        frame: of `search`, `Hits.frame`, `Index.chips`, or any of footprints; it is shaded by the
            column `score` where it has one.
        basemap: whether a ground map is fetched from CARTO; without one nothing leaves the machine.

    Raises:
        SearchError: lonboard is not installed, or there is nothing to show.
    """
    try:
        from lonboard import Map, PolygonLayer
        from lonboard.basemap import CartoStyle, MaplibreBasemap
    except ImportError as error:
        raise SearchError(
            f"search.show draws with lonboard, and it cannot be imported ({error}); install it by "
            "`pip install 'clay_assets[notebook]'`, or use frame.plot('score') or frame.explore()"
        ) from error
    if frame.empty:
        raise SearchError("there is nothing to show: the frame has no rows; ask with other filters")
    told = frame[[name for name in _SHOWN if name in frame] + [frame.geometry.name]]
    if "date" in told:
        told = told.assign(date=told["date"].astype(str))
    layer = PolygonLayer.from_geopandas(
        told,
        get_fill_color=_colours(frame),
        get_line_color=[255, 255, 255, 255],
        line_width_min_pixels=0.5,
        pickable=True,
        auto_highlight=True,
    )
    ground: Any = MaplibreBasemap(style=CartoStyle.DarkMatter) if basemap else None
    return Map(layer, basemap=ground, show_tooltip=True)


def _colours(frame: geopandas.GeoDataFrame) -> npt.NDArray[np.uint8]:
    """(N, 4) red, green, blue and alpha by score, from the worst of the frame to the best."""
    # Here, not above: it takes half a second to load.
    from matplotlib import colormaps

    scores = np.asarray(frame["score"] if "score" in frame else np.ones(len(frame)), float)
    low, span = scores.min(), np.ptp(scores)
    shares = (scores - low) / span if span else np.ones(len(scores))
    colours: npt.NDArray[np.uint8] = colormaps[_SHADES](shares, alpha=None, bytes=True)
    colours[:, 3] = _ALPHA
    return colours
