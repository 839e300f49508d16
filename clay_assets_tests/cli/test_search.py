"""`clay-assets search`: its options, what it prints, and what it says of an old index."""

import json
from pathlib import Path

import geopandas
import pytest
import shapely
from click.testing import Result
from typer.testing import CliRunner

from clay_assets.cli import app
from clay_assets.search import build_duckdb, search
from clay_assets.settings import Settings
from clay_assets_tests.search.embedding_files import MadeChip, made_chips, write_embeddings


@pytest.fixture(scope="module")
def chips() -> list[MadeChip]:
    return made_chips("32VKM", 30, width=8)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, chips: list[MadeChip]) -> Path:
    home = tmp_path_factory.mktemp("home")
    store = Settings.from_environment({"CLAY_HOME": str(home)}).store
    write_embeddings(store, "clay", "32VKM", chips)
    build_duckdb(store, run_id="run")
    return home


def ask(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(
        app, ["search", *arguments, "--home", str(home)], env={"COLUMNS": "160"}
    )


def found(home: Path, *arguments: str) -> list[str]:
    result = ask(home, *arguments, "--output", "geojson")
    assert result.exit_code == 0, result.output
    return [feature["properties"]["id"] for feature in json.loads(result.stdout)["features"]]


def test_the_answer_says_how_it_was_found(home: Path, chips: list[MadeChip]) -> None:
    result = ask(home, "--chip", chips[0].chip_id, "-k", "3", "--offset", "2")
    assert "3 chips by duckdb, exact." in result.output
    ranks = [line.split()[0] for line in result.output.splitlines() if "claytile_" in line]
    assert ranks == ["3", "4", "5"]


def test_examples_filters_and_pages_are_passed_on(
    home: Path, chips: list[MadeChip], tmp_path: Path
) -> None:
    one, other, third = (chips[number].chip_id for number in (0, 4, 8))
    everything = found(home, "--chip", one, "-k", "29")
    assert len(everything) == 29
    assert found(home, "--chip", one, "-k", "9", "--offset", "20") == everything[20:]
    assert one not in found(home, "--like", one, "--like", other, "--unlike", third, "-k", "30")
    assert len(found(home, "--chip", one, "--include-query", "-k", "30")) == 30
    assert everything[0] not in found(home, "--chip", one, "--exclude", everything[0])
    modes = {mode: found(home, "--chip", one, "--chip", other, "--unlike", third, "--mode", mode)
             for mode in ("max", "rocchio")}  # fmt: skip
    assert modes["max"] != modes["rocchio"]
    here = chips[9].footprint
    area = tmp_path / "area.geojson"
    area.write_text(shapely.to_geojson(here.buffer(-0.01)))
    of_place = {chip.chip_id for chip in chips[9:12]}
    assert set(found(home, "--chip", one, "--polygon", str(area), "-k", "30")) == of_place
    circle = f"{here.centroid.y},{here.centroid.x},900"
    assert set(found(home, "--chip", one, "--circle", circle, "-k", "30")) == of_place
    assert found(home, "--chip", one, "--min-score", "0.999999") == []


def test_files_hold_the_answer(home: Path, chips: list[MadeChip], tmp_path: Path) -> None:
    to = tmp_path / "hits.parquet"
    result = ask(home, "--chip", chips[0].chip_id, "-k", "4", "--to", str(to))
    assert "Wrote 4 chips by duckdb, exact to" in result.output
    assert len(geopandas.read_parquet(to)) == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--circle", "1,2"], "--circle must be lat,lon in degrees and metres, got '1,2'"),
        (["--box", "1,2"], "--box must be two corners lat,lon,lat,lon in degrees, got '1,2'"),
        (["--polygon", "/none.geojson"], "/none.geojson cannot be read as GeoJSON"),
        (["--to", "hits.txt"], "a table goes to the terminal, not to hits.txt"),
        (["--output", "geoparquet"], "--output geoparquet needs a file"),
        (["--chip", "x"], "no chip 'x' in product 'clay'"),
        (["--lon", "1", "--lat", "2"], "no chip of product 'clay' covers lon 1.0, lat 2.0"),
    ],
)
def test_wrong_options_are_named(
    home: Path, chips: list[MadeChip], arguments: list[str], message: str
) -> None:
    result = ask(home, "--chip", chips[0].chip_id, *arguments)
    assert result.exit_code != 0
    assert message in " ".join(result.output.replace("\u2502", " ").split())


def test_an_index_older_than_its_files_is_told(
    tmp_path: Path, chips: list[MadeChip], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAY_HOME", str(tmp_path))
    settings = Settings.from_environment()
    write_embeddings(settings.store, "clay", "32VKM", chips)
    build_duckdb(settings.store, run_id="run")
    fresh = search("clay", chip_id=chips[0].chip_id, k=3)
    assert fresh.attrs == {
        "engine": "duckdb", "how": "exact", "expected_recall": 1.0, "stale_tiles": (),
    }  # fmt: skip
    write_embeddings(settings.store, "clay", "32VKM", chips, version="2")
    words = r"older than the embeddings of 1 tile \(32VKM\); materialise duckdb_index"
    with pytest.warns(UserWarning, match=words):
        old = search("clay", chip_id=chips[0].chip_id, k=3)
    assert old.attrs["stale_tiles"] == ("32VKM",)
    result = ask(tmp_path, "--chip", chips[0].chip_id, "-k", "3")
    assert "Note: the index is older than the embeddings of 1 tile (32VKM)" in result.output
