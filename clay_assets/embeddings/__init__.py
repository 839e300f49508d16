"""Embeddings: chips and a checkpoint in, one GeoParquet file a tile and product out.

Files and products are known without torch; what computes is loaded when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from clay_assets.embeddings.dtypes import vectors_of
from clay_assets.embeddings.extraction import Extraction
from clay_assets.embeddings.file import (
    Drift,
    FileMetadata,
    file_schema,
    read_metadata,
    read_rows,
)
from clay_assets.embeddings.listing import EmbeddingFile, file_key, find_file, list_files
from clay_assets.embeddings.products import LEVELS, Product, load_products

if TYPE_CHECKING:
    from clay_assets.embeddings.checks import CheckReport, check_embeddings
    from clay_assets.embeddings.embed import embed_tile, embed_tiles
    from clay_assets.embeddings.encoder import ChipEncoder, load_encoder
    from clay_assets.embeddings.report import EmbeddingsReport
    from clay_assets.embeddings.work import CODE_VERSION

_HOMES = {
    "CODE_VERSION": "work",
    "CheckReport": "checks",
    "ChipEncoder": "encoder",
    "EmbeddingsReport": "report",
    "check_embeddings": "checks",
    "embed_tile": "embed",
    "embed_tiles": "embed",
    "load_encoder": "encoder",
}
"""Modules of what needs torch."""

__all__ = [
    "CODE_VERSION",
    "LEVELS",
    "CheckReport",
    "ChipEncoder",
    "Drift",
    "EmbeddingFile",
    "EmbeddingsReport",
    "Extraction",
    "FileMetadata",
    "Product",
    "check_embeddings",
    "embed_tile",
    "embed_tiles",
    "file_key",
    "file_schema",
    "find_file",
    "list_files",
    "load_encoder",
    "load_products",
    "read_metadata",
    "read_rows",
    "vectors_of",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """What needs torch, from its module."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
