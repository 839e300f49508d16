"""Loose items, tables of items, and what is asked of a bucket to find those of one tile."""

import json
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import pyarrow as pa
import pyarrow.parquet as pq
import pystac
import pytest
import shapely.geometry
import stac_geoparquet.arrow

from clay_assets.errors import ImageryError, InvalidValueError, NotFoundError
from clay_assets.ingest import find_imagery, list_tiles, plan_tile
from clay_assets.ingest.footprint import footprint_wgs84
from clay_assets.mgrs import tile_box, tile_centre_wgs84
from clay_assets_tests.ingest.file_server import serving_files
from clay_assets_tests.ingest.making import elevation, optical, radar, save_catalogue
from clay_assets_tests.ingest.test_ready_chips import write_chip_file


def scene_of(tile: str, day: str, folder: Path) -> pystac.Item:
    """A real item of tile 32VKM, said to be of another; its files stay where they are."""
    item = optical(folder, day)
    lon, lat = tile_centre_wgs84(tile)
    item.id = f"S2A_{tile}_{day.replace('-', '')}"
    item.properties["s2:mgrs_tile"] = tile
    if tile != "32VKM":
        item.geometry = {"type": "Point", "coordinates": [lon, lat]}
        item.bbox = [lon, lat, lon, lat]
    return item


def save_nested(folder: Path, items, name="item.json") -> Path:
    """`{folder}/{MGRS}/{date}/{item}/item.json` with its files beside it, hrefs relative to it."""
    for item in items:
        tile = item.properties.get("s2:mgrs_tile", "shared")
        home = folder / tile / str(item.datetime.date()) / item.id
        home.mkdir(parents=True)
        fields = item.to_dict(include_self_link=False, transform_hrefs=False)
        for asset in fields["assets"].values():
            source = Path(asset["href"])
            (home / source.name).write_bytes(source.read_bytes())
            asset["href"] = f"./{source.name}"
        (home / name).write_text(json.dumps(fields))
    return folder


@pytest.fixture
def items(tmp_path):
    raw = tmp_path / "raw"
    return [
        scene_of("32VKM", "2021-05-10", raw),
        scene_of("32VKM", "2022-06-01", raw),
        scene_of("29RKH", "2021-05-10", raw),
        radar(raw, "2021-05-11T17:00:00"),
        elevation(raw),
    ]


@pytest.fixture
def nested(items, tmp_path):
    return save_nested(tmp_path / "nested", items)


@pytest.fixture
def bucket(s3_bucket, s3_endpoint, monkeypatch):
    """(name, requests): a bucket behind a server that writes down what is asked."""
    requests = []

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.do_GET()

        def do_GET(self):
            requests.append(self.path)
            question = urllib.request.Request(
                s3_endpoint + self.path, headers=dict(self.headers), method=self.command
            )
            try:
                answer = urllib.request.urlopen(question)
            except urllib.error.HTTPError as error:
                answer = error
            data = answer.read()
            self.send_response(answer.status)
            for name in ("ETag", "Last-Modified", "Content-Type", "Content-Length"):
                if name in answer.headers:
                    self.send_header(name, answer.headers[name])
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield s3_bucket, requests, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def listings(requests):
    asked = [parse_qs(urlparse(path).query) for path in requests]
    return [query.get("prefix", [""])[0] for query in asked if "list-type" in query]


