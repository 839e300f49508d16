"""The hits of a search as GeoJSON, CSV and GeoParquet, a thousand at a time."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import geopandas
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from clay_assets.geotable import geo_metadata
from clay_assets.search import Hits
from clay_assets.serve.catalogue import ProductChips, known_share, rounded

Format = Literal["geojson", "csv", "parquet"]
MEDIA_TYPES: dict[Format, str] = {
    "geojson": "application/geo+json",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}
SCORE_DIGITS = 6
_AT_ONCE = 1_000
_COLUMNS = (
    "rank", "id", "chip_id", "patch_row", "patch_col", "score", "mgrs", "date", "cloud_share",
    "source_url", "product",
)  # fmt: skip
_SCHEMA = pa.schema(
    [
        ("rank", pa.int32()),
        ("id", pa.string()),
        ("chip_id", pa.string()),
        ("patch_row", pa.int16()),
        ("patch_col", pa.int16()),
        ("score", pa.float64()),
        ("mgrs", pa.string()),
        ("date", pa.date32()),
        ("cloud_share", pa.float32()),
        ("source_url", pa.string()),
        ("product", pa.string()),
        ("geometry", pa.binary()),
    ]
)


@dataclass(frozen=True)
class Answer:
    """Hits and what is said about them."""

    hits: Hits
    """One page of them."""
    chips: ProductChips
    """The product's chips, which know places."""
    members: dict[str, Any]
    """How they were found: the members of the collection beside its features."""
    first_rank: int
    """Rank of the first hit."""

    def write(self, kind: Format) -> Iterator[bytes]:
        """The answer in a format, in pieces."""
        if kind == "geojson":
            return self.geojson()
        return self._csv() if kind == "csv" else self._parquet()

    def geojson(self) -> Iterator[bytes]:
        """A FeatureCollection; its members say how the hits were found."""
        head = json.dumps({"type": "FeatureCollection", **self.members}, separators=(",", ":"))
        yield f'{head[:-1]},"features":['.encode()
        separator = ""
        for first, frame in self._pieces():
            footprints = shapely.to_geojson(rounded(frame.geometry))
            features = (
                f'{{"type":"Feature","id":{row["rank"]},"geometry":{footprint},'
                f'"properties":{json.dumps(row | self._place(row), separators=(",", ":"))}}}'
                for row, footprint in zip(_rows(frame, first), footprints, strict=True)
            )
            yield (separator + ",".join(features)).encode()
            separator = ","
        yield b"]}"

    def _csv(self) -> Iterator[bytes]:
        yield (",".join((*_COLUMNS, "geometry")) + "\r\n").encode()
        for first, frame in self._pieces():
            text = io.StringIO()
            writer = csv.DictWriter(text, (*_COLUMNS, "geometry"))
            shapes = shapely.to_wkt(rounded(frame.geometry), rounding_precision=-1)
            for row, shape in zip(_rows(frame, first), shapes, strict=True):
                writer.writerow(row | {"product": self.chips.product, "geometry": shape})
            yield text.getvalue().encode()

    def _parquet(self) -> Iterator[bytes]:
        """GeoParquet; without pyarrow's seeking, so that each row group can leave at once."""
        geometry = self.hits.frame.geometry
        about = geo_metadata(
            set(geometry.geom_type), geometry.total_bounds.tolist() if len(geometry) else []
        )
        schema = _SCHEMA.with_metadata({"geo": json.dumps(about)})
        sink = _Sink()
        with pq.ParquetWriter(pa.PythonFile(sink, "w"), schema, compression="zstd") as writer:
            for first, frame in self._pieces():
                writer.write_table(_table(frame, first, self.chips.product))
                yield sink.taken()
        yield sink.taken()

    def _pieces(self) -> Iterator[tuple[int, geopandas.GeoDataFrame]]:
        for start in range(0, len(self.hits.frame), _AT_ONCE):
            yield self.first_rank + start, self.hits.frame.iloc[start : start + _AT_ONCE]

    def _place(self, row: dict[str, Any]) -> dict[str, Any]:
        listed = self.chips.chips.get(row["chip_id"])  # None: the index is older than the files
        return {
            "place": listed.place if listed else None,
            "hash": listed.content_hash if listed else "",
        }


class _Sink(io.RawIOBase):
    """Keeps what is written until it is taken."""

    def __init__(self) -> None:
        self._written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:  # noqa: ANN401
        self._written += data
        return len(data)

    def taken(self) -> bytes:
        written, self._written = bytes(self._written), bytearray()
        return written


def _rows(frame: geopandas.GeoDataFrame, first: int) -> Iterator[dict[str, Any]]:
    """Each hit as JSON values, with its rank."""
    for rank, row in enumerate(frame.itertuples(), start=first):
        yield {
            "rank": rank,
            "id": row.id,
            "chip_id": row.chip_id,
            "patch_row": _whole(row, "patch_row"),
            "patch_col": _whole(row, "patch_col"),
            "score": round(float(row.score), SCORE_DIGITS),
            "mgrs": row.mgrs,
            "date": str(row.date)[:10],
            "cloud_share": known_share(row.cloud_share),
            "source_url": row.source_url,
        }


def _whole(row: Any, name: str) -> int | None:  # noqa: ANN401
    found = getattr(row, name, None)
    return None if found is None else int(found)


def _table(frame: geopandas.GeoDataFrame, first: int, product: str) -> pa.Table:
    size = len(frame)
    columns = {
        name: frame[name].to_numpy() if name in frame else pa.nulls(size) for name in _SCHEMA.names
    } | {
        "rank": range(first, first + size),
        "date": pd.to_datetime(frame["date"]).dt.date,
        "cloud_share": [known_share(found) for found in frame["cloud_share"]],
        "product": [product] * size,
        "geometry": shapely.to_wkb(frame.geometry.to_numpy()),
    }
    return pa.table([pa.array(columns[f.name], type=f.type) for f in _SCHEMA], schema=_SCHEMA)
