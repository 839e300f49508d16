"""The examples of a query, looked up in an index."""

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import shapely

from clay_assets.errors import NotFoundError, SearchError
from clay_assets.search.filters import covers
from clay_assets.search.hits import Examples, embedding_of, unit_vectors
from clay_assets.search.modes import combined
from clay_assets.search.query import Query
from clay_assets.search.tables import IndexedProduct, Tables

Background = Callable[[], pa.Table]
"""Gives random rows of the product, columns `id` and `embedding`."""


def find_product(tables: Tables, name: str) -> IndexedProduct:
    """A product of an index.

    Raises:
        NotFoundError: it does not hold that product.
    """
    products = {product.product: product for product in tables.products()}
    if name not in products:
        raise NotFoundError(
            f"no product {name!r} in the index, it holds {', '.join(products) or 'none'}; "
            "materialise its embeddings, then the index"
        )
    return products[name]


def find_examples(
    tables: Tables, product: IndexedProduct, query: Query, background: Background
) -> Examples:
    """What a query looks for.

    Raises:
        NotFoundError: an example is not in the index, or no row lies over the place.
        SearchError: the vector does not fit the product.
    """
    positives = [query.chip_id] if query.chip_id is not None else []
    if query.lonlat is not None:
        positives.append(_row_over(tables, product, query.lonlat))
    positives = list(dict.fromkeys([*positives, *query.positives]))
    ids = list(dict.fromkeys([*positives, *query.negatives]))
    by_id: dict[str, np.ndarray] = {}
    if ids:
        rows = named_rows(tables, product, ids, vectors=True)
        by_id = dict(zip(rows["id"].to_pylist(), embedding_of(rows), strict=True))
    wanted = [by_id[one] for one in positives]
    if query.vector is not None:
        wanted.append(_unit(query.vector, product))
    unwanted = [by_id[one] for one in query.negatives]
    shape = (-1, product.width)
    examples = Examples(
        np.asarray(wanted, dtype=np.float32).reshape(shape),
        np.asarray(unwanted, dtype=np.float32).reshape(shape),
        tuple(ids),
    )
    return combined(examples, query.mode, lambda: _others(background(), ids))


def named_rows(
    tables: Tables, product: IndexedProduct, ids: Sequence[str], *, vectors: bool
) -> pa.Table:
    """Rows of an index by id, in no order.

    Raises:
        NotFoundError: one of them is not there.
    """
    rows = tables.named(product, ids, vectors=vectors)
    missing = sorted(set(ids) - set(rows["id"].to_pylist()))
    if missing:
        how = ""
        if product.grid is not None:
            last_row, last_col = (side - 1 for side in product.grid)
            how = (
                "; its rows are patches, name one as chip_id/row/col with row 0 to "
                f"{last_row} from the north and col 0 to {last_col} from the west"
            )
        raise NotFoundError(
            f"no {product.one_row} {', '.join(map(repr, missing[:3]))} in product "
            f"{product.product!r} of the index, which holds {product.contents}{how}"
        )
    return rows


def _others(background: pa.Table, ids: Sequence[str]) -> np.ndarray:
    """The vectors of rows that are no examples."""
    is_other = ~np.isin(background["id"].to_numpy(), ids)
    return embedding_of(background)[is_other]


def _unit(vector: Sequence[float], product: IndexedProduct) -> np.ndarray:
    if len(vector) != product.width:
        raise SearchError(
            f"vector must have {product.width} numbers, like the embeddings of product "
            f"{product.product!r} (checkpoint {product.checkpoint_id}), got {len(vector)}"
        )
    unit: np.ndarray = unit_vectors(np.asarray([vector]))[0]
    return unit


def _row_over(tables: Tables, product: IndexedProduct, lonlat: tuple[float, float]) -> str:
    """The clearest row over a place, then the latest; unknown cloud comes last."""
    condition, values = covers(lonlat, tables.mark)
    rows = tables.chips(product, condition, values, vectors=False)
    over = shapely.intersects_xy(shapely.from_wkb(rows["geometry"].to_numpy()), *lonlat)
    frame = rows.filter(pa.array(over, pa.bool_())).drop_columns(["geometry"]).to_pandas()
    if frame.empty:
        raise NotFoundError(
            f"no {product.one_row} of product {product.product!r} covers lon {lonlat[0]}, "
            f"lat {lonlat[1]}; it holds {product.contents}, the map shows where"
        )
    frame = frame.sort_values(
        ["cloud_share", "date", "id"], ascending=[True, False, True], na_position="last"
    )
    return str(frame["id"].iloc[0])
