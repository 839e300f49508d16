"""The addresses under `/api/beyond`: what embeddings tell besides neighbours."""

from typing import Any

import pandas as pd
from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse

from clay_assets.analysis.change import changes
from clay_assets.analysis.classifier import Labels
from clay_assets.analysis.clusters import ClusterSettings
from clay_assets.analysis.labelled import labels_of_set
from clay_assets.analysis.outliers import OutlierSettings
from clay_assets.analysis.predictions import PredictionFilter, predict
from clay_assets.analysis.tile_outputs import change_figures
from clay_assets.errors import InvalidValueError
from clay_assets.serve.beyond import Analyses
from clay_assets.serve.beyond_answers import (
    cluster_summary,
    collection,
    predictions_compact,
    predictions_csv,
    predictions_geojson,
)
from clay_assets.serve.beyond_asking import (
    Classes,
    ClassifierBody,
    CloudShare,
    ClusterCount,
    Confidence,
    Days,
    Most,
    Neighbours,
    OutlierCount,
    PredictionFormat,
    Product,
    Seed,
    Tiles,
    Version,
    change_settings,
)
from clay_assets.serve.overlay_routes import add_overlay_routes, cluster_colour
from clay_assets.serve.service import Service

GEOJSON = "application/geo+json"


def add_beyond_routes(routes: APIRouter, service: Service) -> None:
    """Add them to `routes`, answering from `service`."""
    analyses = Analyses(service.store)
    _add_classifier(routes, service, analyses)
    _add_change(routes, service)
    _add_clusters(routes, service, analyses)
    _add_outliers(routes, service, analyses)
    add_overlay_routes(routes, service, analyses)


def _add_classifier(routes: APIRouter, service: Service, analyses: Analyses) -> None:
    @routes.post("/api/beyond/classifier")
    def train_classifier(body: ClassifierBody) -> dict[str, Any]:
        """Train on labels, and say by spatially blocked cross-validation how far to trust it.

        The same labels and settings give the same classifier, which is kept for a while.
        """
        product = service.product(body.product).name
        labels = _labels(service, body, product)
        classifier = analyses.classifier(product, labels, body.settings())
        return {
            "version": classifier.version,
            "classes": list(classifier.classes),
            "report": classifier.report.to_json(),
        }

    @routes.get(
        "/api/beyond/classifier/{version}/predictions",
        response_class=StreamingResponse,
        responses={200: {"content": {GEOJSON: {}, "text/csv": {}, "application/json": {}}}},
    )
    def predictions(
        version: Version,
        min_confidence: Confidence = 0.0,
        classes: Classes = [],  # noqa: B006
        tiles: Tiles = [],  # noqa: B006
        most: Most = 25_000,
        format: PredictionFormat = "geojson",
    ) -> StreamingResponse:
        """What a classifier tells of every chip or patch of its product, streamed tile by tile."""
        classifier = analyses.trained(version)
        wanted = PredictionFilter(min_confidence, tuple(classes), tuple(tiles))
        tables = predict(service.store, classifier, wanted)
        if format == "csv":
            headers = {"content-disposition": 'attachment; filename="predictions.csv"'}
            return StreamingResponse(
                predictions_csv(tables), media_type="text/csv", headers=headers
            )
        chips = service.chips(classifier.report.product)
        if format == "compact":
            parts = predictions_compact(tables, classifier, chips)
            return StreamingResponse(parts, media_type="application/json")
        parts = predictions_geojson(tables, classifier, chips, most)
        return StreamingResponse(parts, media_type=GEOJSON)


def _labels(service: Service, body: ClassifierBody, product: str) -> Labels:
    if (body.labels is None) == (body.label_set is None):
        raise InvalidValueError(
            "one of labels and label_set must be given, got "
            f"{'neither' if body.labels is None else 'both'}"
        )
    if body.label_set is None:
        return body.labels or {}
    return labels_of_set(service.store, body.label_set, product)


def _add_change(routes: APIRouter, service: Service) -> None:
    @routes.get(
        "/api/beyond/change",
        response_class=StreamingResponse,
        responses={200: {"content": {GEOJSON: {}}}},
    )
    def change(
        product: Product = None,
        before: Days = None,
        after: Days = None,
        max_cloud_share: CloudShare = 0.3,
        tiles: Tiles = [],  # noqa: B006
        most: Most = 5_000,
    ) -> StreamingResponse:
        """How far each place moved between two dates, most changed first, as GeoJSON.

        `distance` is 1 - cosine; `z` says how far it stands out among its tile. Each tile's first
        and last date are compared unless told otherwise.
        """
        chips = service.chips(product)
        settings = change_settings(before, after, max_cloud_share)
        figures, best = [], None
        for found in changes(service.store, chips.product, settings, tuple(tiles)):
            figures.append({"tile": found.tile, **change_figures(found)})
            both = found.frame if best is None else pd.concat([best, found.frame])
            best = both.nlargest(most, "distance", keep="first")
        assert best is not None  # `changes` yields one or raises
        about = {"product": chips.product, "tiles": figures}
        return StreamingResponse(collection(best, about, chips), media_type=GEOJSON)


def _add_clusters(routes: APIRouter, service: Service, analyses: Analyses) -> None:
    @routes.get("/api/beyond/clusters")
    def clusters(
        product: Product = None, clusters: ClusterCount = 8, seed: Seed = 0
    ) -> dict[str, Any]:
        """Kinds of ground that a product tells apart without labels, the typical rows of each.

        Their pictures for the map are at `/api/beyond/overlays?kind=clusters`.
        """
        chips = service.chips(product)
        found = analyses.clusters(chips.product, ClusterSettings(clusters, seed))
        return {
            "product": chips.product,
            "sampled": found.centres.sampled,
            "silhouette": round(found.centres.silhouette, 4),
            "explained": round(found.centres.explained, 4),
            "clusters": [
                cluster_summary(each, chips, cluster_colour(each.cluster)) for each in found.found
            ],
        }


def _add_outliers(routes: APIRouter, service: Service, analyses: Analyses) -> None:
    @routes.get(
        "/api/beyond/outliers",
        response_class=Response,
        responses={200: {"content": {GEOJSON: {}}}},
    )
    def outliers(
        product: Product = None,
        most: OutlierCount = 100,
        neighbours: Neighbours = 5,
        max_cloud_share: CloudShare = 1.0,
        seed: Seed = 0,
    ) -> Response:
        """The rows that look like nothing else, strangest first, as GeoJSON."""
        chips = service.chips(product)
        settings = OutlierSettings(most, neighbours, max_cloud_share, seed)
        found = analyses.outliers(chips.product, settings)
        about = {
            "product": chips.product,
            "rows": found.rows,
            "sampled": found.sampled,
            "median_distance": round(found.median_distance, 6),
        }
        frame = found.frame.drop(columns="source_url")
        return Response("".join(collection(frame, about, chips)), media_type=GEOJSON)
