"""Embeddings: chips and a checkpoint in, one GeoParquet file a tile and product out."""

from clay_assets.embeddings.checks import CheckReport, check_embeddings
from clay_assets.embeddings.dtypes import vectors_of
from clay_assets.embeddings.embed import embed_tile, embed_tiles
from clay_assets.embeddings.encoder import ChipEncoder, load_encoder
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
from clay_assets.embeddings.report import EmbeddingsReport
from clay_assets.embeddings.work import CODE_VERSION

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
