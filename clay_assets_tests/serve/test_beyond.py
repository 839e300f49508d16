"""What embeddings tell besides neighbours, over HTTP."""

import csv
import io

import numpy as np
import pytest
from PIL import Image

from clay_assets.analysis.change import change_of_tile
from clay_assets.serve.overlay_routes import cluster_colour


@pytest.fixture(scope="module")
def chips(client) -> list[str]:
    """Ids of all chips, place by place."""
    places = client.get("/api/footprints").json()["features"]
    return [chip["chip_id"] for place in places for chip in place["properties"]["chips"]]


@pytest.fixture(scope="module")
def trained(client, chips) -> dict:
    labels = {id_: ("left", "right")[number % 2] for number, id_ in enumerate(chips[:20])}
    answer = client.post("/api/beyond/classifier", json={"labels": labels})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_classifier_answers_with_its_report(client, trained):
    report = trained["report"]
    assert trained["classes"] == ["left", "right"]
    assert report["labels"] == {"left": 10, "right": 10}
    assert (report["validation"] is None) == (report["note"] is not None)


def test_predictions_come_in_three_forms_that_agree(client, chips, trained):
    address = f"/api/beyond/classifier/{trained['version']}/predictions"
    features = client.get(address).json()["features"]
    compact = client.get(address, params={"format": "compact"}).json()
    rows = list(csv.DictReader(io.StringIO(client.get(address, params={"format": "csv"}).text)))
    assert {feature["properties"]["id"] for feature in features} == set(chips)
    for feature, row, (id_, place, number, confidence) in zip(
        features, rows, compact["rows"], strict=True
    ):
        found = feature["properties"]
        assert found["id"] == row["id"] == id_
        assert found["class"] == row["class"] == compact["classes"][number]
        assert found["place"] == place
        assert float(row["confidence"]) == pytest.approx(found["confidence"], abs=1e-6)
        assert confidence == pytest.approx(found["confidence"], abs=1e-4)


