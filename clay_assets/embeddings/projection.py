"""Projections: z-score, PCA and whitening, fitted on a sample and applied to every vector.

The order is: what the extraction gives, with its L2 if declared; then z-score; then PCA; then
whitening. No L2 follows: it would take back the deviations that z-score and whitening set, and
search and kNN compare by the cosine, for which lengths do not matter.
"""

# N vectors of the sample, D numbers of a vector, K numbers that are left

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from clay_assets import __version__
from clay_assets.embeddings.listing import product_folder
from clay_assets.embeddings.products import Product
from clay_assets.errors import NotFoundError, ProductError
from clay_assets.store import Store

_NO_VARIANCE = 1e-12
"""Of the first component's variance; below it is only what float32 vectors leave by rounding."""


@dataclass(frozen=True, eq=False)
class Projection:
    """One affine map: z-score, PCA and whitening in one."""

    offset: Tensor
    """(D,) float32: mean of the sample."""
    matrix: Tensor
    """(D, K) float32; (D,) without a PCA: its diagonal."""
    explained: tuple[float, ...]
    """Share of the sample's variance in each component; empty without a PCA."""
    vectors: int
    """N it was fitted on."""

    @cached_property
    def id(self) -> str:
        """16 hex digits that change with any of its numbers."""
        digest = hashlib.sha256(str([*self.offset.shape, *self.matrix.shape]).encode())
        for part in (self.offset, self.matrix):
            digest.update(np.ascontiguousarray(part.cpu().numpy(), dtype="<f4").data)
        return digest.hexdigest()[:16]

    @property
    def width(self) -> int:
        """K, numbers that are left."""
        return int(self.matrix.shape[-1])

    def to(self, device: torch.device | str) -> "Projection":
        """Itself on a device, so that `apply` copies nothing."""
        return Projection(
            self.offset.to(device), self.matrix.to(device), self.explained, self.vectors
        )

    def apply(self, vectors: Tensor) -> Tensor:
        """(B, K) float32 of (B, D) vectors, on their device."""
        centred = vectors.float() - self.offset.to(vectors.device)
        matrix = self.matrix.to(vectors.device)
        if matrix.ndim == 1:
            return centred * matrix
        with torch.autocast(vectors.device.type, enabled=False):
            return centred @ matrix


@dataclass(frozen=True)
class StoredProjection:
    """A projection of the store, without its numbers."""

    id: str
    """Content id."""
    made: dict[str, Any]
    """`checkpoint_id`, `extraction`, `standardise`, `pca`, `whiten`: what it suits; `inputs`,
    `vectors`, `width`, `explained`, `run_id`, `package_version`, and how the sample was drawn."""


def fit(product: Product, vectors: npt.NDArray[np.float32]) -> Projection:
    """Fit what a product declares.

    Args:
        product: with `standardise`, `pca` or both.
        vectors: (N, D), finite, as the extraction gives them.

    Raises:
        ProductError: the vectors are too few, or too narrow, or without variance where it is
            needed.
    """
    # Both take a second to import, and few processes fit anything.
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import StandardScaler

    check_sample(product, len(vectors))
    product.check_dimensions(vectors.shape[1:])
    sample = vectors.astype(np.float64)
    scaler = StandardScaler(with_std=product.standardise).fit(sample)
    offset = scaler.mean_
    scale = scaler.scale_ if product.standardise else np.ones(sample.shape[1])
    if product.pca is None:
        return _projection(offset, 1 / scale, (), len(sample))
    pca = PCA(product.pca, svd_solver="full").fit((sample - offset) / scale)
    variance = pca.explained_variance_
    if product.whiten and variance[-1] <= _NO_VARIANCE * variance[0]:
        some = int((variance > _NO_VARIANCE * variance[0]).sum())
        raise ProductError(
            f"product {product.name}: whiten divides by the deviation of each component, and of "
            f"the {product.pca} only {some} have any in the sample; set pca to {some} or less"
        )
    matrix = pca.components_.T / scale[:, None]
    if product.whiten:
        matrix = matrix / np.sqrt(variance)
    return _projection(offset, matrix, tuple(pca.explained_variance_ratio_.tolist()), len(sample))


