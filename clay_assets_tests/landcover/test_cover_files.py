"""WorldCover files are found by cell or by STAC item, on disk, on S3 and over HTTP."""

import threading
from datetime import UTC, datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import pystac
import pytest
import shapely.geometry

from clay_assets.errors import ImageryError, NotFoundError
from clay_assets.landcover.counting import count_classes
from clay_assets.landcover.cover_files import COLLECTION, cells_of, find_files
from clay_assets.landcover.tile_parts import all_parts, parts_of
from clay_assets_tests.landcover.making import write_cell
from clay_assets_tests.stac_server import serving

TILE = parts_of(["32NLG"])


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *values) -> None:
        """Nothing."""


@pytest.fixture
def served(tmp_path: Path):
    """URL of a folder."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=tmp_path)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class _Overloaded(_Quiet):
    def do_HEAD(self) -> None:
        self.send_error(503)


@pytest.fixture
def overloaded():
    """URL of a server that never answers well."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Overloaded) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("tile", "cells"),
    [
        ("32NLG", ["N00E006"]),
        ("31NHA", ["N00E003", "N00E006"]),  # from 5.7 to 6.7 degrees east
        ("01KAB", ["S18E177", "S18W180"]),
        ("01CEH", []),  # south of WorldCover
    ],
)
def test_the_cells_of_a_tile_are_these(tile: str, cells: list[str]):
    assert set(cells) <= set(cells_of(parts_of([tile])))
    assert bool(cells) == bool(cells_of(parts_of([tile])))


def test_all_tiles_together_touch_every_cell_of_worldcover():
    assert len(cells_of(all_parts())) == 120 * 48


def test_a_new_version_shows_when_a_file_is_written_anew(tmp_path: Path):
    write_cell(tmp_path, "N00E006", 10)
    (before,) = find_files(str(tmp_path), TILE)
    write_cell(tmp_path, "N00E006", 20)
    (after,) = find_files(str(tmp_path), TILE)
    assert before.name == after.name == "N00E006"
    assert before.version != after.version


def test_looking_for_files_makes_no_folder(tmp_path: Path):
    with pytest.raises(LookupError, match="nowhere"):
        find_files(str(tmp_path / "nowhere"), TILE)
    assert not list(tmp_path.iterdir())


def test_files_of_other_names_are_found_by_a_pattern(tmp_path: Path):
    write_cell(tmp_path, "N00E006", 10, name="cover_{cell}.tif")
    (file,) = find_files(str(tmp_path / "cover_{cell}.tif"), TILE)
    assert file.href.endswith("cover_N00E006.tif")


def test_files_are_read_over_http(tmp_path: Path, served: str):
    write_cell(tmp_path, "N00E006", 10)
    (file,) = find_files(served, TILE)
    assert file.version
    assert count_classes(file.href, overview=-1)["32NLG"][0] > 0


def test_files_are_read_from_s3(tmp_path: Path, s3_bucket: str):
    path = write_cell(tmp_path, "N00E006", 10)
    boto3.client("s3").upload_file(str(path), s3_bucket, f"v200/{path.name}")
    (file,) = find_files(f"s3://{s3_bucket}/v200", TILE)
    assert file.version
    assert count_classes(file.href, overview=-1)["32NLG"][0] > 0


def _item(path: Path, *, year: int, asset: str = "map") -> pystac.Item:
    box = shapely.geometry.box(6, 0, 9, 3)
    item = pystac.Item(
        f"ESA_WorldCover_10m_{year}_N00E006",
        shapely.geometry.mapping(box),
        list(box.bounds),
        datetime(year, 1, 1, tzinfo=UTC),
        {
            "esa_worldcover:product_tile": "N00E006",
            "start_datetime": f"{year}-01-01T00:00:00Z",
            "end_datetime": f"{year}-12-31T23:59:59Z",
        },
    )
    item.add_asset(asset, pystac.Asset(str(path)))
    return item


def test_of_two_years_in_a_catalogue_the_later_is_taken(tmp_path: Path):
    paths = {year: write_cell(tmp_path / str(year), "N00E006", 10) for year in (2020, 2021)}
    items = pystac.ItemCollection([_item(paths[year], year=year) for year in (2021, 2020)])
    items.save_object(str(tmp_path / "items.json"))
    (file,) = find_files(str(tmp_path / "items.json"), TILE)
    assert (file.name, file.href) == ("ESA_WorldCover_10m_2021_N00E006", str(paths[2021]))


def test_items_are_asked_of_an_api(tmp_path: Path):
    path = write_cell(tmp_path, "N00E006", 10)
    item = _item(path, year=2021)
    item.collection_id = COLLECTION
    with serving([item]) as url:
        (file,) = find_files(url, TILE, collection=COLLECTION)
        with pytest.raises(NotFoundError, match="no WorldCover file"):
            find_files(url, parts_of(["32VKM"]), collection=COLLECTION)
    assert file.href.removeprefix("file://") == str(path)
    assert count_classes(file.href, overview=-1)["32NLG"][0] > 0


def test_a_server_that_fails_is_named(overloaded: str):
    with pytest.raises(ImageryError, match=rf"{overloaded}/ESA_WorldCover.*503"):
        find_files(overloaded, parts_of(["32NLG"]))


def test_a_real_item_names_the_file_it_lacks(shared_imagery: Path):
    item = shared_imagery / "stac_items/esa_worldcover_2020_N00E006.json"
    with pytest.raises(ImageryError, match=r"N00E006_Map\.tif is named by item ESA_WorldCover_10m"):
        find_files(str(item), TILE)


def test_an_item_of_something_else_is_refused(tmp_path: Path):
    path = write_cell(tmp_path, "N00E006", 10)
    item = _item(path, year=2021, asset="data")
    item.save_object(dest_href=str(tmp_path / "item.json"), include_self_link=False)
    with pytest.raises(ImageryError, match=r"no asset `map`; .* got assets data"):
        find_files(str(tmp_path / "item.json"), TILE)
