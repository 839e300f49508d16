"""Footprints in colours, as they lie on the ground: chips or patches of a tile."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely
from PIL import Image, ImageDraw

from clay_assets.pictures.colour import Colours
from clay_assets.pictures.encoding import fitting_png, png
from clay_assets.pictures.legend import LegendEntry, legend
from clay_assets.pictures.style import BACKGROUND, GAP_PX, LINE_PX, NOTE, TITLE, font

_WIDTH_PX = 690
_LARGEST_PANEL_PX = 400
Footprints = npt.NDArray[np.object_]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class FootprintPanel:
    """One picture of several."""

    footprints: Footprints
    """(N,) polygons in OGC:CRS84."""
    colours: Colours
    """(N, 3) red, green, blue."""
    title: str
    """First line below."""
    note: str = ""
    """Second line."""


def footprints_png(panels: Sequence[FootprintPanel], entries: Sequence[LegendEntry] = ()) -> bytes:
    """Panels side by side, all of the same ground, north up."""
    bounds = bounds_wgs84([panel.footprints for panel in panels])

    def draw(scale: float) -> Image.Image:
        side = round(min(_LARGEST_PANEL_PX, _WIDTH_PX // len(panels) - GAP_PX) * scale)
        pictures = [_painted(panel.footprints, panel.colours, bounds, side) for panel in panels]
        across = max(260, GAP_PX + sum(picture.width + GAP_PX for picture in pictures))
        below = legend(entries, across)
        high = max(picture.height for picture in pictures)
        size = (across, 2 * GAP_PX + high + 2 * LINE_PX + 4 + below.height)
        sheet = Image.new("RGB", size, BACKGROUND)
        write, x = ImageDraw.Draw(sheet), GAP_PX
        for panel, picture in zip(panels, pictures, strict=True):
            sheet.paste(picture, (x, GAP_PX), picture)
            write.text((x, GAP_PX + high + 2), panel.title, fill=TITLE, font=font())
            write.text((x, GAP_PX + high + 2 + LINE_PX), panel.note, fill=NOTE, font=font())
            x += picture.width + GAP_PX
        sheet.paste(below, (0, size[1] - below.height - 2))
        return sheet

    return fitting_png(draw)


def overlay_png(footprints: Footprints, colours: Colours, *, side_px: int) -> tuple[bytes, Box]:
    """A picture to lay over a web map, clear where there is no footprint.

    Args:
        footprints: (N,) in OGC:CRS84.
        colours: (N, 3).
        side_px: its longer side.

    Returns:
        The PNG in web Mercator, and its west, south, east, north in degrees; the east lies beyond
        180 where the footprints cross the antimeridian.
    """
    bounds = bounds_wgs84([footprints])
    return png(_painted(footprints, colours, bounds, side_px)), bounds


def bounds_wgs84(parts: Sequence[Footprints]) -> Box:
    """West, south, east and north of all; unwrapped at the antimeridian."""
    boxes = shapely.bounds(np.concatenate([_unwrapped(part) for part in parts]))
    west, south = boxes[:, :2].min(axis=0)
    east, north = boxes[:, 2:].max(axis=0)
    return float(west), float(south), float(east), float(north)


def _unwrapped(footprints: Footprints) -> Footprints:
    """Parts of the polygons; those west of the antimeridian beside those east of it."""
    parts: Footprints = shapely.get_parts(footprints)
    wests, easts = shapely.bounds(parts)[:, [0, 2]].T
    if easts.max() - wests.min() <= 180:
        return parts
    beyond = shapely.transform(parts, lambda lonlat: lonlat + np.array([360.0, 0.0]))
    moved: Footprints = np.where(wests < 0, beyond, parts)
    return moved


def _painted(footprints: Footprints, colours: Colours, bounds: Box, side_px: int) -> Image.Image:
    parts, of_row = shapely.get_parts(footprints, return_index=True)
    parts = _unwrapped(parts)
    west, _, east, _ = bounds
    top, bottom = _mercator(np.array([bounds[3], bounds[1]]))
    scale = side_px / max(np.radians(east - west), top - bottom)
    size = (
        max(1, round(float(np.radians(east - west) * scale))),
        max(1, round(float((top - bottom) * scale))),
    )
    image = Image.new("RGBA", size)
    draw = ImageDraw.Draw(image)
    lonlat, of_part = shapely.get_coordinates(parts, return_index=True)
    x = np.radians(lonlat[:, 0] - west) * scale
    y = (top - _mercator(lonlat[:, 1])) * scale
    corners = np.split(np.column_stack([x, y]).round(), np.flatnonzero(np.diff(of_part)) + 1)
    for row, points in zip(of_row, corners, strict=True):
        draw.polygon(
            [tuple(point) for point in points.tolist()], fill=(*colours[row].tolist(), 255)
        )
    return image


def _mercator(lat: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Northing in web Mercator, of a globe of radius 1."""
    northing: npt.NDArray[np.float64] = np.log(np.tan(np.pi / 4 + np.radians(lat) / 2))
    return northing
