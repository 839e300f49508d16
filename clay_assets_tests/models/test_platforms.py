import pytest

from clay_assets.bands import BAND_NAMES, SENTINEL1_BANDS, SENTINEL2_BANDS
from clay_assets.errors import InvalidValueError
from clay_assets.models.platforms import PLATFORMS, platform_named, platform_of

SENTINEL2_RED = ("red", 0.665, 1552, 1888, "B04")  # shared/reference/clay.md 6
SENTINEL2_SWIR = ("swir22", 2.19, 1835, 1379, "B12")
SENTINEL1_VH = ("vh", 4.0, -18.673, 8.017, "vh")


def test_sentinels_have_the_numbers_of_the_reference():
    s2, s1 = PLATFORMS["sentinel-2-l2a"].bands, PLATFORMS["sentinel-1-rtc"].bands
    found = [
        (band.name, band.wavelength_um, band.mean, band.std, band.in_chips)
        for band in (s2[2], s2[-1], s1[-1])
    ]
    assert found == [SENTINEL2_RED, SENTINEL2_SWIR, SENTINEL1_VH]
    assert tuple(band.in_chips for band in s2) == SENTINEL2_BANDS


@pytest.mark.parametrize("platform", PLATFORMS.values(), ids=lambda platform: platform.name)
def test_red_is_of_a_longer_wave_than_green_and_green_than_blue(platform):
    if platform.rgb is not None:
        red, green, blue = (platform.bands[index].wavelength_um for index in platform.rgb)
        assert 0.6 < red < 0.7
        assert 0.5 < green < 0.6
        assert 0.4 < blue < 0.5
    assert len({band.name for band in platform.bands}) == len(platform.bands)
    assert all(band.std > 0 for band in platform.bands)


@pytest.mark.parametrize(
    ("bands", "name"),
    [
        (BAND_NAMES, "sentinel-2-l2a"),
        (SENTINEL2_BANDS, "sentinel-2-l2a"),
        (("B08",), "sentinel-2-l2a"),
        (SENTINEL1_BANDS, "sentinel-1-rtc"),
        (("vv", "dem"), "sentinel-1-rtc"),
        (("sur_refl_b01", "sur_refl_b02"), "modis"),
        (("blue", "yellow"), None),
    ],
)
def test_bands_tell_the_platform_unless_several_have_them(bands: tuple[str, ...], name: str | None):
    if name is None:
        with pytest.raises(
            InvalidValueError, match="bands blue yellow could be of sentinel-2-l2a, "
        ):
            platform_of(bands)
    else:
        assert platform_of(bands).name == name


def test_bands_are_picked_in_the_order_of_the_platform():
    picked = PLATFORMS["sentinel-1-rtc"].pick(("dem", "vh", "vv"))
    assert [(index, band.name) for index, band in picked.items()] == [(2, "vv"), (1, "vh")]


def test_a_band_has_the_name_of_our_chips_or_of_the_platform():
    found = PLATFORMS["sentinel-2-l2a"].pick(("B04", "nir"))
    assert [band.name for band in found.values()] == ["red", "nir"]


def test_bands_of_no_platform_are_refused():
    with pytest.raises(InvalidValueError, match=r"bands dem are of no platform .*linz \(red green"):
        platform_of(("dem",))
    with pytest.raises(InvalidValueError, match="bands none are of no platform"):
        platform_of(())


def test_an_unknown_platform_is_refused():
    with pytest.raises(InvalidValueError, match=r"sentinel-2-l2a, .*, got 'sentinel-3'"):
        platform_named("sentinel-3")
