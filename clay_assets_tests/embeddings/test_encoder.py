import numpy as np
import pytest
import torch

from clay_assets.bands import BAND_NAMES, SENTINEL2_BANDS
from clay_assets.embeddings import load_encoder
from clay_assets.errors import InvalidValueError, NotFoundError
from clay_assets_tests.embeddings.conftest import make_chip, put_weights


def encoder_of(store, bands=BAND_NAMES, *, seed=0, precision="fp32"):
    checkpoint_id = put_weights(store, seed=seed)
    return load_encoder(store, checkpoint_id, bands, device="cpu", precision=precision)


def test_an_encoder_is_loaded_once(store):
    first = encoder_of(store)
    assert encoder_of(store) is first
    assert encoder_of(store, precision="bf16") is not first
    assert encoder_of(store, seed=1) is not first


def test_a_chip_embeds_the_same_in_any_batch(store):
    encoder, chips = encoder_of(store), [make_chip(number) for number in range(3)]
    together = encoder.embed(chips, "mean").wait()
    alone = np.concatenate([encoder.embed([chip], "mean").wait() for chip in chips])
    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-6)  # token units


def test_place_and_date_change_the_embedding(store):
    chip, later = make_chip(1, date="2023-06-12"), make_chip(1, date="2023-09-01")
    later = type(chip)(**vars(chip) | {"date": later.date})
    moved = type(chip)(**vars(chip) | {"epsg": 32633})
    encoder = encoder_of(store)
    found = encoder.embed([chip, later, moved], "mean").wait()
    assert not np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


def test_chips_without_radar_use_the_groups_they_have(store):
    encoder = encoder_of(store, SENTINEL2_BANDS)
    assert list(encoder.network.groups) == ["rgb", "rededge", "nir", "swir"]
    found = encoder.embed([make_chip(1, bands=SENTINEL2_BANDS)], "group").wait()
    assert found.shape == (1, 4 * 2 * 2 * 16)


def test_an_unknown_precision_is_refused(store):
    with pytest.raises(InvalidValueError, match="precision must be one of fp32, bf16, got 'fp8'"):
        encoder_of(store, precision="fp8")


def test_an_unknown_checkpoint_is_named(store):
    with pytest.raises(NotFoundError, match="no checkpoint 'nobody'"):
        load_encoder(store, "nobody", BAND_NAMES, device="cpu", precision="fp32")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(("precision", "atol"), [("fp32", 1e-4), ("bf16", 5e-2)])  # token units
def test_a_gpu_agrees_with_the_cpu(store, precision, atol):
    chips = [make_chip(number) for number in range(3)]
    on_cpu = encoder_of(store)
    on_gpu = load_encoder(
        store, on_cpu.checkpoint_id, BAND_NAMES, device="cuda", precision=precision
    )
    expected = on_cpu.embed(chips, "group").wait()
    np.testing.assert_allclose(on_gpu.embed(chips, "group").wait(), expected, rtol=0, atol=atol)
