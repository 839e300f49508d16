"""Platforms that Clay v1 was trained on: their bands, wavelengths and input statistics.

Source:
    Clay-foundation/model (Apache-2.0), claymodel/configs/metadata.yaml at commit 64313d94, the
    table of v1.5; Sentinel-1 of v1.0 as in configs/metadata.yaml at commit 34e8b36b.
"""

from dataclasses import dataclass

from clay_assets.bands import SENTINEL2_BANDS
from clay_assets.errors import InvalidValueError


@dataclass(frozen=True)
class PlatformBand:
    """One band of a platform."""

    name: str
    """As the table names it: `red`."""
    wavelength_um: float
    """Central wavelength in micrometres; of radar a stand-in that only tells bands apart."""
    mean: float
    """Over Clay's training set, in the platform's unit."""
    std: float
    """Over Clay's training set, in the platform's unit."""
    in_chips: str
    """As our chips name it: `B04`; else the same as `name`."""


@dataclass(frozen=True)
class Platform:
    """One sensor and processing level."""

    name: str
    """As STAC collections are called: `sentinel-2-l2a`."""
    gsd_m: float
    """Ground covered by a pixel in metres, in training."""
    unit: str
    """`dn` digital numbers of the product, `byte` 0 to 255, `power` linear gamma0, `db` that in
    decibel."""
    bands: tuple[PlatformBand, ...]
    """In the order of the table."""
    rgb: tuple[int, int, int] | None
    """Red, green and blue among `bands`; None for radar."""

    def pick(self, bands: tuple[str, ...]) -> dict[int, PlatformBand]:
        """Its bands that a chip of these has, by their place in the chip."""
        found = {}
        for band in self.bands:
            for name in (band.in_chips, band.name):
                if name in bands:
                    found[bands.index(name)] = band
                    break
        return found


def _platform(
    name: str,
    gsd_m: float,
    unit: str,
    rgb: tuple[int, int, int] | None,
    *bands: tuple[str, float, float, float],
    in_chips: tuple[str, ...] = (),
) -> Platform:
    """A platform from rows of name, wavelength, mean and deviation."""
    names = in_chips or tuple(row[0] for row in bands)
    rows = zip(bands, names, strict=True)
    return Platform(name, gsd_m, unit, tuple(PlatformBand(*row, own) for row, own in rows), rgb)


SENTINEL2 = "sentinel-2-l2a"
SENTINEL1 = "sentinel-1-rtc"


