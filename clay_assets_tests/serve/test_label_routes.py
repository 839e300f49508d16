import pytest
from fastapi.testclient import TestClient


@pytest.fixture
def collection(client: TestClient) -> dict:
    feature = client.get("/api/footprints").json()["features"][0]
    chip = feature["properties"]["chips"][0]
    properties = {
        "id": chip["chip_id"],
        "chip_id": chip["chip_id"],
        "class": "positive",
        "date": chip["date"],
        "mgrs": feature["properties"]["mgrs"],
    }
    label = {"type": "Feature", "geometry": feature["geometry"], "properties": properties}
    return {"type": "FeatureCollection", "product": "clay", "features": [label]}


def test_a_label_set_is_saved_listed_read_and_deleted(client: TestClient, collection):
    saved = client.put("/api/labels/my farms", json=collection)
    assert saved.status_code == 200
    etag = saved.headers["etag"]
    read = client.get("/api/labels/my farms")
    assert read.headers["etag"] == etag
    assert read.headers["content-type"] == "application/geo+json"
    assert read.json() == {**collection, "name": "my farms"}
    listed = {labels["name"]: labels for labels in client.get("/api/labels").json()["labels"]}
    assert listed["my farms"] == {
        "name": "my farms",
        "product": "clay",
        "features": 1,
        "etag": etag,
    }
    known = client.get("/api/labels/my farms", headers={"if-none-match": f"W/{etag}"})
    assert known.status_code == 304
    assert client.delete("/api/labels/my farms").status_code == 204
    assert client.get("/api/labels/my farms").status_code == 404


def test_a_version_that_was_not_seen_stays(client: TestClient, collection):
    etag = client.put("/api/labels/shared", json=collection).headers["etag"]
    unseen = client.put("/api/labels/shared", json=collection)
    assert unseen.status_code == 412
    assert "another version of label set 'shared'" in unseen.json()["error"]
    collection["features"][0]["properties"]["class"] = "negative"
    over = client.put("/api/labels/shared", json=collection, headers={"if-match": etag})
    assert over.status_code == 200
    late = client.delete("/api/labels/shared", headers={"if-match": etag})
    assert late.status_code == 412
    assert client.delete("/api/labels/shared").status_code == 204


def test_what_is_no_label_set_says_where(client: TestClient, collection):
    del collection["features"][0]["properties"]["class"]
    answer = client.put("/api/labels/farms", json=collection)
    assert answer.status_code == 400
    assert "features.0.properties.class: Field required" in answer.json()["error"]
    collection["product"], collection["features"] = "prithvi", []
    answer = client.put("/api/labels/farms", json=collection)
    assert (answer.status_code, "no product 'prithvi'" in answer.json()["error"]) == (404, True)