class TestLooseItems:
    """Folders and prefixes of item files."""

    def test_items_are_found_however_deep_they_lie(self, nested, store):
        assert list_tiles(str(nested)) == ["29RKH", "32VKM"]
        found = find_imagery(str(nested), "32VKM")
        assert sorted(item.id for item in found.scenes) == [
            "S2A_32VKM_20210510",
            "S2A_32VKM_20220601",
        ]
        report = plan_tile(store, found, max_dates=1, dates=("2021-05-10",), run_id="r")
        assert "vh" in report.bands  # of the folder that is of no tile
        assert "dem" in report.bands

    def test_the_folder_of_a_tile_alone_is_enough(self, nested):
        assert list_tiles(str(nested / "32VKM")) == ["32VKM"]
        assert len(find_imagery(str(nested / "32VKM"), "32VKM").scenes) == 2

    def test_folders_below_a_version(self, items, tmp_path):
        save_nested(tmp_path / "all" / "v2", items[:3])
        assert list_tiles(str(tmp_path / "all")) == ["29RKH", "32VKM"]
        assert len(find_imagery(str(tmp_path / "all"), "32VKM").scenes) == 2

    def test_the_fingerprint_follows_the_files(self, nested):
        before = find_imagery(str(nested), "32VKM").fingerprint
        assert find_imagery(str(nested), "32VKM").fingerprint == before
        (file,) = nested.glob("32VKM/2021-05-10/*/B02.tif")
        file.write_bytes(file.read_bytes())
        assert find_imagery(str(nested), "32VKM").fingerprint != before

    def test_a_catalogue_above_tile_folders_wins(self, nested, items):
        raw = save_catalogue(nested, items[:1])
        assert list_tiles(str(raw.parent)) == ["32VKM"]
        assert len(find_imagery(str(nested), "32VKM").scenes) == 1

    def test_files_that_are_no_items_are_passed_over(self, nested):
        (nested / "labels.json").write_text("[1, 2]")
        (nested / "32VKM" / "settings.json").write_text('{"type": "Feature"}')
        assert len(find_imagery(str(nested), "32VKM").scenes) == 2

    def test_a_broken_item_is_named(self, nested):
        (nested / "32VKM" / "item.json").write_text('{"type": "Fea')
        with pytest.raises(ImageryError, match=r"32VKM/item\.json is not JSON: .* expected a STAC"):
            find_imagery(str(nested), "32VKM")

    def test_only_the_folder_of_the_tile_is_read(self, nested, bucket, upload, monkeypatch):
        (nested / "29RKH" / "item.json").write_text("broken")
        name, requests, url = bucket
        upload(nested, f"s3://{name}/images")
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        found = find_imagery(f"s3://{name}/images", "32VKM")
        assert len(found.scenes) == 2
        assert listings(requests) == ["images/", "images/32VKM/", "images/shared/"]
        assert not any("29RKH" in path or ".tif" in path for path in requests)
        home = f"s3://{name}/images/32VKM/2021-05-10/S2A_32VKM_20210510"
        assert found.scenes[0].assets["B02"].href == f"{home}/B02.tif"

    def test_the_names_of_tiles_are_one_listing(self, nested, bucket, upload, monkeypatch):
        name, requests, url = bucket
        upload(nested, f"s3://{name}/images")
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        assert list_tiles(f"s3://{name}/images/") == ["29RKH", "32VKM"]
        assert len(requests) == 1

    def test_items_in_a_bucket_are_planned(self, nested, s3_bucket, upload, store):
        upload(nested, f"s3://{s3_bucket}/images")
        found = find_imagery(f"s3://{s3_bucket}/images", "32VKM")
        report = plan_tile(store, found, dates=("2021-05-10",), run_id="r")
        assert report.dates == ("2021-05-10",)
        assert "dem" in report.bands


class TestReadyChips:
    """Clay's layout in a bucket, of which as little is listed."""

    @pytest.mark.parametrize("place", ["", "02", "02/32VKM"])
    def test_the_bucket_the_version_or_the_tile_may_be_named(
        self, tmp_path, bucket, upload, monkeypatch, place
    ):
        for tile in ("32VKM", "29RKH"):
            name = f"claytile_{tile}_20210510_v02_0001.tif"
            write_chip_file(tmp_path / "chips" / "02" / tile / "2021-05-10" / name)
        bucket_name, requests, url = bucket
        upload(tmp_path / "chips", f"s3://{bucket_name}/clay")
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        (chip,) = find_imagery(f"s3://{bucket_name}/clay/{place}".rstrip("/"), "32VKM").chips
        home = f"s3://{bucket_name}/clay/02/32VKM/2021-05-10"
        assert chip.href == f"{home}/claytile_32VKM_20210510_v02_0001.tif"
        assert len(listings(requests)) == {"": 3, "02": 2, "02/32VKM": 2}[place]
        assert not any("29RKH" in path for path in requests)

    def test_items_cannot_be_chosen_among_chips(self, tmp_path):
        write_chip_file(tmp_path / "a.tif")
        with pytest.raises(
            InvalidValueError, match=r"ready chips, which are not chosen .* got S2A"
        ):
            find_imagery(str(tmp_path), "32VKM", items=("S2A",))

    def test_a_tile_without_a_folder_is_not_there(self, tmp_path):
        write_chip_file(tmp_path / "32VKM" / "claytile_32VKM_20210510_v02_0001.tif")
        with pytest.raises(NotFoundError, match=r"has no chips of tile 29RKH; it has 32VKM$"):
            find_imagery(str(tmp_path), "29RKH")


def write_table(items, path):
    """As stac-geoparquet writes it, but a row group for each item."""
    fields = [i.to_dict(include_self_link=False, transform_hrefs=False) for i in items]
    rows = stac_geoparquet.arrow.parse_stac_items_to_arrow(fields)
    stac_geoparquet.arrow.to_parquet(rows, path)
    pq.write_table(pq.read_table(path), path, row_group_size=1)
    return path


