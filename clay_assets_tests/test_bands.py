import pytest

from clay_assets.bands import (
    BAND_GROUPS,
    BAND_NAMES,
    BANDS,
    DEM_BANDS,
    SCL_BAD,
    SCL_CLASSES,
    SENTINEL1_BANDS,
    SENTINEL2_BANDS,
    band_groups_of,
    statistics_of,
)


def test_bands_are_clays_in_the_order_of_its_files():
    names = "B02 B03 B04 B05 B06 B07 B08 B8A B11 B12 vh vv dem"
    assert BAND_NAMES == tuple(names.split())
    assert BAND_NAMES == SENTINEL2_BANDS + SENTINEL1_BANDS + DEM_BANDS


def test_groups_index_the_bands_as_clay_does():
    """Clay-foundation/model, release v0.0.1: src/model_clay.py, band_groups."""
    assert band_groups_of(BAND_NAMES) == {
        "rgb": (2, 1, 0),
        "rededge": (3, 4, 5, 7),
        "nir": (6,),
        "swir": (8, 9),
        "sar": (10, 11),
        "dem": (12,),
    }
    assert list(band_groups_of(BAND_NAMES)) == list(BAND_GROUPS)


def test_every_band_is_in_one_group():
    assert sorted(name for names in BAND_GROUPS.values() for name in names) == sorted(BAND_NAMES)


@pytest.mark.parametrize(
    ("bands", "groups"),
    [
        (SENTINEL2_BANDS, ["rgb", "rededge", "nir", "swir"]),
        (BAND_NAMES[:12], ["rgb", "rededge", "nir", "swir", "sar"]),
        (("vv", "B08"), ["nir"]),  # radar needs both
        ((), []),
    ],
)
def test_a_group_needs_all_its_bands(bands, groups):
    assert list(band_groups_of(bands)) == groups


def test_statistics_are_clays():
    """Clay-foundation/model, src/datamodule.py since commit de1556b."""
    means, stds = statistics_of(("vv", "B02", "dem"))
    assert means == [0.118, 1369.03, 499.46]
    assert stds == [0.873, 2026.96, 880.35]
    assert all(band.std > 0 for band in BANDS)


def test_an_unknown_band_has_no_statistics():
    with pytest.raises(KeyError, match="B01"):
        statistics_of(("B02", "B01"))


def test_bad_classes_are_classes():
    assert set(SCL_CLASSES) == set(range(12))
    assert {SCL_CLASSES[code].split()[0] for code in SCL_BAD} == {
        "no",
        "saturated",
        "cloud",
        "cloud,",
        "thin",
    }
