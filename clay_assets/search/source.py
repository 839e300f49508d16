"""The embedding files that are indexed.

Embeddings with one vector a chip are indexed, whatever it was taken from, and those with one a
patch. All of a product must come from one recipe, else they cannot be compared: the newest file
says which; files of another are left out and named.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from clay_assets.embeddings.file import METADATA_KEY, FileMetadata
from clay_assets.embeddings.listing import EmbeddingFile, list_files, one_of_tile
from clay_assets.errors import ProductError, SearchError
from clay_assets.provenance import fingerprint
from clay_assets.search.footers import Footer, read_footers
from clay_assets.store import Store


@dataclass(frozen=True)
class SourceFile:
    """One embedding file: the chips of one tile in one product, or their patches."""

    key: str
    """Where it lies in the store."""
    product: str
    """Embedding product."""
    tile: str
    """MGRS tile."""
    checkpoint_id: str
    """Checkpoint the embeddings come from."""
    recipe: str
    """Embeddings of different recipes cannot be compared."""
    level: str
    """One of `extraction.LEVELS`."""
    grid: tuple[int, int] | None
    """Rows and columns of a chip's patches; None where a chip has one vector."""
    width: int
    """Numbers in a vector."""
    rows: int
    """Chips, or their patches."""
    data_version: str
    """Fingerprint of its rows."""

    @property
    def version(self) -> str:
        """Changes with anything that an index takes from the file."""
        return fingerprint(self.checkpoint_id, self.recipe, self.width, self.data_version)


@dataclass(frozen=True)
class Sources:
    """What there is to index."""

    files: tuple[SourceFile, ...]
    """By product and tile."""
    left_out: tuple[str, ...]
    """Files that are not indexed, each with the reason."""


class SourceListing:
    """The embedding files of a product, or of all, as they were when it was made.

    A run over many tiles makes one and asks it tile by tile: files are listed once, and only the
    footers that matter are read.
    """

    def __init__(self, store: Store, product: str | None = None) -> None:
        """List the files; none is opened yet."""
        self._store = store
        self._newest_first = sorted(list_files(store, product), key=_age, reverse=True)
        self._described: dict[str, SourceFile | str] = {}
        self._newest_of: dict[str, SourceFile] = {}

    def sources(self) -> Sources:
        """All that there is to index."""
        self._describe(self._newest_first)
        files: list[SourceFile] = []
        left_out: list[str] = []
        for found in self._described.values():
            reason = self._why_not(found)
            if isinstance(found, SourceFile) and reason is None:
                files.append(found)
            else:
                left_out.append(str(reason))
        files.sort(key=lambda file: (file.product, file.tile))
        return Sources(tuple(files), tuple(sorted(left_out)))

    def find(self, product: str, tile: str) -> SourceFile:
        """The file to index of one tile.

        Raises:
            NotFoundError: the tile has no embeddings of the product.
            SearchError: they cannot be searched, or not together with the product's newest.
        """
        own = one_of_tile(self._store, self._of(product), product, tile)
        found = self._describe_one(own)
        reason = self._why_not(found)
        if reason is not None or not isinstance(found, SourceFile):
            raise SearchError(str(reason))
        return found

    def _of(self, product: str) -> Iterator[EmbeddingFile]:
        return (file for file in self._newest_first if file.product == product)

    def _describe(self, files: Sequence[EmbeddingFile]) -> None:
        """Read what is not known yet of some files; those that are gone stay unknown."""
        new = [file for file in files if file.key not in self._described]
        footers = read_footers(self._store, new)
        self._described |= {
            file.key: _described(file, footers[file.key]) for file in new if file.key in footers
        }

    def _describe_one(self, file: EmbeddingFile) -> SourceFile | str:
        self._describe([file])
        return self._described.get(file.key, f"{file.key}: was taken away meanwhile; run again")

    def _why_not(self, found: SourceFile | str) -> str | None:
        """Why a file is not indexed; None if it is."""
        if isinstance(found, str):
            return found
        if found.level == "group":
            return f"{found.key}: level group; only one vector a chip, or level patch, is searched"
        newest = self._newest(found.product)
        if found.recipe == newest.recipe:
            return None
        return (
            f"{found.key}: made by checkpoint {found.checkpoint_id} (recipe {found.recipe}), the "
            f"newest of {found.product} by {newest.checkpoint_id} (recipe {newest.recipe}); "
            f"materialise embeddings/{found.product} of tile {found.tile} again"
        )

    def _newest(self, product: str) -> SourceFile:
        """The newest file of a product that says what it is; whoever asks has found one."""
        if product not in self._newest_of:
            told = (self._describe_one(file) for file in self._of(product))
            self._newest_of[product] = next(file for file in told if isinstance(file, SourceFile))
        return self._newest_of[product]


def find_sources(store: Store, product: str | None = None) -> Sources:
    """What there is to index, of one product or of all."""
    return SourceListing(store, product).sources()


def find_source(store: Store, product: str, tile: str) -> SourceFile:
    """The file to index of one tile; for many tiles, ask one `SourceListing`.

    Raises:
        NotFoundError: the tile has no embeddings of the product.
        SearchError: they cannot be searched, or not together with the product's newest.
    """
    return SourceListing(store, product).find(product, tile)


def _age(file: EmbeddingFile) -> tuple[datetime, str]:
    return file.modified, file.key


def _described(file: EmbeddingFile, footer: Footer) -> SourceFile | str:
    """What a file's own metadata says of it, or why it cannot be told."""
    if footer.rows < 0:
        return f"{file.key}: is no Parquet file, or a damaged one"
    if footer.metadata is None:
        return f"{file.key}: was not written by this package, it has no metadata {METADATA_KEY!r}"
    try:
        meta = FileMetadata.from_json(footer.metadata)
    except (KeyError, TypeError, ProductError) as error:
        return f"{file.key}: its metadata {METADATA_KEY!r} are of another version ({error})"
    grid = (meta.shape[0], meta.shape[1]) if meta.level == "patch" else None
    return SourceFile(
        key=file.key,
        product=file.product,
        tile=file.tile,
        checkpoint_id=meta.checkpoint_id,
        recipe=meta.recipe,
        level=meta.level,
        grid=grid,
        width=meta.shape[-1],
        rows=footer.rows * (grid[0] * grid[1] if grid else 1),
        data_version=meta.data_version,
    )
