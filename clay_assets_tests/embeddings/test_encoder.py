import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clay_assets.bands import BAND_NAMES, SENTINEL2_BANDS
from clay_assets.embeddings import load_encoder
from clay_assets.embeddings.extraction import Extraction
from clay_assets.errors import InvalidValueError, NotFoundError
from clay_assets.models.token_encoder import ChipKind
from clay_assets.settings import PRECISIONS
from clay_assets.store import Store
from clay_assets_tests.embeddings.conftest import CHIP_SIZE, make_chip, put_weights

MEAN, GROUP = Extraction("mean"), Extraction("group")
HOW = {"device": "cpu", "precision": "fp32", "batch_size": 4}


def encoder_of(store, extraction=MEAN, bands=BAND_NAMES, *, seed=0, **how):
    kind = ChipKind(bands, CHIP_SIZE, 10.0)
    return load_encoder(store, put_weights(store, seed=seed), kind, extraction, **HOW | how)


def test_an_encoder_is_loaded_once(store):
    first = encoder_of(store)
    assert encoder_of(store) is first
    assert encoder_of(store, precision="bf16") is not first
    assert encoder_of(store, seed=1) is not first


def test_two_ways_to_use_a_network_share_its_weights(store):
    first, second = encoder_of(store), encoder_of(store, GROUP)
    assert first is not second
    assert first.encoder is second.encoder


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """An encoder of each precision, three chips, and the vector of each chip alone."""
    folder = tmp_path_factory.mktemp("three")
    store = Store(str(folder / "data"), folder / "cache")
    chips = [make_chip(number) for number in range(3)]
    found = {}
    for precision in PRECISIONS:
        encoder = encoder_of(store, GROUP, precision=precision)
        found[precision] = encoder, [encoder.embed([chip]).wait()[0] for chip in chips]
    return chips, found


@pytest.mark.parametrize("precision", PRECISIONS)
@settings(max_examples=20)
@given(order=st.lists(st.integers(0, 2), min_size=1, max_size=4))
def test_a_chip_has_the_same_vector_whatever_its_batch(three, precision, order):
    chips, found = three
    encoder, alone = found[precision]
    together = encoder.embed([chips[number] for number in order]).wait()
    assert np.array_equal(together, [alone[number] for number in order])


def test_place_and_date_change_the_embedding(store):
    chip, later = make_chip(1, date="2023-06-12"), make_chip(1, date="2023-09-01")
    later = type(chip)(**vars(chip) | {"date": later.date})
    moved = type(chip)(**vars(chip) | {"epsg": 32633})
    found = encoder_of(store).embed([chip, later, moved]).wait()
    assert not np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


def test_chips_without_radar_use_the_groups_they_have(store):
    encoder = encoder_of(store, GROUP, SENTINEL2_BANDS)
    found = encoder.embed([make_chip(1, bands=SENTINEL2_BANDS)]).wait()
    assert found.shape == (1, 4 * 2 * 2 * 16)


def test_an_unknown_precision_is_refused(store):
    with pytest.raises(InvalidValueError, match=r"precision must be one of fp32, .*got 'fp8'"):
        encoder_of(store, precision="fp8")


@pytest.mark.parametrize("count", [0, 5])
def test_a_batch_holds_no_more_chips_than_it_was_made_for(store, count):
    message = f"a batch has 1 to batch_size 4 chips, got {count}"
    with pytest.raises(InvalidValueError, match=message):
        encoder_of(store).embed([make_chip(1)] * count)


def test_an_unknown_checkpoint_is_named(store):
    with pytest.raises(NotFoundError, match="no checkpoint 'nobody'"):
        load_encoder(store, "nobody", ChipKind(BAND_NAMES, CHIP_SIZE, 10.0), MEAN, **HOW)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(("precision", "atol"), [("fp32", 1e-4), ("bf16", 5e-2)])  # token units
def test_a_gpu_agrees_with_the_cpu(store, precision, atol):
    chips = [make_chip(number) for number in range(3)]
    expected = encoder_of(store, GROUP).embed(chips).wait()
    found = encoder_of(store, GROUP, device="cuda", precision=precision).embed(chips).wait()
    np.testing.assert_allclose(found, expected, rtol=0, atol=atol)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_gpu_gives_the_same_vector_whatever_the_batch(store, precision):
    encoder = encoder_of(store, GROUP, device="cuda", precision=precision)
    chips = [make_chip(number) for number in range(3)]
    alone = [encoder.embed([chip]).wait()[0] for chip in chips]
    for order in [(0, 1, 2), (2, 1, 0), (1, 1, 1, 2)]:
        together = encoder.embed([chips[number] for number in order]).wait()
        assert np.array_equal(together, [alone[number] for number in order])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_batches_in_flight_do_not_mix_on_a_gpu(store):
    encoder, chips = encoder_of(store, device="cuda"), [make_chip(number) for number in range(12)]
    flying = [encoder.embed([chip]) for chip in chips]
    found = [pending.wait()[0] for pending in flying]
    assert np.array_equal(found, [encoder.embed([chip]).wait()[0] for chip in chips])
