"""Outputs over all tiles of a product: clusters, outliers, and predictions of label sets."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict

import geopandas
import pyarrow as pa
import shapely

from clay_assets.analysis import clusters as clusters_
from clay_assets.analysis import outliers as outliers_
from clay_assets.analysis.classifier import (
    Classifier,
    ClassifierSettings,
    Labels,
    classifier_version,
    train,
)
from clay_assets.analysis.clusters import (
    ClusterSettings,
    Summaries,
    assign,
    clusters_to_json,
    find_centres,
)
from clay_assets.analysis.outliers import OutlierSettings, find_outliers
from clay_assets.analysis.predictions import PredictionFilter, predict
from clay_assets.analysis.records import (
    Output,
    Record,
    known_record,
    output_key,
    version_of_inputs,
    write_record,
)
from clay_assets.analysis.rows import files_of, version_of
from clay_assets.analysis.sheets import Shown, rows_png, sheet_png
from clay_assets.geotable import write_geotable
from clay_assets.store import Store

CLUSTERS, OUTLIERS, PREDICTIONS = "clusters", "outliers", "predictions"
_SHEET = 24


def keep_clusters(store: Store, product: str, settings: ClusterSettings, *, run_id: str) -> Output:
    """Write the cluster of every row, a GeoParquet a tile, and a sheet of typical chips.

    Raises:
        NotFoundError: the product has no embeddings.
        InvalidValueError: it has fewer rows than clusters.
    """
    files = files_of(store, product)
    version = version_of_inputs(clusters_.CODE_VERSION, version_of(files), asdict(settings))
    folder = output_key(CLUSTERS, product, "")
    if record := known_record(store, f"{folder}clusters.json", version):
        return Output(record, store.read_bytes(f"{folder}clusters.png"), folder)
    centres = find_centres(store, files, settings)
    summaries = Summaries(settings.clusters)
    for file in files:
        parts = list(assign(store, [file], centres))
        for part in parts:
            summaries.add(part)
        _write_tile(store, f"{folder}{file.tile}.parquet", parts, version)
    _delete_others(store, folder, [file.tile for file in files])
    found = summaries.list()
    rows = [
        [
            Shown(id_, url, f"cluster {each.cluster}", f"{each.rows} rows" if not place else "")
            for place, (id_, url) in enumerate(zip(each.typical, each.source_urls, strict=True))
        ]
        for each in found
        if each.rows
    ]
    png = rows_png(store, rows, files[0].grid)
    store.write_bytes(f"{folder}clusters.png", png)
    record = Record(version, run_id, clusters_to_json(centres, found))
    return Output(write_record(store, f"{folder}clusters.json", record), png, folder)


def keep_outliers(store: Store, product: str, settings: OutlierSettings, *, run_id: str) -> Output:
    """Write the strangest rows as GeoParquet, and a sheet of the first of them.

    Raises:
        NotFoundError: the product has no embeddings.
        InvalidValueError: it has not more rows than `settings.neighbours`.
    """
    files = files_of(store, product)
    version = version_of_inputs(outliers_.CODE_VERSION, version_of(files), asdict(settings))
    key, record_key, png_key = (
        output_key(OUTLIERS, product, f"outliers.{end}") for end in ("parquet", "json", "png")
    )
    if record := known_record(store, record_key, version):
        return Output(record, store.read_bytes(png_key), key)
    found = find_outliers(store, files, settings)
    write_geotable(store, key, found.frame, {"version": version, "run_id": run_id})
    shown = [
        Shown(row.id, row.source_url, f"{row.mgrs} {row.date}", f"distance {row.distance:.3f}")
        for row in found.frame.head(_SHEET).itertuples()
    ]
    png = sheet_png(store, shown, files[0].grid)
    store.write_bytes(png_key, png)
    figures = {
        "rows": found.rows,
        "sampled": found.sampled,
        "median_distance": found.median_distance,
        "largest_distance": float(found.frame["distance"].max()),
        "strangest": found.frame["id"].head(10).tolist(),
    }
    record = write_record(store, record_key, Record(version, run_id, figures))
    return Output(record, png, key)


def keep_predictions(
    store: Store,
    product: str,
    name: str,
    labels: Labels,
    settings: ClassifierSettings,
    *,
    run_id: str,
) -> Output:
    """Train on a label set and write what is told of every row, a GeoParquet a tile.

    Args:
        store: with the product's embeddings.
        product: whose vectors are classified.
        name: of the label set; names the folder.
        labels: row id -> class.
        settings: how.
        run_id: of the run that does it.

    Raises:
        NotFoundError: the product has no embeddings, or no such row.
        InvalidValueError: there are too few labels.
    """
    version = classifier_version(files_of(store, product), labels, settings)
    folder = output_key(PREDICTIONS, product, f"{name}/")
    if record := known_record(store, f"{folder}report.json", version):
        return Output(record, None, folder)
    classifier = train(store, product, labels, settings)
    counts = dict.fromkeys(classifier.classes, 0)
    for file in classifier.files:
        parts = list(_of_tile(store, classifier, file.tile))
        for part in parts:
            for told in part["class"].value_counts().to_pylist():
                counts[told["values"]] += told["counts"]
        _write_tile(store, f"{folder}{file.tile}.parquet", parts, version)
    _delete_others(store, folder, [file.tile for file in classifier.files])
    figures = {"report": classifier.report.to_json(), "predicted": counts}
    record = Record(version, run_id, figures)
    return Output(write_record(store, f"{folder}report.json", record), None, folder)


def _of_tile(store: Store, classifier: Classifier, tile: str) -> Iterable[pa.Table]:
    return predict(store, classifier, PredictionFilter(tiles=(tile,)))


def _write_tile(store: Store, key: str, parts: Sequence[pa.Table], version: str) -> None:
    """The rows of one tile as GeoParquet; they hold no vectors."""
    rows = pa.concat_tables(parts)
    frame = geopandas.GeoDataFrame(
        rows.drop_columns(["geometry"]).to_pandas(),
        geometry=shapely.from_wkb(rows["geometry"].to_numpy()),
        crs="OGC:CRS84",
    )
    write_geotable(store, key, frame, {"version": version})


def _delete_others(store: Store, folder: str, tiles: Sequence[str]) -> None:
    """Files of tiles that are gone."""
    kept = {f"{folder}{tile}.parquet" for tile in tiles}
    stale = [file.key for file in store.files(folder.rstrip("/")) if file.key.endswith(".parquet")]
    store.delete([key for key in stale if key not in kept])
