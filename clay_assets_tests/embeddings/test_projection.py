"""Projections against scikit-learn's own transforms, and how they are kept."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from clay_assets.embeddings import Product
from clay_assets.embeddings.projection import (
    find_projection,
    fit,
    load_projection,
    put_projection,
)
from clay_assets.errors import NotFoundError, ProductError

MADE = {"checkpoint_id": "0123456789abcdef", "inputs": "in", "run_id": "run"}


def sample(count=200, width=12, seed=0):
    """Vectors with dimensions of very different means and deviations."""
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(count, width)) @ rng.normal(size=(width, width))
    return (mixed * np.logspace(-2, 2, width) + np.arange(width)).astype("float32")


def sklearn_of(product):
    steps = [StandardScaler()] if product.standardise else []
    if product.pca is not None:
        steps.append(PCA(product.pca, whiten=product.whiten, svd_solver="full"))
    return make_pipeline(*steps)


@pytest.mark.parametrize(
    "product",
    [
        Product("p", standardise=True),
        Product("p", pca=5),
        Product("p", pca=12),
        Product("p", pca=5, whiten=True),
        Product("p", standardise=True, pca=5),
        Product("p", standardise=True, pca=5, whiten=True),
    ],
    ids=lambda product: f"{product.standardise}-{product.pca}-{product.whiten}",
)
def test_a_projection_is_that_of_scikit_learn(product):
    fitted_on, others = sample(), sample(30, seed=1)
    projection = fit(product, fitted_on)
    wanted = sklearn_of(product).fit(fitted_on.astype("float64")).transform(others)
    found = projection.apply(torch.from_numpy(others)).numpy()
    assert found.dtype == np.float32
    assert found.shape == (30, projection.width) == wanted.shape
    scale = np.abs(wanted).max(axis=0)
    np.testing.assert_allclose(found / scale, wanted / scale, rtol=0, atol=2e-6)
    assert projection.vectors == 200


def test_explained_variance_is_that_of_scikit_learn():
    pca = PCA(5, svd_solver="full").fit(sample().astype("float64"))
    explained = fit(Product("p", pca=5), sample()).explained
    assert explained == pytest.approx(pca.explained_variance_ratio_.tolist(), abs=1e-12)


def test_whitened_vectors_have_deviation_one_and_their_own_lengths():
    product = Product("p", standardise=True, pca=6, whiten=True, l2=True)
    found = fit(product, sample()).apply(torch.from_numpy(sample())).numpy()
    np.testing.assert_allclose(found.std(axis=0, ddof=1), np.ones(6), atol=1e-4)
    assert np.linalg.norm(found, axis=1).std() > 0.1  # no L2 follows


def test_a_dimension_that_never_changes_is_only_centred():
    vectors = sample()
    vectors[:, 3] = 7
    found = fit(Product("p", standardise=True), vectors).apply(torch.from_numpy(vectors))
    assert torch.isfinite(found).all()
    assert (found[:, 3] == 0).all()


def test_autocast_does_not_round_a_projection():
    projection, vectors = fit(Product("p", pca=5), sample()), torch.from_numpy(sample())
    with torch.autocast("cpu", torch.bfloat16):
        inside = projection.apply(vectors)
    assert torch.equal(inside, projection.apply(vectors))


@pytest.mark.parametrize(
    ("product", "vectors", "message"),
    [
        (Product("p", pca=13), sample(), "pca 13 asks for more components than the 12 numbers"),
        (
            Product("p", pca=10),
            sample(10),
            "product p: pca 10 needs a sample of 11 vectors or more, got 10; take a larger sample, "
            "or a smaller",
        ),
        (Product("p", standardise=True), sample(1), "standardise needs a sample of 2 .* got 1"),
        (
            Product("p", pca=8, whiten=True),
            np.repeat(sample(width=4), 3, axis=1),
            "of the 8 only 4 have any in the sample; set pca to 4 or less",
        ),
    ],
)
def test_a_sample_that_does_not_suffice_is_refused(product, vectors, message):
    with pytest.raises(ProductError, match=message):
        fit(product, vectors)


def test_a_stored_projection_is_read_back_as_it_was(store):
    product = Product("p", standardise=True, pca=5)
    projection = fit(product, sample())
    stored = put_projection(store, product, projection, MADE)
    assert find_projection(store, product, MADE["checkpoint_id"]) == stored
    assert stored.id == projection.id
    assert (stored.made["vectors"], stored.made["width"]) == (200, 5)
    found = load_projection(store, "p", stored.id)
    assert torch.equal(found.matrix, projection.matrix)
    assert torch.equal(found.offset, projection.offset)
    assert (found.explained, found.vectors) == (projection.explained, 200)


def test_earlier_projections_stay(store):
    product = Product("p", pca=5)
    ids = [
        put_projection(store, product, fit(product, sample(seed=seed)), MADE).id for seed in (0, 1)
    ]
    assert len(set(ids)) == 2
    assert find_projection(store, product, MADE["checkpoint_id"]).id == ids[1]
    assert [load_projection(store, "p", known).id for known in ids] == ids


def test_a_missing_projection_names_the_asset_to_materialise(store):
    with pytest.raises(NotFoundError, match=r"product p has no .*materialise `projections/p` fir"):
        find_projection(store, Product("p", pca=5), MADE["checkpoint_id"])
    with pytest.raises(NotFoundError, match=r"projections/beef\.json does not exist"):
        load_projection(store, "p", "beef")


@pytest.mark.parametrize(
    ("changed", "checkpoint_id", "message"),
    [
        ({}, "ffff", "fitted for checkpoint_id 0123456789abcdef, and now checkpoint_id is ffff"),
        ({"level": "cls"}, None, 'extraction {"level": "mean"}, .* is {"level": "cls"}'),
        ({"pca": 4}, None, "for pca 5, and now pca is 4; materialise `projections/p` again"),
        ({"whiten": True}, None, "for whiten false, and now whiten is true"),
        ({"standardise": True}, None, "for standardise false, and now standardise is true"),
    ],
)
def test_a_projection_of_something_else_is_refused(store, changed, checkpoint_id, message):
    product = Product("p", pca=5)
    put_projection(store, product, fit(product, sample()), MADE)
    with pytest.raises(ProductError, match=f"product p: its projection .* {message}"):
        find_projection(store, replace(product, **changed), checkpoint_id or MADE["checkpoint_id"])


@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_a_damaged_projection_is_refused(store, damage):
    product = Product("p", pca=5)
    stored = put_projection(store, product, fit(product, sample()), MADE)
    key = f"embeddings/p/projections/{stored.id}.safetensors"
    data = store.read_bytes(key)
    store.write_bytes(key, data[:-8] if damage == "cut" else data[:-1] + bytes([data[-1] ^ 1]))
    why = "is damaged" if damage == "cut" else r"is damaged \(its content id is"
    load_projection.cache_clear()
    with pytest.raises(ProductError, match=rf"safetensors {why}.*`projections/p` again"):
        load_projection(store, "p", stored.id)
