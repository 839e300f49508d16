"""What analyses look like over HTTP: GeoJSON, streamed where there may be much of it."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import geopandas
import pyarrow as pa
import shapely

from clay_assets.analysis.classifier import Classifier
from clay_assets.analysis.clusters import ClusterSummary
from clay_assets.serve.catalogue import ProductChips, known_share, rounded

DIGITS = 6


def feature_of(number: int, geometry: str, properties: dict[str, Any], chips: ProductChips) -> str:
    """One GeoJSON feature as text, with what the page needs to show the row of `properties`."""
    chip_id, *patch = str(properties["id"]).split("/")
    listed = chips.chips.get(chip_id)  # None: deleted meanwhile
    row, col = (int(patch[-2]), int(patch[-1])) if patch else (None, None)
    shown = {
        **properties,
        "chip_id": chip_id,
        "patch_row": row,
        "patch_col": col,
        "place": listed.place if listed else None,
        "hash": listed.content_hash if listed else "",
    }
    text = json.dumps(shown, separators=(",", ":"), default=str)
    return f'{{"type":"Feature","id":{number},"geometry":{geometry},"properties":{text}}}'


def collection(
    frame: geopandas.GeoDataFrame, about: dict[str, Any], chips: ProductChips
) -> Iterator[str]:
    """A frame as a FeatureCollection with members about it, piece by piece."""
    yield json.dumps({"type": "FeatureCollection", **about}, default=str)[:-1] + ',"features":['
    properties = frame.drop(columns="geometry").to_dict("records")
    geometries = shapely.to_geojson(rounded(frame.geometry))
    for number, (values, geometry) in enumerate(zip(properties, geometries, strict=True)):
        text = feature_of(number, geometry, _plain(values), chips)
        yield f",{text}" if number else text
    yield "]}"


def predictions_geojson(
    tables: Iterable[pa.Table], classifier: Classifier, chips: ProductChips, most: int
) -> Iterator[str]:
    """Predictions as a FeatureCollection, at most so many, in the order of the files."""
    about = {
        "product": classifier.report.product,
        "classifier": classifier.version,
        "classes": list(classifier.classes),
    }
    yield json.dumps({"type": "FeatureCollection", **about})[:-1] + ',"features":['
    left, number = most, 0
    for table in tables:
        rows = table.slice(0, left)
        geometries = shapely.to_geojson(rounded(shapely.from_wkb(rows["geometry"].to_numpy())))
        for values, geometry in zip(
            rows.drop_columns(["geometry", "source_url"]).to_pylist(), geometries, strict=True
        ):
            text = feature_of(number, geometry, _plain(values), chips)
            yield f",{text}" if number else text
            number += 1
        left -= len(rows)
        if left <= 0:
            break
    yield "]}"


def predictions_compact(
    tables: Iterable[pa.Table], classifier: Classifier, chips: ProductChips
) -> Iterator[str]:
    """Every prediction as `[id, place, class number, confidence]`; the map has the places."""
    about = {"product": classifier.report.product, "classes": list(classifier.classes)}
    yield json.dumps(about)[:-1] + ',"rows":['
    numbers = {name: number for number, name in enumerate(classifier.classes)}
    first = True
    for table in tables:
        columns = [table[name].to_pylist() for name in ("id", "class", "confidence")]
        rows = [
            [id_, _place(chips, id_), numbers[name], round(confidence, 4)]
            for id_, name, confidence in zip(*columns, strict=True)
        ]
        if rows:
            text = json.dumps(rows, separators=(",", ":"))[1:-1]
            yield text if first else f",{text}"
            first = False
    yield "]}"


def predictions_csv(tables: Iterable[pa.Table]) -> Iterator[str]:
    """Predictions as CSV with the middle of each row as lon and lat."""
    is_first = True
    for table in tables:
        middles = shapely.centroid(shapely.from_wkb(table["geometry"].to_numpy()))
        frame = table.drop_columns(["geometry"]).to_pandas()
        frame["lon"], frame["lat"] = shapely.get_x(middles), shapely.get_y(middles)
        yield frame.to_csv(index=False, header=is_first, float_format="%.6f")
        is_first = False


def cluster_summary(cluster: ClusterSummary, chips: ProductChips, colour: str) -> dict[str, Any]:
    """A cluster with what the page needs to show its typical rows."""
    typical = []
    for id_ in cluster.typical:
        chip_id, *patch = id_.split("/")
        listed = chips.chips.get(chip_id)
        typical.append(
            {
                "id": id_,
                "chip_id": chip_id,
                "patch_row": int(patch[-2]) if patch else None,
                "patch_col": int(patch[-1]) if patch else None,
                "place": listed.place if listed else None,
                "hash": listed.content_hash if listed else "",
                "date": listed.date if listed else None,
            }
        )
    return {
        "cluster": cluster.cluster,
        "rows": cluster.rows,
        "colour": colour,
        "typical": typical,
    }


def _place(chips: ProductChips, id_: str) -> int | None:
    listed = chips.chips.get(id_.partition("/")[0])
    return listed.place if listed else None


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """JSON values; numbers rounded, an unknown cloud share as null."""
    plain = {
        name: round(value, DIGITS) if isinstance(value, float) else value
        for name, value in values.items()
    }
    if "cloud_share" in plain:
        plain["cloud_share"] = known_share(values["cloud_share"])
    return plain