class TestTables:
    """stac-geoparquet."""

    @pytest.fixture
    def table(self, items, tmp_path):
        return write_table(items, tmp_path / "items.parquet")

    def test_it_gives_what_the_items_give(self, table, items, tmp_path, store):
        assert list_tiles(str(table)) == ["29RKH", "32VKM"]
        found = find_imagery(str(table), "32VKM")
        same = find_imagery(str(save_catalogue(tmp_path / "static", items)), "32VKM")
        assert [item.id for item in found.scenes] == [item.id for item in same.scenes]
        assert found.fingerprint == same.fingerprint
        one, other = (
            plan_tile(store, imagery, dates=("2021-05-10",), run_id="r")
            for imagery in (found, same)
        )
        assert one.data_version == other.data_version

    def test_in_a_bucket_only_rows_of_the_tile_are_read(self, items, tmp_path, s3_bucket, upload):
        for asset in [asset for item in items for asset in item.assets.values()]:
            asset.href = Path(asset.href).as_uri()  # a path would be one of the bucket's
        (tmp_path / "tables").mkdir()
        upload(write_table(items, tmp_path / "tables" / "a.parquet").parent, f"s3://{s3_bucket}")
        found = find_imagery(f"s3://{s3_bucket}/a.parquet", "29RKH")
        assert [item.id for item in found.scenes] == ["S2A_29RKH_20210510"]
        assert [item.id for item in found.catalogue.items] == ["S2A_29RKH_20210510"]

    def test_a_table_on_the_web_is_read(self, table):
        with serving_files(table.parent) as files:
            assert list_tiles(f"{files.url}/items.parquet") == ["29RKH", "32VKM"]

    @pytest.mark.parametrize("tile", ["01KAB", "60KZF", "01WCV", "32VKM", "60WWV"])
    def test_a_scene_is_found_around_its_tile_also_at_the_antimeridian(self, tmp_path, tile):
        box = tile_box(tile)
        footprint = footprint_wgs84((box.west, box.south, box.east, box.north), box.epsg)
        item = optical(tmp_path / "raw", "2021-05-10", **{"s2:mgrs_tile": tile})
        item.geometry = shapely.geometry.mapping(footprint)
        parts = getattr(footprint, "geoms", [footprint])  # the eastern one first
        item.bbox = [parts[0].bounds[0], *footprint.bounds[1:2], parts[-1].bounds[2], 80]
        path = str(write_table([item], tmp_path / "a.parquet"))
        assert len(find_imagery(path, tile).scenes) == 1

    def test_nothing_is_said_of_an_item_that_only_others_say(self, items, tmp_path):
        """A column of one provider is null in the rows of another."""
        items[1].properties["earthsearch:boa_offset_applied"] = True
        write_table(items, tmp_path / "a.geoparquet")
        found = find_imagery(str(tmp_path / "a.geoparquet"), "32VKM")
        said = [
            dict(item.properties).get("earthsearch:boa_offset_applied", "") for item in found.scenes
        ]
        assert sorted(map(str, said)) == ["", "True"]
        assert set(found.catalogue.items[-1].assets) == {"data"}

    def test_the_real_table_of_the_planetary_computer(self, shared_imagery):
        file = str(shared_imagery / "stac_items" / "pc_100-sentinel-2-items.parquet")
        assert list_tiles(file) == ["13TDE"]
        found = find_imagery(file, "13TDE", dates=("2024-12-03",))
        (scene,) = found.scenes
        assert scene.id == "S2B_MSIL2A_20241203T174629_R098_T13TDE_20241203T211406"
        assert scene.assets["B02"].href.endswith(
            "/IMG_DATA/R10m/T13TDE_20241203T174629_B02_10m.tif"
        )
        with pytest.raises(NotFoundError, match="no Sentinel-2 scenes of tile 29RKH; it has 13TDE"):
            find_imagery(file, "29RKH")

    def test_a_table_of_something_else_is_named(self, tmp_path):
        pq.write_table(pa.table({"id": ["a"], "class": [1]}), tmp_path / "a.parquet")
        message = r"a\.parquet is not stac-geoparquet: it has no column geometry, bbox, assets, dat"
        with pytest.raises(ImageryError, match=message):
            list_tiles(str(tmp_path / "a.parquet"))
        (tmp_path / "b.parquet").write_text("<html>")
        with pytest.raises(ImageryError, match=r"b\.parquet is not stac-geoparquet: ArrowInvalid"):
            find_imagery(str(tmp_path / "b.parquet"), "32VKM")

    def test_a_table_that_is_missing_is_named(self, tmp_path):
        with pytest.raises(NotFoundError, match=r"none\.parquet does not exist"):
            list_tiles(str(tmp_path / "none.parquet"))


def test_scenes_of_a_collection_that_is_not_known_are_told(tmp_path):
    item = optical(tmp_path / "raw", "2021-05-10")
    item.collection_id = "landsat-c2-l2"
    file = str(save_catalogue(tmp_path, [item]))
    message = (
        r"it has no Sentinel-2 scenes at all: collection landsat-c2-l2 is not known; known are"
    )
    with pytest.raises(NotFoundError, match=message):
        find_imagery(file, "32VKM")
    with pytest.raises(NotFoundError, match=message):
        list_tiles(file)
