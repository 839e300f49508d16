"""Opening an index of an installation, and asking it in one line."""

import warnings
import weakref
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import geopandas

from clay_assets.errors import NotFoundError, SearchError
from clay_assets.search.duckdb_index import DuckDBIndex
from clay_assets.search.freshness import stale_tiles, stale_words
from clay_assets.search.index import Index
from clay_assets.search.pgvector_index import PgvectorIndex
from clay_assets.search.postgres import postgres_server
from clay_assets.search.query import Query
from clay_assets.settings import Settings

ENGINES = ("duckdb", "pgvector")


def open_index(settings: Settings, engine: str = "duckdb") -> Index:
    """The index of an installation; close it, or use it in a `with`.

    Args:
        settings: where the store and the database are.
        engine: one of `ENGINES`; `pgvector` starts the embedded server if none is configured, and
            stops it when the index is closed or the program ends.

    Raises:
        SearchError: no such engine.
        DatabaseError: the server cannot be reached or started.
    """
    if engine == "duckdb":
        return DuckDBIndex(settings.store)
    if engine != "pgvector":
        raise SearchError(f"engine must be one of {', '.join(ENGINES)}, got {engine!r}")
    stack = ExitStack()
    url = stack.enter_context(postgres_server(settings.postgres_url, settings.postgres_folder))
    return _HeldIndex(url, stack)


def search(
    product: str,
    *,
    settings: Settings | None = None,
    engine: str = "duckdb",
    picture: Path | bytes | None = None,
    exact: bool = False,
    **query: Any,  # noqa: ANN401
) -> geopandas.GeoDataFrame:
    """The chips that look most like some example, as a frame: `Query`'s fields as arguments.

    The frame's `attrs` say which engine answered, how, with what expected recall, and of which
    tiles the index is older than the embeddings; of these it also warns.

    Args:
        product: embedding product that is searched.
        settings: of the installation; the environment's by default.
        engine: one of `ENGINES`.
        picture: a positive: a GeoTIFF, PNG, JPEG or WebP, which the product's encoder embeds; then
            `lonlat` is a place in it, or the middle of one without coordinates.
        exact: score every row, however many there are.
        **query: an example and filters, see `Query`: `chip_id=..., k=20`.

    Raises:
        SearchError: the query makes no sense.
        NotFoundError: no such index, product or chip, or no such file.
        DatabaseError: the server cannot be reached or started.
    """
    settings = settings or Settings.from_environment()
    if picture is not None:
        query["vector"] = picture_vector(settings, product, picture, query.pop("lonlat", None))
    with open_index(settings, engine) as index:
        hits = index.search(Query(product, **query), exact=exact)
        stale = stale_tiles(settings.store, index, product)
    if stale:
        warnings.warn(stale_words(stale, engine), stacklevel=2)
    hits.frame.attrs |= {
        "engine": hits.engine,
        "how": hits.how,
        "expected_recall": hits.expected_recall,
        "stale_tiles": stale,
    }
    return hits.frame


def picture_vector(
    settings: Settings,
    product: str,
    picture: Path | bytes,
    lonlat: tuple[float, float] | None = None,
) -> tuple[float, ...]:
    """What a declared product's encoder gives a picture, for `Query.vector`.

    Raises:
        NotFoundError: no such product or file.
        SearchError: see `picture_query.embed_picture`.
    """
    # Here, not above: it loads torch, which a search does not need.
    from clay_assets.embeddings import load_products
    from clay_assets.search.picture_query import embed_picture

    declared = load_products(settings.products_file)
    if product not in declared:
        raise NotFoundError(f"there is no product {product!r}; declared are {', '.join(declared)}")
    data = picture if isinstance(picture, bytes) else _read(picture)
    device, precision = settings.device, settings.precision
    shown = embed_picture(
        settings.store,
        declared[product],
        data,
        lonlat=lonlat,
        device=device,
        precision=precision,
    )
    return tuple(shown.vector.tolist())


class _HeldIndex(PgvectorIndex):
    """An index that keeps its server running."""

    def __init__(self, url: str, server: ExitStack) -> None:
        super().__init__(url)
        self._release = weakref.finalize(self, server.close)

    def close(self) -> None:
        """Close the connections, then leave the server."""
        super().close()
        self._release()


def _read(picture: Path) -> bytes:
    try:
        return picture.read_bytes()
    except OSError as error:
        raise NotFoundError(f"picture {picture} cannot be read: {error.strerror}") from error
