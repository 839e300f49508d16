"""Which embedding files a store has, known from their names alone."""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date as Date
from datetime import datetime

from clay_assets.errors import NotFoundError
from clay_assets.store import Store

VERSION = "001"
"""Version of the embeddings, the last part of a file's name."""
_KEY = re.compile(
    r"^embeddings/(?P<product>[^/]+)/"
    r"(?P<tile>\d{2}[A-Z]{3})_(?P<first>\d{8})_(?P<last>\d{8})_v\d{3}\.gpq$"
)


@dataclass(frozen=True)
class EmbeddingFile:
    """The embeddings of one tile."""

    key: str
    """Where it lies in the store."""
    product: str
    """Name of the product."""
    tile: str
    """MGRS tile id."""
    first_date: Date
    """Of its earliest chip."""
    last_date: Date
    """Of its latest chip."""
    size: int
    """Bytes."""
    etag: str
    """Changes whenever it is written anew."""
    modified: datetime
    """When it was last written, UTC."""


def product_folder(product: str) -> str:
    """Folder of a product's files."""
    return f"embeddings/{product}"


def file_key(product: str, tile: str, first_date: Date, last_date: Date) -> str:
    """Where a tile's embeddings lie in the store.

    >>> file_key("clay", "32VKM", Date(2023, 6, 12), Date(2024, 1, 3))
    'embeddings/clay/32VKM_20230612_20240103_v001.gpq'
    """
    days = f"{first_date:%Y%m%d}_{last_date:%Y%m%d}"
    return f"{product_folder(product)}/{tile}_{days}_v{VERSION}.gpq"


def list_files(store: Store, product: str | None = None) -> list[EmbeddingFile]:
    """The file of each tile, by product and tile; of one product or of all.

    A run that was killed just before its end leaves the file that it replaced, under other dates;
    of such two only the newer one is listed.
    """
    by_age = sorted(_all_files(store, product), key=lambda file: file.modified)
    newest = {(file.product, file.tile): file for file in by_age}
    return [newest[place] for place in sorted(newest)]


def find_file(store: Store, product: str, tile: str) -> EmbeddingFile:
    """The file of one tile.

    Raises:
        NotFoundError: the tile has no embeddings of that product.
    """
    return one_of_tile(store, list_files(store, product), product, tile)


def one_of_tile(
    store: Store, files: Iterable[EmbeddingFile], product: str, tile: str
) -> EmbeddingFile:
    """The file of one tile among those of its product.

    Raises:
        NotFoundError: the tile has no embeddings of that product.
    """
    for file in files:
        if file.tile == tile:
            return file
    raise NotFoundError(
        f"tile {tile} has no embeddings of product {product} in "
        f"{store.url(product_folder(product))}; materialise `embeddings/{product}` of this tile"
    )


def files_of(
    store: Store, product: str, tiles: Collection[str] | None = None
) -> list[EmbeddingFile]:
    """The files of a product, of some tiles or of all, by tile.

    Raises:
        NotFoundError: there is none, or none of one of the tiles.
    """
    files = [file for file in list_files(store, product) if tiles is None or file.tile in tiles]
    missing = sorted({*(tiles or ())} - {file.tile for file in files})
    if missing or not files:
        of = f", none of tile {missing[0]}" if missing else ""
        others = ", ".join(store.folders("embeddings")) or "none"
        raise NotFoundError(
            f"product {product} has no embeddings of chips{of} in {store.url('embeddings')}; "
            f"products with embeddings: {others}; materialise `embeddings/{product}` first"
        )
    return files


def tile_keys(store: Store, product: str, tile: str) -> list[str]:
    """Every file of one tile, oldest first."""
    files = [file for file in _all_files(store, product) if file.tile == tile]
    return [file.key for file in sorted(files, key=lambda file: file.modified)]


def _all_files(store: Store, product: str | None) -> Iterator[EmbeddingFile]:
    for file in store.files(product_folder(product) if product else "embeddings"):
        if name := _KEY.match(file.key):
            yield EmbeddingFile(
                key=file.key,
                product=name["product"],
                tile=name["tile"],
                first_date=Date.fromisoformat(name["first"]),
                last_date=Date.fromisoformat(name["last"]),
                size=file.size,
                etag=file.etag,
                modified=file.modified,
            )
