import numpy as np
import pytest
import torch

from clay_assets.bands import BAND_NAMES, statistics_of
from clay_assets.errors import InvalidValueError
from clay_assets.models import (
    SIZES,
    ClayV0Config,
    TransformerSize,
    encode_latlon,
    encode_timestep,
    normalise,
    size_named,
)
from clay_assets.models.inputs import Normalisation

ANGLE_ATOL = 1e-12  # radians
SMALL = TransformerSize(dim=16, depth=1, heads=1, dim_head=8, mlp_ratio=1)


def test_angles_of_dates_and_places_agree_with_the_reference(tiny):
    dates = [encode_timestep(str(date)) for date in tiny["E_dates"]]
    places = [encode_latlon(lon, lat) for lon, lat in tiny["E_lonlat"].tolist()]
    np.testing.assert_allclose(dates, tiny["E_timestep"], rtol=0, atol=ANGLE_ATOL)
    np.testing.assert_allclose(places, tiny["E_latlon"], rtol=0, atol=ANGLE_ATOL)


def test_a_date_as_the_reference_gives_it():
    expected = (-1.22173, 2.71319, -2.40855)  # shared/reference/clay.md 1.8
    assert encode_timestep("2020-10-20") == pytest.approx(expected, abs=1e-5)  # radians


def test_a_date_written_otherwise_is_refused():
    with pytest.raises(InvalidValueError, match="date must be written YYYY-MM-DD, got '20201020'"):
        encode_timestep("20201020")


def test_normalise_takes_the_named_bands_only():
    pixels = torch.tensor([1369.03, 0.118]).reshape(2, 1, 1)
    assert normalise(pixels, ("B02", "vv")).abs().max() < 1e-6


def test_normalise_refuses_another_number_of_bands():
    with pytest.raises(InvalidValueError, match="13 bands named, but pixels have 4"):
        normalise(torch.zeros(1, 4, 8, 8))


def test_chips_are_normalised_as_their_bands_one_by_one():
    chips = torch.rand(2, 13, 4, 4, generator=torch.Generator().manual_seed(0)) * 3000
    bands = ("dem", "B02", "vv")
    index = tuple(BAND_NAMES.index(name) for name in bands)
    means, stds = statistics_of(bands)
    found = Normalisation(index, tuple(means), tuple(stds))(chips)
    assert torch.equal(found, normalise(chips[:, list(index)], bands))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.float64])
def test_chips_of_any_type_are_normalised_in_float32(dtype: torch.dtype):
    chips = torch.full((1, 1, 2, 2), 200, dtype=dtype)
    found = Normalisation((0,), (100.0,), (50.0,))(chips)
    assert found.dtype == torch.float32
    assert found.unique().tolist() == [2.0]


@pytest.mark.parametrize("name", SIZES)
def test_a_released_size_knows_its_name_and_survives_json(name: str):
    config = ClayV0Config(*size_named(name), band_groups=("rgb", "dem"))
    assert config.size_name == name
    assert ClayV0Config.from_json(config.to_json()) == config


def test_a_new_choice_at_its_default_leaves_stored_configs_as_they_were():
    config = ClayV0Config(SMALL, SMALL)
    keys = {"encoder", "decoder", "image_size", "patch_size", "mask_ratio", "band_groups"}
    assert set(config.to_json()) == keys
    chosen = ClayV0Config(SMALL, SMALL, float16_encodings=True)
    assert set(chosen.to_json()) == keys | {"float16_encodings"}
    assert ClayV0Config.from_json(chosen.to_json()) == chosen


def test_an_unknown_size_is_refused():
    with pytest.raises(InvalidValueError, match="tiny, small, medium, large, got 'base'"):
        size_named("base")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dim": 20}, "dim must be a multiple of 8 from 16 on, got 20"),
        ({"dim": 8}, "dim must be a multiple of 8 from 16 on, got 8"),
        ({"heads": 0}, "heads must be 1 or more, got 0"),
    ],
)
def test_an_impossible_transformer_is_refused(change, message):
    with pytest.raises(InvalidValueError, match=message):
        TransformerSize(**(SMALL.__dict__ | change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"patch_size": 30}, "patch_size 30 does not divide image_size 512"),
        ({"mask_ratio": 1.0}, "mask_ratio must be 0 to below 1, got 1.0"),
        ({"band_groups": ("rgb", "thermal")}, "swir, sar, dem, got rgb, thermal"),
        ({"band_groups": ()}, "got none"),
    ],
)
def test_an_impossible_config_is_refused(change, message):
    with pytest.raises(InvalidValueError, match=message):
        ClayV0Config(SMALL, SMALL, **change)


def test_an_unknown_key_of_a_config_is_refused():
    values = ClayV0Config(SMALL, SMALL).to_json() | {"dropout": 0.1}
    with pytest.raises(InvalidValueError, match=r"not a Clay v0 config: .*'dropout'"):
        ClayV0Config.from_json(values)