def test_predictions_can_be_narrowed_down(client, trained):
    address = f"/api/beyond/classifier/{trained['version']}/predictions"
    every = client.get(address).json()["features"]
    confidences = sorted(feature["properties"]["confidence"] for feature in every)
    middle = confidences[len(confidences) // 2]
    params = {"min_confidence": middle - 1e-7, "class": "left"}
    left = [
        feature["properties"] for feature in client.get(address, params=params).json()["features"]
    ]
    wanted = [
        feature["properties"]["id"]
        for feature in every
        if feature["properties"]["class"] == "left"
        and feature["properties"]["confidence"] >= middle
    ]
    assert [found["id"] for found in left] == wanted
    assert len(client.get(address, params={"most": 3}).json()["features"]) == 3


def test_the_same_labels_give_the_same_classifier(client, chips, trained):
    labels = {id_: ("left", "right")[number % 2] for number, id_ in enumerate(chips[:20])}
    again = client.post("/api/beyond/classifier", json={"labels": labels}).json()
    assert again["version"] == trained["version"]


def test_change_comes_as_geojson(client, installation):
    answer = client.get("/api/beyond/change", params={"max_cloud_share": 1}).json()
    found = [feature["properties"] for feature in answer["features"]]
    settings = installation.settings
    wanted = change_of_tile(settings.store, answer["product"], installation.tile).frame
    assert answer["tiles"][0]["tile"] == installation.tile
    assert {row["id"] for row in found} >= set(wanted["id"])
    distances = [row["distance"] for row in found]
    assert distances == sorted(distances, reverse=True)
    assert all(row["date_before"] < row["date"] and row["place"] is not None for row in found)


def test_clusters_have_typical_chips_and_a_picture(client, chips, installation):
    answer = client.get("/api/beyond/clusters", params={"clusters": 3}).json()
    assert sum(cluster["rows"] for cluster in answer["clusters"]) == len(chips)
    assert [cluster["colour"] for cluster in answer["clusters"]] == [
        cluster_colour(number) for number in range(3)
    ]
    for cluster in answer["clusters"]:
        assert {typical["id"] for typical in cluster["typical"]} <= set(chips)
    listed = client.get("/api/beyond/overlays", params={"kind": "clusters"}).json()
    (tile,) = listed["tiles"]
    picture = client.get(f"/{tile['url']}&clusters=3")
    image = np.array(Image.open(io.BytesIO(picture.content)))
    seen = {tuple(colour) for colour in image[image[..., 3] > 0][:, :3].tolist()}
    assert seen <= {tuple(bytes.fromhex(cluster_colour(number)[1:])) for number in range(3)}


def test_colours_lie_where_the_chips_do(client, installation):
    listed = client.get("/api/beyond/overlays", params={"kind": "colours"}).json()
    (tile,) = listed["tiles"]
    assert tile["tile"] == installation.tile
    assert 0 < sum(listed["explained"]) <= 1.001
    bounds = client.get("/api/products").json()["products"][0]["bbox"]
    west, south, east, north = tile["bounds"]
    assert bounds[0] <= west < east <= bounds[2] + 1e-6
    assert bounds[1] <= south < north <= bounds[3] + 1e-6
    answer = client.get(f"/{tile['url']}")
    assert answer.headers["content-type"] == "image/png"
    assert "max-age=86400" in answer.headers["cache-control"]


def test_outliers_come_strangest_first(client, chips):
    answer = client.get("/api/beyond/outliers", params={"most": 5, "neighbours": 2}).json()
    distances = [feature["properties"]["distance"] for feature in answer["features"]]
    assert distances == sorted(distances, reverse=True)
    assert len(distances) == 5
    assert answer["rows"] == len(chips)


@pytest.mark.parametrize(
    ("method", "address", "body", "status", "message"),
    [
        ("post", "classifier", {}, 400, "one of labels and label_set must be given, got neither"),
        ("post", "classifier", {"labels": {"a": "b"}}, 400, "2 to 32 classes, got 1 (b)"),
        ("post", "classifier", {"labels": {"a": "b", "c": "d"}}, 404, "no row 'a', 'c' among its"),
        ("post", "classifier", {"label_set": "none"}, 404, "no label set 'none'"),
        ("post", "classifier", {"labels": {}, "model": "forest"}, 400, "'logistic' or 'boosting'"),
        ("get", "classifier/none/predictions", None, 404, "no classifier 'none'"),
        ("get", "change?before=spring", None, 400, "before must be a day YYYY-MM-DD"),
        ("get", "change?before=1990-01-01", None, 404, "no two dates to compare: before is 1990"),
        ("get", "clusters?clusters=1", None, 400, "greater than or equal to 2"),
        ("get", "outliers?product=none", None, 404, "there is no product 'none'"),
        ("get", "overlays?kind=colours&date=today", None, 400, "date must be a day YYYY-MM-DD"),
        ("get", "overlays?kind=heat", None, 400, "'colours' or 'clusters'"),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_says_why(client, method, address, body, status, message):
    options = {"json": body} if body is not None else {}
    answer = getattr(client, method)(f"/api/beyond/{address}", **options)
    assert answer.status_code == status
    assert message in answer.json()["error"]


def test_a_day_without_a_picture_is_named(client, installation):
    product = client.get("/api/products").json()["products"][0]["name"]
    answer = client.get(
        f"/api/beyond/overlays/colours/{product}/{installation.tile}/1990-01-01.png"
    )
    assert answer.status_code == 404
    assert "has no date '1990-01-01'; it has 20" in answer.json()["error"]


def test_without_embeddings_the_next_step_is_said(empty_client):
    answer = empty_client.get("/api/beyond/clusters")
    assert answer.status_code == 404
    assert "materialise `embeddings/clay`" in answer.json()["error"]
