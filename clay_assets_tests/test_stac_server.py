"""The server that stands for Earth Search and the Planetary Computer, asked by pystac-client."""

import json

import pytest
from pystac_client import Client

from clay_assets_tests.stac_server import Asked, serving


@pytest.fixture(scope="module")
def real_items(shared_imagery):
    """As their providers answer them: 4 + 4 + 4 of the Planetary Computer, 3 of Earth Search."""
    folder = shared_imagery / "stac_items"
    found = []
    for file in [
        *sorted(folder.glob("pc_*.json")),
        folder / "earthsearch_S2A_T20HNJ_20240311_c1.json",
        folder / "earthsearch_v0_S2A_28QCH_20200714.json",
        shared_imagery / "s2_29RKH_20200219" / "item_local.json",
    ]:
        content = json.loads(file.read_text())
        found += content if isinstance(content, list) else [content]
    return found


@pytest.fixture(scope="module")
def asked():
    return []


@pytest.fixture(scope="module")
def client(real_items, asked):
    with serving(real_items, asked=asked, most_a_page=3) as url:
        yield Client.open(url)


def ids(search):
    return [item["id"] for item in search.items_as_dicts()]


def test_all_pages_are_walked(client, real_items):
    assert sorted(ids(client.search())) == sorted(item["id"] for item in real_items)


def test_items_are_served_as_they_are(client, real_items):
    (found,) = client.search(ids=["S2A_29RKH_20200219_0_L2A"]).items_as_dicts()
    assert found["assets"] == real_items[-1]["assets"]
    assert found["stac_version"] == "1.0.0"


@pytest.mark.parametrize(
    ("search", "count"),
    [
        ({"collections": ["sentinel-1-rtc", "cop-dem-glo-30"]}, 8),
        ({"intersects": {"type": "Point", "coordinates": [-11.4247, 24.8013]}}, 1),  # tile 29RKH
        ({"bbox": [-16.9, 20.3, -16.8, 20.7]}, 1),  # tile 28QCH
        ({"datetime": "2020-02-19"}, 1),
        ({"datetime": "2024-01-01/.."}, 9),
        ({"query": {"eo:cloud_cover": {"lt": 3}}, "collections": ["sentinel-s2-l2a-cogs"]}, 1),
        ({"query": {"updated": {"gt": "2024-01-01T00:00:00Z"}}}, 1),
        ({"query": {"updated": {"gt": "2022-11-06T09:32:34.081877Z"}}}, 1),
        ({"query": {"updated": {"gte": "2022-11-06T09:32:34.081877Z"}}}, 2),
    ],
)
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_search_is_answered(client, search, count, method):
    assert len(ids(client.search(**search, method=method))) == count


def test_items_come_in_the_order_asked_for(client):
    search = {"collections": ["sentinel-2-l2a"]}
    by_id = ids(client.search(**search, sortby="id"))
    assert by_id == sorted(by_id)
    found = list(client.search(**search, sortby="-properties.eo:cloud_cover").items_as_dicts())
    clouds = [item["properties"]["eo:cloud_cover"] for item in found]
    assert clouds == sorted(clouds, reverse=True)


def test_a_collection_is_asked_for_by_id(client, asked):
    asked.clear()
    assert client.get_collection("sentinel-1-rtc").id == "sentinel-1-rtc"
    assert client.get_collection("landsat-c2-l2") is None
    assert asked[0] == Asked("/collections/sentinel-1-rtc", {})


def test_an_item_added_later_is_found(real_items):
    items = real_items[:1]
    with serving(items) as url:
        client = Client.open(url)
        assert len(ids(client.search())) == 1
        items.append(real_items[1])
        assert len(ids(client.search())) == 2
