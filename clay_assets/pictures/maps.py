"""Where on the globe things lie: a map of coloured tiles over land, sea and graticule.

Land is Natural Earth's, 1:110 million, which is in the public domain; a coast is good to some ten
kilometres. Drawn here, since cartopy and its like fetch theirs from the network.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from math import ceil, cos, radians

import numpy as np
import shapely
from PIL import Image, ImageDraw
from shapely.affinity import translate

from clay_assets.pictures.encoding import fitting_png
from clay_assets.pictures.legend import LegendEntry, legend
from clay_assets.pictures.style import BACKGROUND, GAP_PX, NOTE, font

_WIDTH_PX = 760
_LEFT_PX, _BELOW_PX = 36, 16
"""Room for the labels of the graticule."""
_SEA, _LAND, _LINE = (30, 38, 48), (66, 70, 76), (84, 92, 102)
_SHARPNESS = 2
"""Drawn so many times as large and then made smaller, for smooth edges."""
_LEAST_PX = 3
"""Side of a tile at least, or a world map would not show it."""
_NAMED_PX = 46
"""Side from which on a tile's name is written into it."""
_LEAST_DEGREES = 10.0
_STEPS = (0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0)
_WORLD = (-180.0, -62.0, 180.0, 84.0)


@dataclass(frozen=True)
class Places:
    """Places of one colour."""

    label: str
    """What they have in common."""
    colour: str
    """`#rrggbb`."""
    outlines: Sequence[shapely.Geometry]
    """OGC:CRS84."""
    names: Sequence[str] = ()
    """One for each outline, written where there is room."""


@dataclass(frozen=True)
class View:
    """A part of the globe on a picture, plate carrée, true to scale in its middle."""

    west: float
    """Degrees, as the next three; the east may lie beyond 180."""
    south: float
    east: float
    north: float
    width_px: int
    """Of the map."""

    @property
    def height_px(self) -> int:
        """Of the map."""
        share = (self.north - self.south) / (self.east - self.west) / self.squeeze
        return max(1, round(self.width_px * share))

    @property
    def squeeze(self) -> float:
        """Length of a degree of longitude in degrees of latitude."""
        return max(0.1, cos(radians((self.north + self.south) / 2)))

    def pixels(self, lon_lat: np.ndarray) -> list[tuple[float, float]]:
        """(x, y) of (N, 2) degrees."""
        x = (lon_lat[:, 0] - self.west) * self.width_px / (self.east - self.west)
        y = (self.north - lon_lat[:, 1]) * self.height_px / (self.north - self.south)
        return list(zip(x.tolist(), y.tolist(), strict=True))


def map_png(layers: Sequence[Places]) -> bytes:
    """A map of some places; of the world when they are scattered, else of where they are."""
    entries = [LegendEntry(p.colour, f"{p.label} {len(p.outlines)}") for p in layers if p.outlines]
    area = _area([outline for places in layers for outline in places.outlines])

    def draw(scale: float) -> Image.Image:
        view = View(*area, width_px=round((_WIDTH_PX - _LEFT_PX - GAP_PX) * scale))
        width = view.width_px + _LEFT_PX + GAP_PX
        below = legend(entries, width)
        size = (width, GAP_PX + view.height_px + _BELOW_PX + below.height + GAP_PX)
        image = Image.new("RGB", size, BACKGROUND)
        image.paste(_map(view, layers), (_LEFT_PX, GAP_PX))
        _label(image, view)
        _name(image, view, layers)
        image.paste(below, (0, size[1] - below.height - GAP_PX))
        return image

    return fitting_png(draw)


def _area(outlines: Sequence[shapely.Geometry]) -> tuple[float, float, float, float]:
    """West, south, east and north that show all outlines with some room around them."""
    if not outlines:
        return _WORLD
    boxes = shapely.bounds(shapely.get_parts(np.array(outlines)))
    # Beyond the antimeridian, when that keeps them together.
    beyond = np.where(boxes[:, [0]] < 0, boxes + np.array([360, 0, 360, 0]), boxes)
    spans = [np.ptp(each[:, [0, 2]]) for each in (boxes, beyond)]
    boxes = boxes if spans[0] <= spans[1] else beyond
    west, south = boxes[:, :2].min(axis=0)
    east, north = boxes[:, 2:].max(axis=0)
    if east - west > 150:
        return _WORLD
    middle_lat = (south + north) / 2
    squeeze = max(0.1, cos(radians(middle_lat)))
    high = max(_LEAST_DEGREES, 1.3 * (north - south), 1.3 * (east - west) * squeeze / 2.2)
    wide = min(360.0, max(1.3 * (east - west), 1.5 * high / squeeze))
    middle_lon = (west + east) / 2
    bottom, top = max(-90.0, middle_lat - high / 2), min(90.0, middle_lat + high / 2)
    return middle_lon - wide / 2, bottom, middle_lon + wide / 2, top


