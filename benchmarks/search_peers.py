"""Peers for search.py on the same vectors: numpy, FAISS (flat, HNSW) and LanceDB."""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import faiss
import lancedb
import numpy as np
import pyarrow as pa

Mask = tuple[str, np.ndarray]
"""Name of a filter and (N,) which rows meet it."""
Ask = Callable[[np.ndarray, int, Mask | None], np.ndarray]
"""Places of the k best rows for a vector, among those of a mask if there is one."""
MOST_LANCE_GRAPH_ROWS = 200_000
"""Its graphs take four minutes for half as many rows."""


def peers(
    vectors: np.ndarray, masks: dict[str, np.ndarray], folder: Path, *, graphs: bool
) -> Iterator[tuple[str, float, Ask]]:
    """Name, seconds to build, and how to ask; one is in memory at a time.

    Args:
        vectors: (N, D) float32, unit length.
        masks: (N,) rows of each filter, which LanceDB keeps as columns.
        folder: for LanceDB.
        graphs: whether to build what takes minutes.
    """
    yield "numpy, matrix-vector product", 0.0, _numpy(vectors)
    started = time.perf_counter()
    flat = faiss.IndexFlatIP(vectors.shape[1])
    flat.add(vectors)
    yield "FAISS, flat", time.perf_counter() - started, _faiss(flat)
    del flat
    if graphs:
        started = time.perf_counter()
        graph = faiss.IndexHNSWFlat(vectors.shape[1], 24, faiss.METRIC_INNER_PRODUCT)
        graph.hnsw.efConstruction = 128
        graph.add(vectors)
        seconds = time.perf_counter() - started
        for width in (64, 256):
            yield f"FAISS, HNSW m 24, ef {width}", seconds, _faiss(graph, width)
        del graph
    yield from _lancedb(vectors, masks, folder, graphs=graphs)


def _numpy(vectors: np.ndarray) -> Ask:
    def ask(query: np.ndarray, k: int, mask: Mask | None) -> np.ndarray:
        places = np.arange(len(vectors)) if mask is None else np.flatnonzero(mask[1])
        scores = vectors @ query if mask is None else vectors[places] @ query
        best = np.argpartition(-scores, k)[:k]
        found: np.ndarray = places[best[np.argsort(-scores[best])]]
        return found

    return ask


def _faiss(index: "faiss.Index", ef: int | None = None) -> Ask:
    def ask(query: np.ndarray, k: int, mask: Mask | None) -> np.ndarray:
        options: dict[str, object] = {}
        if mask is not None:
            options["sel"] = faiss.IDSelectorBitmap(np.packbits(mask[1], bitorder="little"))
        kind = faiss.SearchParameters
        if ef is not None:
            kind, options = faiss.SearchParametersHNSW, options | {"efSearch": max(ef, k)}
        _, found = index.search(query[None], k, params=kind(**options))
        places: np.ndarray = found[0][found[0] >= 0]
        return places

    return ask


def _lancedb(
    vectors: np.ndarray, masks: dict[str, np.ndarray], folder: Path, *, graphs: bool
) -> Iterator[tuple[str, float, Ask]]:
    shutil.rmtree(folder / "lance", ignore_errors=True)
    started = time.perf_counter()
    table = lancedb.connect(folder / "lance").create_table("rows", _rows(vectors, masks))
    yield "LanceDB, flat", time.perf_counter() - started, _lance(table, None)
    kinds = {"IVF_PQ": 20}  # LanceDB's own choice
    if len(vectors) <= MOST_LANCE_GRAPH_ROWS:
        kinds["IVF_HNSW_SQ"] = 5
    for kind, refine in kinds.items() if graphs else ():
        started = time.perf_counter()
        table.create_index(metric="dot", index_type=kind, vector_column_name="vector", replace=True)
        seconds = time.perf_counter() - started
        yield f"LanceDB, {kind}, refined {refine} times", seconds, _lance(table, refine)
    shutil.rmtree(folder / "lance", ignore_errors=True)


def _rows(vectors: np.ndarray, masks: dict[str, np.ndarray]) -> pa.Table:
    flat = pa.array(vectors.ravel())
    return pa.table(
        {
            "place": np.arange(len(vectors)),
            "vector": pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1]),
        }
        | masks
    )


def _lance(table: "lancedb.table.Table", refine: int | None) -> Ask:
    def ask(query: np.ndarray, k: int, mask: Mask | None) -> np.ndarray:
        question = table.search(query).distance_type("dot").limit(k).select(["place", "_distance"])
        if mask is not None:
            question = question.where(f"`{mask[0]}`", prefilter=True)
        if refine is not None:
            question = question.refine_factor(refine)
        places: np.ndarray = question.to_arrow()["place"].to_numpy()
        return places

    return ask
