from datetime import date
from io import BytesIO

import duckdb
import geopandas
import pytest
import shapely
from fastapi.testclient import TestClient
from PIL import Image

from clay_assets.chips import read_manifest
from clay_assets.search import Hits, Query, open_index
from clay_assets.serve.answers import Answer
from clay_assets.serve.catalogue import ProductChips
from clay_assets_tests.serve.conftest import DAGSTER_URL, RUN_ID, Installation

PLACES = 16  # 512 px cut into chips of 128 px
DATES = 3
LARGE = 5_000  # hits


@pytest.fixture
def chip_ids(installation: Installation) -> list[str]:
    return list(read_manifest(installation.settings.store, installation.tile).rows["chip_id"])


def search(client: TestClient, **parameters) -> dict:
    answer = client.get("/api/search", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids_of(answer: dict) -> list[str]:
    return [feature["properties"]["chip_id"] for feature in answer["features"]]


def centre(feature: dict) -> tuple[float, float]:
    lons, lats = zip(*feature["geometry"]["coordinates"][0], strict=True)
    return (min(lons) + max(lons)) / 2, (min(lats) + max(lats)) / 2


def test_products_say_how_much_there_is_to_search(client: TestClient, chip_ids, installation):
    answer = client.get("/api/products").json()
    [product] = answer["products"]
    assert product["name"] == "clay"
    assert product["chips"] == len(chip_ids)
    assert product["places"] == PLACES
    assert len(product["dates"]) == DATES
    assert product["tiles"] == [installation.tile]
    assert answer["engines"] == ["duckdb", "pgvector"]
    assert answer["dagster_url"] == DAGSTER_URL


def test_dates_of_one_square_are_one_footprint(client: TestClient, chip_ids):
    features = client.get("/api/footprints", params={"product": "clay"}).json()["features"]
    assert len(features) == PLACES
    listed = [chip for feature in features for chip in feature["properties"]["chips"]]
    assert sorted(chip["chip_id"] for chip in listed) == sorted(chip_ids)
    for feature in features:
        days = [chip["date"] for chip in feature["properties"]["chips"]]
        assert days == sorted(set(days))


def test_unchanged_footprints_are_not_sent_again(client: TestClient):
    first = client.get("/api/footprints")
    again = client.get("/api/footprints", headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 304
    assert not again.content


def test_a_search_answers_as_the_index_does(client: TestClient, installation, chip_ids):
    answer = search(client, chip_id=chip_ids[7], k=5)
    with open_index(installation.settings) as index:
        frame = index.search(Query("clay", chip_id=chip_ids[7], k=5)).frame
    assert ids_of(answer) == list(frame["chip_id"])
    scores = [feature["properties"]["score"] for feature in answer["features"]]
    assert scores == pytest.approx(list(frame["score"]), abs=1e-6)
    assert answer["query_chips"] == [chip_ids[7]]
    assert answer["engine"] == "duckdb"
    assert (answer["exact"], answer["how"], answer["expected_recall"]) == (True, "exact", 1.0)
    assert answer["stale_tiles"] == []
    assert answer["request"] == {"chip_id": chip_ids[7], "k": 5}


def test_get_and_post_ask_the_same(client: TestClient, chip_ids):
    asked = {"chip_id": chip_ids[0], "k": 4, "max_cloud_share": 0.5, "since": "2000-01-01"}
    posted = client.post("/api/search", json=asked).json()
    assert ids_of(posted) == ids_of(search(client, **asked))


def test_a_vector_can_be_posted(client: TestClient):
    vector = [1.0] + [0.0] * 31
    answer = client.post("/api/search", json={"vector": vector, "k": 3}).json()
    assert len(answer["features"]) == 3
    assert answer["query_chips"] == []


def test_a_place_is_answered_by_the_chip_over_it(client: TestClient):
    features = client.get("/api/footprints").json()["features"]
    lon, lat = centre(features[5])
    [asked] = search(client, lonlat=f"{lon},{lat}", k=1)["query_chips"]
    assert asked in {chip["chip_id"] for chip in features[5]["properties"]["chips"]}


def test_a_box_and_days_limit_the_hits(client: TestClient, chip_ids):
    feature = client.get("/api/footprints").json()["features"][0]
    lon, lat = centre(feature)
    box = f"{lon - 1e-4},{lat - 1e-4},{lon + 1e-4},{lat + 1e-4}"
    inside = search(client, chip_id=chip_ids[-1], k=50, bbox=box, include_query=True)
    chips = feature["properties"]["chips"]
    assert set(ids_of(inside)) == {chip["chip_id"] for chip in chips}
    day = chips[0]["date"]
    answer = search(client, chip_id=chip_ids[-1], k=50, since=day, until=day)
    assert {feature["properties"]["date"] for feature in answer["features"]} == {day}


def test_one_per_place_keeps_the_best_date_of_every_other_place(client: TestClient, chip_ids):
    everything = search(client, chip_id=chip_ids[3], k=200)["features"]
    asked_place = next(
        feature["id"]
        for feature in client.get("/api/footprints").json()["features"]
        if chip_ids[3] in {chip["chip_id"] for chip in feature["properties"]["chips"]}
    )
    best: dict[int, str] = {}
    for feature in everything:
        if feature["properties"]["place"] != asked_place:
            best.setdefault(feature["properties"]["place"], feature["properties"]["chip_id"])
    for k in (1, 5, PLACES - 1, 100):
        answer = search(client, chip_id=chip_ids[3], k=k, one_per_place=True)
        assert ids_of(answer) == list(best.values())[:k]
        ranks = [feature["properties"]["rank"] for feature in answer["features"]]
        assert ranks == list(range(1, len(ranks) + 1))


def test_pages_together_are_the_whole_answer(client: TestClient, chip_ids):
    for one_per_place in (False, True):
        asked = {"chip_id": chip_ids[3], "one_per_place": one_per_place}
        whole = search(client, **asked, k=100)
        assert whole["next_offset"] is None
        found, offset = [], 0
        while offset is not None:
            page = search(client, **asked, k=7, offset=offset)
            ranks = [feature["properties"]["rank"] for feature in page["features"]]
            assert ranks == list(range(offset + 1, offset + 1 + len(ranks)))
            found += ids_of(page)
            offset = page["next_offset"]
        assert found == ids_of(whole)


def test_areas_and_circles_limit_the_hits(client: TestClient, chip_ids):
    feature = client.get("/api/footprints").json()["features"][5]
    chips = {chip["chip_id"] for chip in feature["properties"]["chips"]}
    lon, lat = centre(feature)
    corners = [(-1e-4, -1e-4), (1e-4, -1e-4), (0, 1e-4)]
    ring = [[lon + east, lat + north] for east, north in corners]
    asked = {"chip_id": chip_ids[-1], "k": 50, "include_query": True}
    text = ",".join(str(value) for corner in ring for value in corner)
    assert set(ids_of(search(client, **asked, area=text))) == chips
    assert set(ids_of(search(client, **asked, circle=f"{lon},{lat},10"))) == chips
    area = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
    assert set(ids_of(client.post("/api/search", json=asked | {"area": area}).json())) == chips


def test_every_mode_answers_and_left_out_rows_stay_out(client: TestClient, chip_ids):
    best = ids_of(search(client, chip_id=chip_ids[0], k=3))
    for mode in ("max", "mean", "rocchio", "ridge"):
        answer = client.post(
            "/api/search",
            json={
                "positives": chip_ids[:2],
                "negatives": [chip_ids[-1]],
                "excluded": best,
                "mode": mode,
                "k": 50,
                "exact": True,
            },
        ).json()
        assert answer["exact"] is True
        assert not {*best, *chip_ids[:2], chip_ids[-1]} & set(ids_of(answer))


@pytest.mark.parametrize("kind", ["geojson", "csv", "parquet"])
def test_an_export_holds_what_the_search_answers(client: TestClient, chip_ids, tmp_path, kind):
    asked = {"chip_id": chip_ids[0], "k": 20}
    features = search(client, **asked)["features"]
    by_address = client.get("/api/export", params=asked | {"format": kind})
    by_body = client.post("/api/export", params={"format": kind}, json=asked)
    assert f"clay_hits.{kind}" in by_address.headers["content-disposition"]
    for answer in (by_address, by_body):
        path = tmp_path / f"hits.{kind}"
        path.write_bytes(answer.content)
        frame = geopandas.read_parquet(path) if kind == "parquet" else geopandas.read_file(path)
        assert list(frame["id"]) == [feature["properties"]["id"] for feature in features]
        assert [int(rank) for rank in frame["rank"]] == list(range(1, 21))
        if kind != "csv":  # whose geometry is text
            shown = geopandas.GeoDataFrame.from_features(features, crs=frame.crs).geometry
            assert frame.geometry.geom_equals_exact(shown, 1e-5).all()  # degrees


def test_a_large_export_leaves_in_pieces(client: TestClient, chip_ids):
    frame = geopandas.GeoDataFrame(
        {
            "id": [f"chip_{number}" for number in range(LARGE)],
            "chip_id": [f"chip_{number}" for number in range(LARGE)],
            "score": 0.5,
            "mgrs": "32VKM",
            "date": date(2024, 8, 8),
            "cloud_share": float("nan"),
            "source_url": "chips/x.tif",
            "product": "clay",
        },
        geometry=[shapely.box(5, 60, 5.1, 60.1)] * LARGE,
        crs="OGC:CRS84",
    )
    chips = ProductChips("clay", "1", {}, (), {})
    answer = Answer(Hits(frame, "duckdb", "exact", ()), chips, {"product": "clay"}, 1)
    for kind, read in (("geojson", geopandas.read_file), ("parquet", geopandas.read_parquet)):
        pieces = list(answer.write(kind))
        assert len(pieces) > LARGE / 1000
        assert max(map(len, pieces)) < 1_000_000
        assert len(read(BytesIO(b"".join(pieces)))) == LARGE


def test_a_picture_without_a_place_is_refused_and_a_chip_finds_itself(
    client: TestClient, chip_ids, installation
):
    picture = client.get(f"/api/chips/{chip_ids[0]}/thumbnail.png").content
    refused = client.post("/api/search/image", files={"file": ("a.png", picture)})
    assert refused.status_code == 400
    chip = client.get("/api/search", params={"chip_id": chip_ids[0], "include_query": True, "k": 1})
    [feature] = chip.json()["features"]
    data = installation.settings.store.read_bytes(
        feature["properties"]["source_url"].removeprefix(installation.settings.data_root + "/")
    )
    form = {"k": "1", "request": f'{{"mgrs": "{installation.tile}"}}'}
    answer = client.post("/api/search/image", files={"file": ("a.tif", data)}, data=form).json()
    assert ids_of(answer) == [chip_ids[0]]
    assert answer["features"][0]["properties"]["score"] == pytest.approx(1, abs=1e-4)
    assert len(answer["vector"]) == 32
    wrong = client.post(
        "/api/search/image", files={"file": ("a.tif", data)}, data={"request": '{"colour": 1}'}
    )
    assert "request is not the fields of a search: colour: Extra" in wrong.json()["error"]
    wrong = client.post("/api/search/image", files={"file": ("a.tif", data)}, data={"request": "{"})
    assert "request must be a JSON object, got '{'" in wrong.json()["error"]


def test_a_thumbnail_is_a_picture_of_the_size_asked_for(client: TestClient, chip_ids):
    for size in (128, 256, 512):
        answer = client.get(f"/api/chips/{chip_ids[0]}/thumbnail.png", params={"size": size})
        assert answer.headers["content-type"] == "image/png"
        assert Image.open(BytesIO(answer.content)).size == (size, size)


def test_a_thumbnail_is_kept_for_ever_only_when_its_chip_is_named_exactly(client, chip_ids):
    chip = client.get("/api/footprints").json()["features"][0]["properties"]["chips"][0]
    address = f"/api/chips/{chip['chip_id']}/thumbnail.png"
    exact = client.get(address, params={"v": chip["hash"]})
    assert "immutable" in exact.headers["cache-control"]
    assert client.get(address, params={"v": "old"}).headers["cache-control"] == "no-cache"
    again = client.get(address, headers={"if-none-match": exact.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.parametrize(
    ("parameters", "status", "words"),
    [
        ({"chip_id": "no_such_chip"}, 404, "no chip 'no_such_chip' in product 'clay'"),
        ({"chip_id": "x", "k": 0}, 400, "k must be 1 to 25000, got 0"),
        ({}, 400, "a query needs an example"),
        ({"chip_id": "x", "engine": "faiss"}, 400, "engine: Input should be 'duckdb' or 'pgvec"),
        ({"chip_id": "x", "colour": "red"}, 400, "colour: Extra inputs are not permitted"),
        ({"chip_id": "x", "bbox": "1,2,3"}, 400, "bbox"),
        ({"chip_id": "x", "since": "May"}, 400, "dates must be YYYY-MM-DD, got 'May'"),
        ({"chip_id": "x", "mgrs": "99ZZZ"}, 400, "'99ZZZ' is not an MGRS tile"),
        ({"lonlat": "0,0"}, 404, "no chip of product 'clay' covers lon 0.0, lat 0.0"),
        ({"chip_id": "x", "offset": 24_999, "k": 2}, 400, "offset and k must be at most 25000"),
        ({"chip_id": "x", "mode": "sum"}, 400, "mode must be one of max, mean, rocchio, ridge"),
        ({"chip_id": "x", "area": "1,2,3,4"}, 400, "area must be lon,lat of 3 or more corners"),
        ({"chip_id": "x", "area": "0,0,2,2,2,0,0,2"}, 400, "cross"),
        ({"chip_id": "x", "product": "prithvi"}, 404, "there is no product 'prithvi'; declared"),
    ],
)
def test_a_wrong_search_says_what_is_wrong(client: TestClient, parameters, status, words):
    answer = client.get("/api/search", params=parameters)
    assert answer.status_code == status
    assert words in answer.json()["error"]
    assert answer.json()["next_step"]


def test_a_long_list_of_mistakes_is_cut_short(client: TestClient):
    answer = client.post("/api/search", json={f"field_{number}": 1 for number in range(9)})
    assert answer.json()["error"].endswith("Extra inputs are not permitted; and 4 more")


def test_a_vector_of_another_product_is_refused(client: TestClient):
    answer = client.post("/api/search", json={"vector": [1.0, 2.0]})
    assert answer.status_code == 400
    assert "vector must have 32 numbers" in answer.json()["error"]


def test_half_a_patch_and_a_patch_of_a_whole_chip_are_refused(client: TestClient, chip_ids):
    address = f"/api/chips/{chip_ids[0]}/thumbnail.png"
    half = client.get(address, params={"row": 1})
    assert "row and col go together, got row 1 and col None" in half.json()["error"]
    patch = client.get(address, params={"row": 1, "col": 1})
    assert (
        f"no product has patches of chip '{chip_ids[0]}'; leave out row and col"
        in patch.json()["error"]
    )


def test_a_chip_leads_back_to_checkpoint_scenes_and_runs(
    client: TestClient, chip_ids, installation
):
    chip = client.get(f"/api/chips/clay/{chip_ids[0]}").json()
    rows = read_manifest(installation.settings.store, installation.tile).rows
    row = rows.set_index("chip_id").loc[chip_ids[0]]
    assert chip["date"] == str(row["date"])
    assert chip_ids[0] in {other["chip_id"] for other in chip["dates"]}
    steps = {step["name"]: step for step in chip["way_back"]}
    assert list(steps) == ["Embedding", "Checkpoint", "Chip", "Scenes", "Imagery"]
    assert steps["Scenes"]["values"] == list(row["scenes"])
    assert "from random weights" in steps["Checkpoint"]["values"]
    assert steps["Chip"]["values"][0] == "128 px of 10 m, 13 bands"
    for name in ("Embedding", "Checkpoint", "Chip", "Imagery"):
        assert steps[name]["run_id"] == RUN_ID


def test_an_unknown_chip_has_no_picture_and_no_details(client: TestClient):
    assert client.get("/api/chips/nothing/thumbnail.png").status_code == 404
    details = client.get("/api/chips/clay/nothing")
    assert details.status_code == 404
    assert "product clay has no chip 'nothing'" in details.json()["error"]


def test_nothing_embedded_is_an_empty_map_and_no_error(empty_client: TestClient):
    [product] = empty_client.get("/api/products").json()["products"]
    assert (product["chips"], product["bbox"], product["dates"]) == (0, None, [])
    assert empty_client.get("/api/footprints").json()["features"] == []


def test_a_search_without_an_index_says_what_to_materialise(empty_client: TestClient):
    answer = empty_client.get("/api/search", params={"chip_id": "x"})
    assert answer.status_code == 404
    assert "materialise duckdb_index first" in answer.json()["error"]


def test_an_index_of_another_version_says_what_to_materialise(empty_client: TestClient, tmp_path):
    path = tmp_path / "data/indexes/index.duckdb"
    path.parent.mkdir(parents=True)
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE build AS SELECT 1 AS code_version")
    answer = empty_client.get("/api/search", params={"chip_id": "x"})
    assert answer.status_code == 503
    assert "code version 1, needed" in answer.json()["error"]
    assert answer.json()["next_step"] == "Materialise the index again, then ask again."
