"""What an engine has to do: hold the rows of products, and answer a few statements over them.

Examples, filters, the choice of a plan, the final scoring and the order of the hits are decided
above, so that every engine gives the same answer.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from clay_assets.search.hits import Examples
from clay_assets.search.plan import Plan, Rerank, Walk


@dataclass(frozen=True)
class IndexedProduct:
    """One product of an index."""

    product: str
    """Its name."""
    checkpoint_id: str
    """Checkpoint of all its embeddings."""
    width: int
    """Numbers in an embedding."""
    rows: int
    """Chips, or patches."""
    tiles: int
    """Tiles they lie in."""
    centre: np.ndarray | None
    """(width,) float32 that the sketches are centred on; None while there are none."""
    grid: tuple[int, int] | None = None
    """Rows and columns of patches in a chip; None where a row is a chip."""
    reranks: tuple[Rerank, ...] = ()
    """What its sketches have to propose; empty when unmeasured."""
    walks: tuple[Walk, ...] = ()
    """How long walks over its graphs have to be; empty without graphs that are good enough."""

    @property
    def recall(self) -> dict[str, float]:
        """How a plan works -> its least recall at any k that was measured."""
        measured = {
            "sketch": [rerank.recall for rerank in self.reranks],
            "hnsw": [walk.recall for walk in self.walks],
        }
        return {how: min(shares) for how, shares in measured.items() if shares}

    @property
    def contents(self) -> str:
        """What it holds, for people."""
        rows = self.one_row if self.rows == 1 else "chips" if self.grid is None else "patches"
        return f"{self.rows} {rows} of {self.tiles} {'tile' if self.tiles == 1 else 'tiles'}"

    @property
    def one_row(self) -> str:
        """What one of its rows is, for people."""
        return "chip" if self.grid is None else "patch"


class Tables(Protocol):
    """One consistent view of an index.

    A condition is SQL over the columns `id`, `mgrs`, `date`, `cloud_share` and `west`, `south`,
    `east`, `north`, the unwrapped bounds of the footprint (see `filters.unwrapped_bounds`); values
    are its parameters, marked as `mark` says.
    """

    score_error: float
    """Most that the scores by which `candidates` chooses are off the true ones."""

    @staticmethod
    def mark(name: str) -> str:
        """How a named parameter is written."""

    def products(self) -> list[IndexedProduct]:
        """All products, sorted by name."""

    def tile_versions(self, product: IndexedProduct) -> Mapping[str, str]:
        """Tile -> `SourceFile.version` of the file whose rows it holds."""

    def count(
        self, product: IndexedProduct, condition: str, values: dict[str, Any], *, most: int
    ) -> int:
        """How many rows meet a condition, counted up to `most`."""

    def chips(
        self, product: IndexedProduct, condition: str, values: dict[str, Any], *, vectors: bool
    ) -> pa.Table:
        """`hits.ROW_SCHEMA` of the rows that meet a condition, and `embedding` if asked for."""

    def named(self, product: IndexedProduct, ids: Sequence[str], *, vectors: bool) -> pa.Table:
        """The same of the rows of some ids, of those that there are, in no order."""

    def sample(
        self, product: IndexedProduct, seed: int, most: int, *, vectors: bool = False
    ) -> pa.Table:
        """`most` rows, drawn and ordered by the MD5 of id and seed, and `embedding` if asked."""

    def vectors(self, product: IndexedProduct) -> Iterator[pa.Table]:
        """`id`, `mgrs` and `embedding` of all rows, some thousand at a time, in no order."""

    def candidates(
        self,
        product: IndexedProduct,
        examples: Examples,
        condition: str,
        values: dict[str, Any],
        *,
        plan: Plan,
        most: int,
    ) -> pa.Table:
        """The `most` best rows by score, then id: `hits.ROW_SCHEMA` and `embedding`.

        By plan `sketch` only `plan.rerank` rows are scored: those whose sketch is nearest to one
        of `examples.sketched(product.centre)`, then by id; `hits.SKETCH_RANK` is told of them.
        By plan `hnsw`, asked for only without a condition, those that a walk over the graph finds;
        there may be too few.
        """
