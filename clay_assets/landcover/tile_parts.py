"""The box of each Sentinel-2 tile in longitude and latitude; two where the antimeridian cuts it."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from pyproj import Transformer

from clay_assets.ingest.footprint import footprint_wgs84
from clay_assets.mgrs import parse_tile, tile_box
from clay_assets.tiling import ZONES, ZoneTiles, zone_tiles

Boxes = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TileParts:
    """Boxes of some tiles, one row a part."""

    tiles: npt.NDArray[np.str_]
    """(N,) MGRS tile ids; a tile that the antimeridian cuts is there twice."""
    boxes: Boxes
    """(N, 4) west, south, east, north in degrees: the bounds of the tile's outline."""

    def touching(self, bounds: tuple[float, float, float, float]) -> "TileParts":
        """The parts that share ground with a box of west, south, east, north."""
        west, south, east, north = bounds
        boxes = self.boxes
        touch = (boxes[:, 0] < east) & (boxes[:, 2] > west)
        touch &= (boxes[:, 1] < north) & (boxes[:, 3] > south)
        return TileParts(self.tiles[touch], boxes[touch])


@lru_cache(maxsize=1)
def all_parts() -> TileParts:
    """The parts of all 56,686 tiles of ESA's grid."""
    zones = [zone_tiles(zone, southern=southern) for zone in ZONES for southern in (False, True)]
    tiles, boxes = zip(*(_parts_of_zone(zone) for zone in zones), strict=True)
    return TileParts(np.concatenate(tiles), np.concatenate(boxes))


def parts_of(tiles: Iterable[str]) -> TileParts:
    """The parts of some tiles.

    Raises:
        TileError: one of them does not exist.
    """
    names, boxes = [], []
    for tile in tiles:
        for box in _boxes_of(tile):
            names.append(parse_tile(tile))
            boxes.append(box)
    return TileParts(np.array(names, dtype=np.str_), np.array(boxes).reshape(-1, 4))


def _parts_of_zone(zone: ZoneTiles) -> tuple[npt.NDArray[np.str_], Boxes]:
    # always_xy: otherwise PROJ gives lat, lon
    to_wgs84 = Transformer.from_crs(zone.epsg, "OGC:CRS84", always_xy=True)
    west, south, east, north = zone.boxes.T
    x, y = np.stack([east, east, west, west]), np.stack([south, north, north, south])
    lon, lat = to_wgs84.transform(x, y)  # (4, N)
    boxes = np.stack([lon.min(0), lat.min(0), lon.max(0), lat.max(0)], axis=1)
    cut = boxes[:, 2] - boxes[:, 0] >= 180
    halves = [(name, box) for name in zone.names[cut] for box in _boxes_of(str(name))]
    names = np.concatenate([zone.names[~cut], np.array([name for name, _ in halves], np.str_)])
    return names, np.concatenate(
        [boxes[~cut], np.array([box for _, box in halves], float).reshape(-1, 4)]
    )


def _boxes_of(tile: str) -> list[tuple[float, float, float, float]]:
    box = tile_box(tile)
    outline = footprint_wgs84((box.west, box.south, box.east, box.north), box.epsg)
    return [part.bounds for part in getattr(outline, "geoms", [outline])]
