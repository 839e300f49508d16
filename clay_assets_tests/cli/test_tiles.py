"""`clay-assets tiles`: an area in, tiles out, registered if asked."""

import json
from pathlib import Path

import dagster as dg
import geopandas
import pytest
import shapely
from typer.testing import CliRunner

from clay_assets.cli import app
from clay_assets.defs.instance import open_instance
from clay_assets.ingest import asking
from clay_assets.mgrs import tile_centre_wgs84
from clay_assets.settings import Settings
from clay_assets.tile_sources import read_source
from clay_assets_tests.ingest.making import optical, save_catalogue
from clay_assets_tests.stac_server import serving

DESERT = "-11.6,24.7,-11.4,24.9"
BERGEN = "5.2,60.3,5.5,60.5"
BERGEN_TILES = ["32VKM", "32VKN", "32VLM", "32VLN"]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CLAY_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CLAY_IMAGERY", raising=False)

    def command(*arguments: str):
        return CliRunner().invoke(app, ["tiles", *arguments], env={"COLUMNS": "200"})

    return command


@pytest.fixture
def imagery(tmp_path: Path) -> str:
    """Scenes of 32VKM alone."""
    return str(save_catalogue(tmp_path / "imagery", [optical(tmp_path / "imagery", side=2)]))


def partitions() -> list[str]:
    with open_instance() as instance:
        return sorted(instance.get_dynamic_partitions("mgrs_tile"))


def test_piped_it_prints_one_id_a_line(run):
    assert run("--aoi", DESERT).stdout == "29RKH\n"
    assert run("--aoi", BERGEN).stdout.split() == BERGEN_TILES
    assert "28RHN" in run("--aoi", DESERT, "--every").stdout.split()


def test_the_outlines_are_written(run, tmp_path):
    result = run("--aoi", BERGEN, "--to", str(tmp_path / "tiles.geojson"))
    assert result.stdout.split() == BERGEN_TILES
    frame = geopandas.read_file(tmp_path / "tiles.geojson")
    assert list(frame.tile) == BERGEN_TILES
    assert set(frame.epsg) == {32632}
    west, north = frame.union_all().bounds[0], frame.union_all().bounds[3]
    assert (west, north) == pytest.approx((3.4096, 61.3240), abs=1e-4)  # degrees, PROJ 9.5
    assert json.loads((tmp_path / "tiles.geojson").read_text())["type"] == "FeatureCollection"


def test_without_imagery_the_tiles_become_partitions(run):
    result = run("--aoi", BERGEN, "--add")
    assert result.exit_code == 0
    assert "4 tiles are partitions now, without imagery; name it with --imagery" in result.stderr
    assert partitions() == BERGEN_TILES


def test_tiles_without_imagery_are_reported_and_skipped(run, imagery):
    result = run("--aoi", BERGEN, "--add", "--imagery", imagery, "--dates", "2021-05-10")
    assert result.exit_code == 0
    assert "1 of 4 tiles are registered with their imagery" in result.stderr
    assert "skipped 32VKN: " in result.stderr
    assert "catalog.json has nothing of this tile" in result.stderr
    assert partitions() == ["32VKM"]
    source = read_source(Settings.from_environment().store, "32VKM")
    assert (source.location, source.dates) == (imagery, ("2021-05-10",))
    with open_instance() as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey("imagery"))
    assert event.dagster_event.partition == "32VKM"


def test_an_api_is_asked_tile_by_tile(run, tmp_path):
    scene = optical(tmp_path, side=2)
    lon, lat = tile_centre_wgs84("32VKM")
    scene.geometry = shapely.geometry.mapping(shapely.box(lon - 1, lat - 1, lon + 1, lat + 1))
    with serving([scene]) as url:
        result = run("--aoi", "5.2,60.0,5.6,60.2", "--add", "--imagery", url)
        assert "1 of 2 tiles are registered with their imagery" in result.stderr
        assert f"skipped 32VLM: {url} has no Sentinel-2 scenes of tile 32VLM" in result.stderr


def test_the_imagery_of_the_environment_is_used(run, imagery, monkeypatch):
    monkeypatch.setenv("CLAY_IMAGERY", imagery)
    assert "1 of 4 tiles are registered" in run("--aoi", BERGEN, "--add").stderr


def test_no_imagery_at_all_is_a_failure(run, imagery):
    result = run("--aoi", DESERT, "--add", "--imagery", imagery)
    assert result.exit_code == 1
    assert "0 of 1 tiles are registered" in result.stderr


def test_imagery_that_does_not_answer_stops_it(run, monkeypatch):
    monkeypatch.setattr(asking, "_BACKOFF_S", 0.0)
    result = run("--aoi", BERGEN, "--add", "--imagery", "http://127.0.0.1:9/stac")
    assert result.exit_code == 1
    assert "127.0.0.1:9/stac did not answer" in result.stderr
    assert "skipped" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--aoi", "nowhere.geojson"), "nowhere.geojson is no file and no box; expected west,"),
        (("--aoi", "0,88,1,89"), "the area 0,88,1,89 lies outside of the Sentinel-2 tiles"),
        (("--aoi", BERGEN, "--imagery", "x"), "--imagery and --dates go with --add"),
        (("--aoi", BERGEN, "--to", "none/a.geojson"), "none/a.geojson cannot be written: "),
    ],
)
def test_a_wrong_wish_is_one_clear_error(run, arguments, message):
    result = run(*arguments)
    assert result.exit_code == 1
    assert message in result.stderr
    assert "Traceback" not in result.output
