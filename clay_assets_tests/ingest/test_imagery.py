"""Where imagery may lie, and what is said when it does not."""

import json
import shutil
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pystac
import pytest

from clay_assets.errors import ImageryError, InvalidValueError, NotFoundError, StoreError, TileError
from clay_assets.ingest import find_imagery, list_tiles, plan_tile, read_recipe, read_window
from clay_assets_tests.ingest.making import optical, save_catalogue


@contextmanager
def web_server(folder):
    """URL of a folder over HTTP."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_catalogue_is_read_from_its_file_or_folder(catalogue):
    for place in (catalogue, catalogue.parent, catalogue.as_uri()):
        assert list_tiles(str(place)) == ["32VKM"]
        found = find_imagery(str(place), "32VKM")
        assert [item.id for item in found.scenes] == ["S2A_20210510_5", "S2A_20220601_20"]


def test_a_collection_is_read_without_its_parents(tmp_path):
    item = optical(tmp_path, "2021-05-10")
    space, time = pystac.SpatialExtent([item.bbox]), pystac.TemporalExtent([[None, item.datetime]])
    collection = pystac.Collection("sentinel-2-l2a", "S2", pystac.Extent(space, time))
    collection.add_item(item)
    parent = pystac.Catalog("parent", "Far away.")
    parent.add_child(collection)
    parent.normalize_hrefs(str(tmp_path))
    parent.save(pystac.CatalogType.SELF_CONTAINED)
    (tmp_path / "catalog.json").unlink()
    assert list_tiles(str(tmp_path / "sentinel-2-l2a" / "collection.json")) == ["32VKM"]


def test_a_feature_collection_is_read(tmp_path):
    items = [optical(tmp_path, "2021-05-10"), optical(tmp_path, "2021-05-20")]
    file = tmp_path / "items.geojson"
    file.write_text(json.dumps(pystac.ItemCollection(items).to_dict()))
    assert len(find_imagery(str(file), "32VKM").items) == 2


def test_the_real_item_beside_its_files_wins_over_the_one_that_points_elsewhere(shared_imagery):
    folder = shared_imagery / "s2_29RKH_20200219"  # has both, of one id
    found = find_imagery(str(folder), "29RKH")
    assert len(found.items) == 1
    assert found.fingerprint == find_imagery(str(folder / "item_local.json"), "29RKH").fingerprint


def test_a_catalogue_in_a_bucket_is_read(catalogue, s3_bucket, upload):
    upload(catalogue.parent, f"s3://{s3_bucket}/images")
    for place in (f"s3://{s3_bucket}/images", f"s3://{s3_bucket}/images/catalog.json"):
        assert list_tiles(place) == ["32VKM"]
        found = find_imagery(place, "32VKM")
        assert found.scenes[0].assets["B02"].href == (
            f"s3://{s3_bucket}/images/S2A_20210510_5/B02.tif"
        )


def test_a_catalogue_on_a_web_server_is_read_and_so_are_its_files(store, tmp_path):
    save_catalogue(tmp_path / "www", [optical(tmp_path / "www", "2021-05-10")])
    with web_server(tmp_path / "www") as url:
        found = find_imagery(f"{url}/catalog.json", "32VKM")
        assert found.scenes[0].assets["B02"].href == f"{url}/S2A_20210510_5/B02.tif"
        plan_tile(store, found, run_id="r")
        assert read_window(read_recipe(store, "32VKM"), "2021-05-10", 0, 0, 4, 4).pixels.all()


def test_other_json_files_in_a_folder_are_left_alone(tmp_path):
    item = optical(tmp_path, "2021-05-10")
    (tmp_path / "a.json").write_text('{"license": "CC0-1.0"}')
    (tmp_path / "item.json").write_text(json.dumps(item.to_dict()))
    assert [scene.id for scene in find_imagery(str(tmp_path), "32VKM").scenes] == [item.id]


def test_dates_narrow_down_what_is_found(catalogue):
    found = find_imagery(str(catalogue), "32VKM", dates=("2022-01-01/2022-12-31",))
    assert [item.id for item in found.items] == ["S2A_20220601_20"]


def test_the_fingerprint_follows_files_and_items(catalogue, tmp_path):
    before = find_imagery(str(catalogue), "32VKM").fingerprint
    assert find_imagery(str(catalogue), "32VKM").fingerprint == before
    raster = catalogue.parent / "S2A_20210510_5" / "B05.tif"
    shutil.copy(raster, tmp_path / "B05.tif")
    (tmp_path / "B05.tif").replace(raster)
    changed = find_imagery(str(catalogue), "32VKM").fingerprint
    assert changed != before
    item = catalogue.parent / "S2A_20210510_5" / "S2A_20210510_5.json"
    content = json.loads(item.read_text())
    content["properties"]["updated"] = "2024-01-01"
    item.write_text(json.dumps(content))
    assert find_imagery(str(catalogue), "32VKM").fingerprint not in {before, changed}


def test_the_fingerprint_follows_radar_too(catalogue):
    before = find_imagery(str(catalogue), "32VKM").fingerprint
    folder = catalogue.parent / "S1A_2021-05-11T170000_ascending"
    (folder / "vv.tif").write_bytes((folder / "vh.tif").read_bytes())
    assert find_imagery(str(catalogue), "32VKM").fingerprint != before


def test_a_file_that_is_missing_changes_the_fingerprint(catalogue):
    before = find_imagery(str(catalogue), "32VKM").fingerprint
    (catalogue.parent / "S2A_20210510_5" / "B8A.tif").unlink()
    assert find_imagery(str(catalogue), "32VKM").fingerprint != before


class TestRefusals:
    """Each says what was found and what to do."""

    def test_a_place_that_does_not_exist(self, tmp_path):
        for name in ("none", "none.tif"):
            with pytest.raises(
                NotFoundError, match=f"{name} holds no imagery; expected a STAC API"
            ):
                list_tiles(str(tmp_path / name))
        with pytest.raises(NotFoundError, match=r"none\.json does not exist"):
            list_tiles(str(tmp_path / "none.json"))
        assert not (tmp_path / "none").exists()

    def test_an_empty_folder(self, tmp_path):
        with pytest.raises(NotFoundError, match="holds no imagery"):
            find_imagery(str(tmp_path), "32VKM")

    def test_a_bucket_that_does_not_exist(self, s3_environment):
        with pytest.raises(StoreError, match=r"s3://nobodys-bucket/.*: the bucket does not exist$"):
            list_tiles("s3://nobodys-bucket/images")

    def test_a_tile_that_does_not_exist(self, catalogue):
        with pytest.raises(TileError, match="'32VIM' is not an MGRS tile"):
            find_imagery(str(catalogue), "32VIM")

    def test_a_tile_that_is_not_there(self, catalogue):
        with pytest.raises(NotFoundError, match="no Sentinel-2 scenes of tile 29RKH; it has 32VKM"):
            find_imagery(str(catalogue), "29RKH")

    def test_a_date_that_is_not_there(self, catalogue):
        with pytest.raises(NotFoundError, match="of tile 32VKM of 2019-01-01; it has 32VKM"):
            find_imagery(str(catalogue), "32VKM", dates=("2019-01-01",))

    def test_a_date_that_is_none(self, catalogue):
        with pytest.raises(InvalidValueError, match="got 'May'"):
            find_imagery(str(catalogue), "32VKM", dates=("May",))

    def test_a_catalogue_without_sentinel_2(self, tmp_path):
        item = optical(tmp_path, "2021-05-10")
        item.collection_id = "landsat"
        item.assets.clear()
        with pytest.raises(NotFoundError, match="has no Sentinel-2 scenes"):
            list_tiles(str(save_catalogue(tmp_path, [item])))

    def test_an_item_file_that_a_catalogue_names_and_that_is_missing(self, catalogue):
        (catalogue.parent / "S2A_20210510_5" / "S2A_20210510_5.json").unlink()
        with pytest.raises(ImageryError, match=r"catalog\.json .*S2A_20210510_5\.json"):
            list_tiles(str(catalogue))

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("<html>", "is not JSON: .* expected a STAC file"),
            ("[1]", "is a JSON list; expected a STAC object"),
            ("{}", "is not STAC, or links to what is not: "),
            ('{"type": "Feature", "stac_version": "1.0.0"}', "is not STAC, or"),
        ],
    )
    def test_a_file_that_is_not_stac(self, tmp_path, text, message):
        (tmp_path / "a.json").write_text(text)
        with pytest.raises(ImageryError, match=rf"a\.json {message}"):
            list_tiles(str(tmp_path / "a.json"))
