"""Centres of the sketches: frozen in the store, so that every engine makes the same sketches."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from clay_assets.errors import NotFoundError
from clay_assets.provenance import content_hash
from clay_assets.search.plan import EXACT_MAX_ROWS
from clay_assets.search.source import SourceFile
from clay_assets.search.source_rows import sample_vectors
from clay_assets.store import Store

SKETCH_MIN_ROWS = EXACT_MAX_ROWS + 1
"""Products with fewer chips are always scored whole and need no sketches."""
SKETCH_MIN_WIDTH = 128
"""Shorter embeddings are too: so few bits tell too little, and there is little to scan."""
_SAMPLE_ROWS = 20_000
_GROWTH = 10


@dataclass(frozen=True)
class Centre:
    """What the sketches of one product are centred on."""

    values: np.ndarray
    """(D,) float32."""

    @property
    def version(self) -> str:
        """Changes with the values."""
        return content_hash(self.values.tobytes())


def product_centre(
    store: Store,
    product: str,
    checkpoint_id: str,
    width: int,
    rows: int,
    files: Callable[[], Sequence[SourceFile]],
) -> Centre | None:
    """The centre for a product of so many chips; None where sketches would not help.

    It is the median of a sample, taken when first asked for, and again when the product has grown
    tenfold since.

    Args:
        store: keeps the centre.
        product: name of the product.
        checkpoint_id: checkpoint of its embeddings.
        width: numbers in an embedding.
        rows: chips it has.
        files: gives its files, asked for only when a sample is taken.
    """
    if rows < SKETCH_MIN_ROWS or width < SKETCH_MIN_WIDTH:
        return None
    key = f"indexes/centres/{product}_{checkpoint_id}.json"
    try:
        card = json.loads(store.read_bytes(key))
    except NotFoundError:
        card = {"rows": 0}
    if rows > _GROWTH * card["rows"]:
        rng = np.random.default_rng(0)
        sample = np.concatenate(list(sample_vectors(store, files(), _SAMPLE_ROWS, rng)))
        centre = np.median(sample, axis=0).astype(np.float32)
        card = {"rows": rows, "centre": centre.tolist()}
        store.write_bytes(key, json.dumps(card).encode())
    return Centre(np.asarray(card["centre"], dtype=np.float32))
