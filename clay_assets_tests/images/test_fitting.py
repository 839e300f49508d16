"""Projections of products that take pictures."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from clay_assets.embeddings.encoding import EncoderSettings
from clay_assets.errors import CheckpointError, InvalidValueError, NotFoundError, ProductError
from clay_assets.images.embed import embed_images
from clay_assets.images.fitting import ImageProjectionReport, fit_image_projection
from clay_assets.images.reading import read_vectors
from clay_assets.store import Store
from clay_assets_tests.images.conftest import LAST_TWO, put_huge_network

ON_CPU = EncoderSettings("cpu", "fp32", 3)
SMALL = replace(LAST_TWO, name="small", standardise=True, pca=3, whiten=True)
ATOL = 1e-4  # of numbers of deviation 1


def _fit(store: Store, **options) -> ImageProjectionReport:
    return fit_image_projection(store, SMALL, ON_CPU, run_id="run", **options)


def _embed(store: Store, product=SMALL):
    return embed_images(store, product, "birds", device="cpu", run_id="run")


def test_vectors_are_projected_as_scikit_learn_does(store: Store, vit: str, birds: str):
    with pytest.raises(NotFoundError, match="product small has no projection yet"):
        _embed(store)
    report = _fit(store)
    assert (report.images, report.image_sets, report.width) == (8, ("birds",), 3)
    assert _embed(store).shape == (3,)
    _embed(store, LAST_TWO)
    full = read_vectors(store, "last_two", "birds")[1].astype(np.float64)
    scaled = StandardScaler().fit_transform(full)
    expected = PCA(3, whiten=True, svd_solver="full").fit_transform(scaled)
    found = read_vectors(store, "small", "birds")[1]
    np.testing.assert_allclose(found, expected, rtol=0, atol=ATOL)


def test_it_is_fitted_once_on_the_same_pictures(store: Store, vit: str, birds: str, folder: Path):
    first = _fit(store, sample=6, seed=1)
    again = _fit(store, sample=6, seed=1)
    assert (again.skipped, again.data_version) == (True, first.data_version)
    other = _fit(store, sample=6, seed=2)
    assert (other.skipped, other.images) == (False, 6)
    assert other.data_version != first.data_version


def test_a_new_projection_embeds_the_set_anew(store: Store, vit: str, birds: str):
    _fit(store, sample=6)
    _embed(store)
    assert _embed(store).skipped
    _fit(store, sample=7)
    assert _embed(store).embedded == 8


def test_pictures_that_cannot_be_read_are_left_out(
    store: Store, vit: str, birds: str, folder: Path
):
    (folder / "a.png").write_bytes(b"no picture")
    assert _fit(store).images == 8


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"sample": 0}, InvalidValueError, "sample must be 1 picture or more, got 0"),
        ({"sample": 3}, ProductError, "pca 3 needs a sample of 4 vectors or more, got 3"),
        ({"image_sets": ["cats"]}, NotFoundError, "there is no image set 'cats'"),
    ],
)
def test_samples_that_do_not_do_are_refused(
    store: Store, vit: str, birds: str, options: dict, error: type[Exception], message: str
):
    with pytest.raises(error, match=re.escape(message)):
        _fit(store, **options)


def test_without_any_picture_it_says_what_to_register(store: Store, vit: str):
    with pytest.raises(NotFoundError, match=re.escape("image sets (none is registered) have no")):
        _fit(store)


def test_numbers_that_are_not_finite_are_refused(store: Store, birds: str, vit: str):
    put_huge_network(store)
    product = replace(SMALL, checkpoint="huge")
    with pytest.raises(CheckpointError, match="embeddings that are not finite"):
        fit_image_projection(store, product, ON_CPU, run_id="run")
