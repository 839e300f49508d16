"""What a build of the DuckDB index is to hold, and what the one before holds of it already."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

import pyarrow as pa

from clay_assets.errors import NotFoundError, SearchError
from clay_assets.provenance import fingerprint
from clay_assets.search.centre import Centre
from clay_assets.search.duckdb_tables import CODE_VERSION, INDEX_KEY, quoted_path, read_products
from clay_assets.search.row_files import RowFiles, open_row_files, row_keys
from clay_assets.search.source import SourceFile
from clay_assets.search.tables import IndexedProduct
from clay_assets.store import Store


@dataclass(frozen=True)
class Planned:
    """What is to be indexed of one product."""

    name: str
    """Of the product."""
    centre: Centre | None
    """Of its sketches; None for none."""
    files: tuple[SourceFile, ...]
    """At least one, by tile."""

    @property
    def checkpoint_id(self) -> str:
        """Checkpoint of all its embeddings."""
        return self.files[0].checkpoint_id

    @property
    def width(self) -> int:
        """Numbers in an embedding."""
        return self.files[0].width

    @property
    def rows(self) -> int:
        """Chips, or patches."""
        return sum(file.rows for file in self.files)

    @property
    def first_places(self) -> dict[str, int]:
        """Tile -> place of its first row."""
        places = accumulate((file.rows for file in self.files), initial=0)
        return dict(zip((file.tile for file in self.files), places, strict=False))

    @property
    def centre_version(self) -> str | None:
        """Of its sketches."""
        return self.centre.version if self.centre else None

    @property
    def row_files(self) -> str:
        """Name of the files of its rows; another for other rows."""
        held = [(file.tile, file.version) for file in self.files]
        return f"{self.name}_{fingerprint(CODE_VERSION, self.centre_version, held)}"

    @property
    def indexed(self) -> IndexedProduct:
        """As the index tells of it."""
        return IndexedProduct(
            self.name,
            self.checkpoint_id,
            self.width,
            self.rows,
            len(self.files),
            self.centre.values if self.centre else None,
            self.files[0].grid,
        )


@dataclass(frozen=True)
class Before:
    """What the index of before holds that can be used again."""

    path: Path | None = None
    """Of the file; None for none."""
    data_version: str | None = None
    """Of all it holds."""
    tiles: Mapping[tuple[str, str], tuple[str, int, int]] = field(default_factory=dict)
    """By product and tile: version of the file, place of the first row, rows."""
    files: Mapping[str, RowFiles] = field(default_factory=dict)
    """By product."""
    keys: frozenset[str] = frozenset()
    """Where these lie."""
    recall: Mapping[str, float] = field(default_factory=dict)
    """Least of the sketches, by product."""

    def has(self, file: SourceFile) -> bool:
        """Whether it holds the rows of a file as they would be written now."""
        version, _, rows = self.tiles.get((file.product, file.tile), (None, 0, 0))
        return (version, rows) == (file.version, file.rows)

    def rows_of(self, file: SourceFile) -> Iterator[pa.Table]:
        """The rows of a file that it has, with their vectors."""
        _, first, rows = self.tiles[file.product, file.tile]
        return self.files[file.product].parts(first, rows)


def read_before(store: Store) -> Before:
    """The index that is there; nothing if there is none or it cannot be used."""
    import duckdb

    try:
        path = store.local_path(INDEX_KEY)
        with duckdb.connect() as connection:
            connection.execute(f"ATTACH {quoted_path(path)} AS before (READ_ONLY); USE before")
            data_version, code_version = connection.execute(
                "SELECT data_version, code_version FROM build"
            ).fetchall()[0]
            if code_version != CODE_VERSION:
                return Before()
            products = connection.execute("SELECT product, row_files FROM products").fetchall()
            tiles = connection.execute(
                "SELECT product, mgrs, data_version, first_place, rows FROM tiles"
            ).fetchall()
            indexed = read_products(connection)
        return Before(
            path,
            data_version,
            {
                (product, tile): (version, first, rows)
                for product, tile, version, first, rows in tiles
            },
            {
                product: open_row_files([store.local_path(key) for key in row_keys(name)])
                for product, name in products
            },
            frozenset(key for _, name in products for key in row_keys(name)),
            {one.product: one.recall["sketch"] for one in indexed if one.reranks},
        )
    except (NotFoundError, SearchError, duckdb.Error):  # damaged or of another version
        return Before()