def check_sample(product: Product, count: int) -> None:
    """Whether so many vectors are enough to fit what a product declares.

    Raises:
        ProductError: they are not.
    """
    fewest = 2 if product.pca is None else product.pca + 1  # centring takes one away
    if count < fewest:
        what = "standardise" if product.pca is None else f"pca {product.pca}"
        raise ProductError(
            f"product {product.name}: {what} needs a sample of {fewest} vectors or more, got "
            f"{count}; take a larger sample" + ("" if product.pca is None else ", or a smaller pca")
        )


def put_projection(
    store: Store, product: Product, projection: Projection, made: dict[str, Any]
) -> StoredProjection:
    """Store a projection and let its product use it; earlier ones stay.

    Args:
        store: where to keep it.
        product: that it was fitted for.
        projection: what was fitted.
        made: `checkpoint_id`, `inputs`, `run_id`, and how the sample was drawn; JSON values.
    """
    card = _suits(product, made["checkpoint_id"]) | made
    card |= {
        "id": projection.id,
        "vectors": projection.vectors,
        "width": projection.width,
        "explained": list(projection.explained),
        "package_version": __version__,
    }
    text = json.dumps(card).encode()
    stem = f"{_folder(product.name)}/{projection.id}"
    tensors = {"offset": projection.offset, "matrix": projection.matrix}
    store.write_bytes(
        f"{stem}.safetensors",
        safetensors.torch.save({name: part.contiguous().cpu() for name, part in tensors.items()}),
    )
    store.write_bytes(f"{stem}.json", text)
    store.write_bytes(_pointer(product.name), text)
    return StoredProjection(projection.id, card)


def find_projection(store: Store, product: Product, checkpoint_id: str) -> StoredProjection:
    """The projection that a product uses now.

    Raises:
        NotFoundError: nothing was fitted yet.
        ProductError: it was fitted for another checkpoint or another declaration.
    """
    again = f"materialise `projections/{product.name}`"
    try:
        card = json.loads(store.read_bytes(_pointer(product.name)))
    except NotFoundError as error:
        raise NotFoundError(
            f"product {product.name} has no projection yet "
            f"({store.url(_pointer(product.name))} does not exist); {again} first"
        ) from error
    for key, wanted in _suits(product, checkpoint_id).items():
        if card[key] != wanted:
            raise ProductError(
                f"product {product.name}: its projection {card['id']} was fitted for {key} "
                f"{_text(card[key])}, and now {key} is {_text(wanted)}; {again} again"
            )
    return StoredProjection(card["id"], card)


@lru_cache(maxsize=4)
def load_projection(store: Store, product: str, projection_id: str) -> Projection:
    """A projection with its numbers, on the CPU; the same object while it is in use.

    Raises:
        NotFoundError: there is none of that id.
        ProductError: its file was damaged.
    """
    key = f"{_folder(product)}/{projection_id}.safetensors"
    card = json.loads(store.read_bytes(f"{_folder(product)}/{projection_id}.json"))
    try:
        parts = safetensors.torch.load(store.read_bytes(key))
        found = Projection(
            parts["offset"], parts["matrix"], tuple(card["explained"]), card["vectors"]
        )
    except (SafetensorError, KeyError) as error:
        raise _damaged(store, key, product, str(error)) from error
    if found.id != projection_id:
        raise _damaged(store, key, product, f"its content id is {found.id}")
    return found


def _projection(
    offset: npt.NDArray[np.float64],
    matrix: npt.NDArray[np.float64],
    explained: tuple[float, ...],
    count: int,
) -> Projection:
    return Projection(_float32(offset), _float32(matrix), explained, count)


def _float32(values: npt.NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))


def _suits(product: Product, checkpoint_id: str) -> dict[str, Any]:
    """All that a projection depends on besides the sample."""
    return {
        "checkpoint_id": checkpoint_id,
        "extraction": product.extraction.to_json(),
        "platform": product.platform,
        "standardise": product.standardise,
        "pca": product.pca,
        "whiten": product.whiten,
    }


def _damaged(store: Store, key: str, product: str, why: str) -> ProductError:
    return ProductError(
        f"{store.url(key)} is damaged ({why}); materialise `projections/{product}` again"
    )


def _folder(product: str) -> str:
    return f"{product_folder(product)}/projections"


def _pointer(product: str) -> str:
    return f"{product_folder(product)}/projection.json"


def _text(value: Any) -> str:  # noqa: ANN401
    return value if isinstance(value, str) else json.dumps(value)
