"""Whether an index holds what the embedding files hold now."""

from clay_assets.search.index import Index
from clay_assets.search.source import SourceListing
from clay_assets.store import Store


def stale_tiles(store: Store, index: Index, product: str) -> tuple[str, ...]:
    """Tiles of which an index holds other rows than the embedding files, sorted.

    These were embedded anew, added or taken away since it was built. Files are told apart by their
    footers, which are read once as long as they stay the same.

    Raises:
        NotFoundError: there is no index yet.
        DatabaseError: its server cannot be reached.
    """
    held = index.tile_versions(product)
    there = {file.tile: file.version for file in SourceListing(store, product).sources().files}
    return tuple(sorted(tile for tile in {*held, *there} if held.get(tile) != there.get(tile)))


def stale_words(tiles: tuple[str, ...], engine: str) -> str:
    """What to tell of stale tiles, and what to do.

    >>> stale_words(("32VKM", "32VLM"), "duckdb")
    'the index is older than the embeddings of 2 tiles (32VKM, 32VLM); materialise duckdb_index'
    """
    named = ", ".join(tiles[:5]) + (", ..." if len(tiles) > 5 else "")
    noun = "tile" if len(tiles) == 1 else "tiles"
    return (
        f"the index is older than the embeddings of {len(tiles)} {noun} ({named}); "
        f"materialise {engine}_index"
    )