PLATFORMS: dict[str, Platform] = {
    platform.name: platform
    for platform in (
        _platform(
            SENTINEL2,
            10,
            "dn",
            (2, 1, 0),
            ("blue", 0.493, 1105, 1809),
            ("green", 0.56, 1355, 1757),
            ("red", 0.665, 1552, 1888),
            ("rededge1", 0.704, 1887, 1870),
            ("rededge2", 0.74, 2422, 1732),
            ("rededge3", 0.783, 2630, 1697),
            ("nir", 0.842, 2743, 1742),
            ("nir08", 0.865, 2785, 1648),
            ("swir16", 1.61, 2388, 1470),
            ("swir22", 2.19, 1835, 1379),
            in_chips=SENTINEL2_BANDS,
        ),
        _platform(
            SENTINEL1,
            10,
            "db",
            None,
            ("vv", 3.5, -12.113, 8.314),
            ("vh", 4.0, -18.673, 8.017),
        ),
        _platform(
            "landsat-c2l1",
            30,
            "dn",
            (0, 1, 2),
            ("red", 0.65, 10678, 6025),
            ("green", 0.56, 10563, 5411),
            ("blue", 0.48, 11083, 5468),
            ("nir08", 0.86, 14792, 6746),
            ("swir16", 1.6, 12276, 5897),
            ("swir22", 2.2, 10114, 4850),
        ),
        _platform(
            "landsat-c2l2-sr",
            30,
            "dn",
            (0, 1, 2),
            ("red", 0.65, 13705, 9578),
            ("green", 0.56, 13310, 9408),
            ("blue", 0.48, 12474, 10144),
            ("nir08", 0.86, 17801, 8277),
            ("swir16", 1.6, 14615, 5300),
            ("swir22", 2.2, 12701, 4522),
        ),
        _platform(
            "naip",
            1,
            "byte",
            (0, 1, 2),
            ("red", 0.65, 110.16, 47.23),
            ("green", 0.56, 115.41, 39.82),
            ("blue", 0.48, 98.15, 35.43),
            ("nir", 0.842, 139.04, 49.86),
        ),
        _platform(
            "linz",
            0.5,
            "byte",
            (0, 1, 2),
            ("red", 0.635, 89.96, 41.83),
            ("green", 0.555, 99.46, 36.96),
            ("blue", 0.465, 89.51, 31.45),
        ),
        _platform(
            "modis",
            500,
            "dn",
            (0, 3, 2),
            ("sur_refl_b01", 0.645, 1072, 1643),
            ("sur_refl_b02", 0.858, 1624, 1878),
            ("sur_refl_b03", 0.469, 931, 1449),
            ("sur_refl_b04", 0.555, 1023, 1538),
            ("sur_refl_b05", 1.24, 1599, 1763),
            ("sur_refl_b06", 1.64, 1404, 1618),
            ("sur_refl_b07", 2.13, 1051, 1396),
        ),
        _platform(
            "planetscope-sr",
            5,
            "dn",
            (5, 3, 1),
            ("coastal_blue", 0.443, 1720, 747),
            ("blue", 0.49, 1715, 698),
            ("green_i", 0.531, 1913, 739),
            ("green", 0.565, 2088, 768),
            ("yellow", 0.61, 2274, 849),
            ("red", 0.665, 2290, 868),
            ("rededge", 0.705, 2613, 849),
            ("nir", 0.865, 3970, 914),
        ),
        _platform(
            "satellogic-MSI-L1D",
            1,
            "dn",
            (0, 1, 2),
            ("red", 0.64, 1451.54, 995.48),
            ("green", 0.545, 1456.54, 771.29),
            ("blue", 0.48, 1543.22, 708.86),
            ("nir", 0.825, 2132.68, 1236.71),
        ),
    )
}
"""By name; those of our own chips first."""


SENTINEL1_OF_V1_0 = _platform(
    SENTINEL1,
    10,
    "power",
    None,
    ("vv", 3.5, 0.123273, 1.492154),
    ("vh", 4.0, 0.027337, 0.122182),
)
"""What v1.0 was trained on, before decibels; all else that it knew is as in the table."""


def platform_named(name: str) -> Platform:
    """The platform of that name.

    Raises:
        InvalidValueError: there is none.
    """
    if name not in PLATFORMS:
        raise InvalidValueError(f"platform must be one of {', '.join(PLATFORMS)}, got {name!r}")
    return PLATFORMS[name]


def platform_of(bands: tuple[str, ...]) -> Platform:
    """The platform of a chip's bands; chips of Sentinel-2 and Sentinel-1 count as Sentinel-2.

    >>> platform_of(("vh", "vv")).name
    'sentinel-1-rtc'

    Raises:
        InvalidValueError: no platform has any of them, or several have.
    """
    found = [platform for platform in PLATFORMS.values() if platform.pick(bands)]
    names = [platform.name for platform in found]
    if len(found) == 1 or names == [SENTINEL2, SENTINEL1]:
        return found[0]
    if not found:
        raise InvalidValueError(
            f"bands {' '.join(bands) or 'none'} are of no platform that Clay v1 knows; it knows "
            + "; ".join(
                f"{p.name} ({' '.join(b.in_chips for b in p.bands)})" for p in PLATFORMS.values()
            )
        )
    raise InvalidValueError(
        f"bands {' '.join(bands)} could be of {', '.join(names)}, whose statistics differ; "
        "say which as platform"
    )
