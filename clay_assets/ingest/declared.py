"""Whether a raster file is what its STAC item declares: size, CRS and place."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pystac
from affine import Affine

_TOLERANCE_PX = 0.1
_AFFINE_NUMBERS = 6


@dataclass(frozen=True)
class RasterFacts:
    """Size and place of a raster."""

    epsg: int
    """EPSG code of its CRS."""
    transform: Affine
    """From (column, row) to (x, y)."""
    height: int
    """Rows."""
    width: int
    """Columns."""

    @property
    def corners(self) -> tuple[float, float, float, float]:
        """Its upper left x and y and its lower right x and y, in CRS units."""
        return *(self.transform @ (0, 0)), *(self.transform @ (self.width, self.height))


def lie_about(item: pystac.Item, href: str, found: RasterFacts) -> str | None:
    """What an item declares of one of its files that is not so; None when all is.

    What is declared of the asset counts before what is declared of the whole item. An item whose
    assets differ in resolution declares shape and transform of one of them only, so of those two
    at item level only the ground they span is compared.

    Source:
        STAC projection extension 2.0: `proj:code` (before: `proj:epsg`), `proj:shape`,
        `proj:transform`.
    """
    asset_name, own = _asset_of(item, href)
    fields = item.properties | own
    told = _lie(fields, found, own_shape="proj:shape" in own, own_place="proj:transform" in own)
    if told is None:
        return None
    declared, real = told
    return (
        f"item {item.id} declares of {asset_name} {declared}, {href} has {real}; mend the item or "
        "fetch the file it means"
    )


def _asset_of(item: pystac.Item, href: str) -> tuple[str, dict[str, Any]]:
    for name, asset in item.assets.items():
        if href in (asset.href, asset.get_absolute_href()):
            return name, asset.extra_fields
    return "its file", {}


def _lie(
    fields: dict[str, Any], found: RasterFacts, *, own_shape: bool, own_place: bool
) -> tuple[str, str] | None:
    """What is declared and what is found, of the first thing that differs."""
    epsg = _epsg(fields)
    if epsg is not None and epsg != found.epsg:
        return f"EPSG:{epsg}", f"EPSG:{found.epsg}"
    shape, numbers = _shape(fields), _numbers(fields.get("proj:transform"), _AFFINE_NUMBERS)
    if own_shape and shape and shape != (found.height, found.width):
        return f"{shape[0]}x{shape[1]} pixels", f"{found.height}x{found.width}"
    if numbers and own_place:
        shape = found.height, found.width
    elif not numbers or not shape or own_shape:
        return None
    declared = RasterFacts(found.epsg, Affine(*numbers), *shape)
    corners = zip(declared.corners, found.corners, strict=True)
    slack = _TOLERANCE_PX * abs(found.transform.a)
    if any(abs(one - other) > slack for one, other in corners):
        what = "the transform" if own_place else "as of all its files a ground of transform"
        return f"{what} {_short(declared.transform)}", _short(found.transform)
    return None


def _epsg(fields: dict[str, Any]) -> int | None:
    code = fields.get("proj:code") or fields.get("proj:epsg")
    digits = str(code or "").upper().removeprefix("EPSG:")
    return int(digits) if digits.isdigit() else None


def _shape(fields: dict[str, Any]) -> tuple[int, int] | None:
    numbers = _numbers(fields.get("proj:shape"), 2)
    return (int(numbers[0]), int(numbers[1])) if numbers else None


def _numbers(value: object, count: int) -> list[float] | None:
    """The first numbers of a list; None when it is no such list, then it declares nothing."""
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) < count:
        return None
    try:
        return [float(number) for number in value[:count]]
    except (TypeError, ValueError):
        return None


def _short(transform: Affine) -> str:
    return ", ".join(f"{number:.10g}" for number in transform[:_AFFINE_NUMBERS])