def _map(view: View, layers: Sequence[Places]) -> Image.Image:
    fine = View(view.west, view.south, view.east, view.north, view.width_px * _SHARPNESS)
    image = Image.new("RGB", (fine.width_px, view.height_px * _SHARPNESS), _SEA)
    draw = ImageDraw.Draw(image)
    land, lakes = _land()
    for outlines, colour in ((land, _LAND), (lakes, _SEA)):
        for outline in outlines:
            for shift in (-360, 0, 360):
                draw.polygon(fine.pixels(outline + np.array([shift, 0])), fill=colour)
    for line in _graticule(view):
        draw.line(fine.pixels(np.array(line)), fill=_LINE)
    for places in layers:
        for outline in places.outlines:
            for part in _parts(outline, view):
                _fill(draw, fine.pixels(shapely.get_coordinates(part.exterior)), places.colour)
    return image.resize((view.width_px, view.height_px), Image.Resampling.BOX)


def _fill(draw: ImageDraw.ImageDraw, corners: list[tuple[float, float]], colour: str) -> None:
    left, top, right, bottom = _box(corners)
    half = _LEAST_PX * _SHARPNESS / 2
    if right - left < 2 * half or bottom - top < 2 * half:
        x, y = (left + right) / 2, (top + bottom) / 2
        draw.rectangle((x - half, y - half, x + half, y + half), fill=colour)
    else:
        draw.polygon(corners, fill=colour, outline=BACKGROUND, width=_SHARPNESS)


def _parts(outline: shapely.Geometry, view: View) -> Iterator[shapely.Geometry]:
    """The polygons of an outline, moved around the globe to where the view is."""
    for part in shapely.get_parts(outline):
        middle = (part.bounds[0] + part.bounds[2]) / 2
        turns = ceil((view.west - middle) / 360)
        yield translate(part, xoff=360 * turns) if turns else part


def _graticule(view: View) -> Iterator[list[tuple[float, float]]]:
    for lon in _ticks(view.west, view.east):
        yield [(lon, view.south), (lon, view.north)]
    for lat in _ticks(view.south, view.north):
        yield [(view.west, lat), (view.east, lat)]


def _ticks(first: float, last: float) -> list[float]:
    """Round degrees between two; about six, and none at the very edge."""
    step = next((step for step in _STEPS if (last - first) / step <= 8), 60.0)
    start = ceil(first / step) * step
    edge = (last - first) * 0.01
    ticks = [start + step * index for index in range(int((last - start) / step) + 1)]
    return [tick for tick in ticks if first + edge < tick < last - edge]


def _label(image: Image.Image, view: View) -> None:
    draw = ImageDraw.Draw(image)
    for lon in _ticks(view.west, view.east):
        ((x, _),) = view.pixels(np.array([[lon, view.south]]))
        text = _degrees((lon + 180) % 360 - 180, "EW")
        below = _LEFT_PX + x, GAP_PX + view.height_px + 2.0
        draw.text(below, text, fill=NOTE, font=font(), anchor="ma")
    for lat in _ticks(view.south, view.north):
        ((_, y),) = view.pixels(np.array([[view.west, lat]]))
        beside = _LEFT_PX - 4.0, GAP_PX + y
        draw.text(beside, _degrees(lat, "NS"), fill=NOTE, font=font(), anchor="rm")


def _degrees(value: float, signs: str) -> str:
    """A coordinate as on a map.

    >>> _degrees(-7.5, "EW"), _degrees(0, "NS")
    ('7.5°W', '0°')
    """
    sign = "" if value in (0, -180, 180) else signs[value < 0]
    return f"{abs(value):g}°{sign}"


def _name(image: Image.Image, view: View, layers: Sequence[Places]) -> None:
    draw = ImageDraw.Draw(image)
    for places in layers:
        for outline, name in zip(places.outlines, places.names, strict=False):
            part = max(_parts(outline, view), key=lambda part: float(part.area))
            corners = view.pixels(shapely.get_coordinates(part.exterior))
            left, top, right, bottom = _box(corners)
            if right - left >= _NAMED_PX:
                place = (_LEFT_PX + (left + right) / 2, GAP_PX + (top + bottom) / 2)
                draw.text(place, name, fill=BACKGROUND, font=font(11), anchor="mm")


def _box(corners: Sequence[tuple[float, float]]) -> tuple[float, float, float, float]:
    """Left, top, right and bottom."""
    xs, ys = zip(*corners, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


@lru_cache(maxsize=1)
def _land() -> tuple[list[np.ndarray], list[np.ndarray]]:
    """(N, 2) degrees of every outline of land, and of the lakes in it."""
    text = resources.files("clay_assets.pictures").joinpath("land.json").read_text("utf-8")
    content = json.loads(text)
    land, lakes = (
        [np.array(flat, float).reshape(-1, 2) / 100 for flat in content[kind]]
        for kind in ("land", "lakes")
    )
    return land, lakes
