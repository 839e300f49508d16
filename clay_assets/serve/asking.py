"""Asking the indexes: opened when first needed, kept open, and one hit a place if so wished."""

import math
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from typing import Literal

from clay_assets.search import Hits, Index, Query
from clay_assets.search.freshness import stale_tiles
from clay_assets.search.query import MAX_K
from clay_assets.serve.catalogue import ProductChips
from clay_assets.store import Store

Engine = Literal["duckdb", "pgvector"]
ENGINES: tuple[Engine, ...] = ("duckdb", "pgvector")
STALE_LOOK_S = 5.0
"""The files are compared with an index at most this often."""
IndexFactory = Callable[[str], AbstractContextManager[Index]]
"""Engine -> an index that stays open for as long as the context does."""


@dataclass
class Indexes:
    """One open index an engine, closed together."""

    open_index: IndexFactory
    """Opens the index of an engine."""
    _open: dict[str, Index] = field(default_factory=dict)
    _stale: dict[tuple[str, str], tuple[float, tuple[str, ...]]] = field(default_factory=dict)
    _contexts: ExitStack = field(default_factory=ExitStack)
    _locks: dict[str, threading.Lock] = field(
        default_factory=lambda: {engine: threading.Lock() for engine in ENGINES}
    )

    def of(self, engine: str) -> Index:
        """The index of an engine, opened if it is not open yet.

        Raises:
            DatabaseError: its server cannot be reached or started.
        """
        with self._locks[engine]:  # one that takes long to open holds up only those who want it
            if engine not in self._open:
                self._open[engine] = self._contexts.enter_context(self.open_index(engine))
            return self._open[engine]

    def stale_tiles(self, store: Store, engine: str, product: str) -> tuple[str, ...]:
        """Tiles whose files are newer than an index, as of some seconds ago.

        Raises:
            ClayAssetsError: the index or the store cannot be read.
        """
        key, now = (engine, product), time.monotonic()
        looked_at, found = self._stale.get(key, (-math.inf, ()))
        if now - looked_at > STALE_LOOK_S:
            self._stale[key] = now, found  # who asks meanwhile need not look too
            found = stale_tiles(store, self.of(engine), product)
            self._stale[key] = now, found
        return found

    def close(self) -> None:
        """Close every index."""
        self._open.clear()
        self._contexts.close()


def one_per_place(search: Callable[[Query], Hits], query: Query, chips: ProductChips) -> Hits:
    """The best hit of each of the best places, other than the examples' own: the query's page.

    Asks for more hits until there are enough places, so nothing is missed.
    """
    places = query.last_rank
    wanted = min(2 * places, MAX_K)
    while True:
        hits = search(replace(query, k=wanted, offset=0))
        kept = _best_of_places(hits, chips, places)
        if len(kept) == places or len(hits.frame) < wanted or wanted == MAX_K:
            return replace(hits, frame=hits.frame.iloc[kept[query.offset :]])
        wanted = min(4 * wanted, MAX_K)


def _best_of_places(hits: Hits, chips: ProductChips, most: int) -> list[int]:
    """Positions of the first hit of each place, at most `most` of them."""
    examples = (chips.chips.get(row.split("/")[0]) for row in hits.query_chips)
    taken: set[int | str] = {chip.place for chip in examples if chip is not None}
    kept: list[int] = []
    for position, chip_id in enumerate(hits.frame["chip_id"]):
        listed = chips.chips.get(chip_id)
        place: int | str = chip_id if listed is None else listed.place
        if place not in taken:
            taken.add(place)
            kept.append(position)
    return kept[:most]
