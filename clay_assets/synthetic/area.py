"""The piece of ground that is generated: a window of a real Sentinel-2 tile's 10 m grid."""

from dataclasses import dataclass

from clay_assets.errors import InvalidValueError
from clay_assets.mgrs import TILE_SIDE_M, parse_tile, tile_box

PIXEL_M = 10
TILE_PX = TILE_SIDE_M // PIXEL_M
DEFAULT_TILE = "32TPT"
DEFAULT_CENTRE_PX = (6150, 5400)
"""Column and row of the tile around which windows lie when no offset is given."""


@dataclass(frozen=True)
class Area:
    """A square window of a tile, and the seed of its landscape."""

    tile: str
    """MGRS tile whose grid it uses; the landscape on it is invented."""
    seed: int
    """Same tile, same seed: same landscape, whatever window is cut."""
    x: int
    """First column of the tile's 10 m grid; even."""
    y: int
    """First row; even."""
    size_px: int
    """Side in 10 m pixels; even."""

    @classmethod
    def of(cls, tile: str, *, seed: int, size_px: int, offset_px: tuple[int, int] | None) -> "Area":
        """A checked area; without `offset_px` around the tile's default centre.

        Raises:
            InvalidValueError: the window is odd or leaves the tile.
            TileError: not a tile that exists.
        """
        if offset_px is None:
            last = TILE_PX - size_px
            x, y = (max(0, min(c - size_px // 2, last)) // 2 * 2 for c in DEFAULT_CENTRE_PX)
        else:
            x, y = offset_px
        # 20 m bands: an odd start or size would cut their pixels in half.
        if size_px % 2 or not 16 <= size_px <= TILE_PX:
            raise InvalidValueError(f"size_px must be even and 16 to {TILE_PX}, got {size_px}")
        for name, start in (("x", x), ("y", y)):
            if start % 2 or not 0 <= start <= TILE_PX - size_px:
                raise InvalidValueError(
                    f"offset_px {name} must be even and 0 to {TILE_PX - size_px} for a window of "
                    f"{size_px} pixels, got {start}"
                )
        return cls(parse_tile(tile), seed, x, y, size_px)

    @property
    def epsg(self) -> int:
        """EPSG code of the tile's UTM zone."""
        return tile_box(self.tile).epsg

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """west, south, east, north in metres."""
        box = tile_box(self.tile)
        west, north = box.west + PIXEL_M * self.x, box.north - PIXEL_M * self.y
        side = PIXEL_M * self.size_px
        return west, north - side, west + side, north
