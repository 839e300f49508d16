"""A product's STAC collection: a static catalogue of the items of its tiles."""

import posixpath
from collections.abc import Sequence
from datetime import UTC, datetime, time

import pystac
import shapely

from clay_assets.embeddings.file import FileMetadata, read_metadata
from clay_assets.embeddings.listing import EmbeddingFile, list_files, product_folder
from clay_assets.embeddings.outputs.stac_item import EMBEDDING_EXTENSION, as_json, relative_href
from clay_assets.errors import NotFoundError
from clay_assets.ingest.footprint import footprint_wgs84
from clay_assets.mgrs import tile_box
from clay_assets.store import Store

_ATTEMPTS = 5


def collection_key(product: str) -> str:
    """Where a product's collection lies in the store."""
    return f"{product_folder(product)}/collection.json"


def write_collection(store: Store, product: str) -> str | None:
    """Bring the collection of a product's items up to date; done once a run, not once a tile.

    It is made from the names of the files alone, and its extent from the squares of their tiles,
    so that it costs the same for many tiles as for few. Runs that write it at one time look again
    after they have written: whoever comes last has seen the items of all.

    Returns:
        Its key; None for a product without items, which has no collection.
    """
    key = collection_key(product)
    for _ in range(_ATTEMPTS):
        files = _files_with_items(store, product)
        if not files:
            store.delete([key])
            return None
        content = _collection_json(product, files, read_metadata(store, files[-1].key))
        if _content(store, key) != content:
            store.write_bytes(key, content)
        if _files_with_items(store, product) == files:
            break
    return key


def _files_with_items(store: Store, product: str) -> list[EmbeddingFile]:
    items = {file.key for file in store.entries(product_folder(product))[1]}
    return [file for file in list_files(store, product) if _item_key(file) in items]


def _item_key(file: EmbeddingFile) -> str:
    return f"{posixpath.splitext(file.key)[0]}.json"


def _content(store: Store, key: str) -> bytes | None:
    try:
        return store.read_bytes(key)
    except NotFoundError:
        return None


def _collection_json(product: str, files: Sequence[EmbeddingFile], metadata: FileMetadata) -> bytes:
    key = collection_key(product)
    collection = pystac.Collection(
        id=product,
        title=f"Embeddings {product}",
        description=f"Embeddings of product {product}: level {metadata.level} of checkpoint "
        f"{metadata.checkpoint_id}, an item an MGRS tile.",
        extent=_extent(files),
        license="other",
        stac_extensions=[EMBEDDING_EXTENSION],
        extra_fields={
            "emb:type": "chip",
            "emb:dimensions": metadata.shape[-1],
            "data_type": metadata.dtype,
            "emb:fit_for_use": ["similarity_search"],
        },
        catalog_type=pystac.CatalogType.SELF_CONTAINED,
    )
    collection.clear_links()
    model = relative_href(key, f"checkpoints/{metadata.checkpoint_id}/card.json")
    collection.add_link(pystac.Link("root", "./collection.json", "application/json"))
    collection.add_link(pystac.Link("emb:model", model, "application/json", "Checkpoint"))
    collection.add_link(
        pystac.Link("emb:source-data", relative_href(key, "chips"), title="Chips of all tiles")
    )
    for file in files:
        href = relative_href(key, _item_key(file))
        collection.add_link(pystac.Link("item", href, "application/geo+json", file.tile))
    return as_json(collection)


def _extent(files: Sequence[EmbeddingFile]) -> pystac.Extent:
    boxes = [tile_box(file.tile) for file in files]
    squares = [
        footprint_wgs84((box.west, box.south, box.east, box.north), box.epsg) for box in boxes
    ]
    first = min(file.first_date for file in files)
    last = max(file.last_date for file in files)
    interval = [
        datetime.combine(first, time.min, UTC),
        datetime.combine(last, time(23, 59, 59), UTC),
    ]
    return pystac.Extent(
        pystac.SpatialExtent([shapely.total_bounds(squares).tolist()]),
        pystac.TemporalExtent([interval]),
    )
