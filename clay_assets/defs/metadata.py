"""Metadata that people look at in the UI."""

import base64

import dagster as dg
import pyarrow as pa

PICTURE_LIMIT = 50_000
"""Bytes; a picture lives in the event's database row."""


def picture(png: bytes) -> dg.MarkdownMetadataValue:
    """A PNG as metadata that the UI shows.

    Raises:
        ValueError: the picture is too large for an event row.
    """
    if len(png) > PICTURE_LIMIT:
        raise ValueError(f"a picture must have at most {PICTURE_LIMIT} bytes, got {len(png)}")
    return dg.MetadataValue.md(f"![](data:image/png;base64,{base64.b64encode(png).decode()})")


def columns(schema: pa.Schema) -> dg.TableSchemaMetadataValue:
    """Column names and types of a table."""
    return dg.MetadataValue.table_schema(
        dg.TableSchema([dg.TableColumn(field.name, str(field.type)) for field in schema])
    )
