"""Clay v0's thirteen bands: order, groups, input statistics, and Sentinel-2's scene classes.

Source:
    Clay-foundation/model, release v0.0.1 and later (statistics unchanged since commit de1556b).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Band:
    """One band of a chip."""

    name: str
    """Name as written into the chip file's band description."""
    mean: float
    """Mean over Clay's training set, in the band's own unit."""
    std: float
    """Standard deviation over Clay's training set, in the band's own unit."""
    unit: str
    """`dn` Sentinel-2 L2A digital number, `power` linear gamma0, `m` metres."""


BANDS: tuple[Band, ...] = (
    Band("B02", 1369.03, 2026.96, "dn"),
    Band("B03", 1597.68, 2011.88, "dn"),
    Band("B04", 1741.10, 2146.35, "dn"),
    Band("B05", 2053.58, 2138.96, "dn"),
    Band("B06", 2569.82, 2003.27, "dn"),
    Band("B07", 2763.01, 1962.45, "dn"),
    Band("B08", 2858.43, 2016.38, "dn"),
    Band("B8A", 2893.86, 1917.12, "dn"),
    Band("B11", 2303.00, 1679.88, "dn"),
    Band("B12", 1807.79, 1568.06, "dn"),
    Band("vh", 0.026, 0.118, "power"),
    Band("vv", 0.118, 0.873, "power"),
    Band("dem", 499.46, 880.35, "m"),
)
"""Bands in file order. vh comes before vv, as in Clay's files."""

BAND_NAMES: tuple[str, ...] = tuple(band.name for band in BANDS)
SENTINEL2_BANDS: tuple[str, ...] = BAND_NAMES[:10]
SENTINEL1_BANDS: tuple[str, ...] = ("vh", "vv")
DEM_BANDS: tuple[str, ...] = ("dem",)

BAND_GROUPS: dict[str, tuple[str, ...]] = {
    "rgb": ("B04", "B03", "B02"),
    "rededge": ("B05", "B06", "B07", "B8A"),
    "nir": ("B08",),
    "swir": ("B11", "B12"),
    "sar": ("vh", "vv"),
    "dem": ("dem",),
}
"""Bands that share one patch projection, in the order Clay gathers them."""

SCL_CLASSES: dict[int, str] = {
    0: "no data",
    1: "saturated or defective",
    2: "dark area",
    3: "cloud shadow",
    4: "vegetation",
    5: "bare soil",
    6: "water",
    7: "unclassified",
    8: "cloud, medium probability",
    9: "cloud, high probability",
    10: "thin cirrus",
    11: "snow or ice",
}
"""Sentinel-2 L2A scene classification codes. Source: ESA, Sentinel-2 L2A ATBD."""

SCL_BAD: frozenset[int] = frozenset({0, 1, 3, 8, 9, 10})
"""Classes Clay counts as unusable when it judges a chip."""


def band_groups_of(bands: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    """Band groups whose bands are all among `bands`, as indices into it.

    >>> band_groups_of(("B02", "B03", "B04", "B08"))
    {'rgb': (2, 1, 0), 'nir': (3,)}
    """
    return {
        group: tuple(bands.index(name) for name in names)
        for group, names in BAND_GROUPS.items()
        if set(names) <= set(bands)
    }


def statistics_of(bands: tuple[str, ...]) -> tuple[list[float], list[float]]:
    """Means and standard deviations of `bands`, in that order.

    Raises:
        KeyError: a name is not one of `BAND_NAMES`.
    """
    by_name = {band.name: band for band in BANDS}
    return [by_name[name].mean for name in bands], [by_name[name].std for name in bands]
