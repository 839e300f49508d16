"""`clay-assets search`: its options, what it prints, and what it says of an old index."""

import json
from pathlib import Path

import geopandas
import numpy as np
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


def words(result: Result) -> str:
    """What was printed, without the frame and line breaks of the terminal."""
    return " ".join(result.output.replace("\u2502", " ").split())


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


@pytest.mark.parametrize("written", ["npy", "json", "lines", "commas"])
def test_a_vector_of_a_file_asks_like_its_chip(
    home: Path, chips: list[MadeChip], tmp_path: Path, written: str
) -> None:
    one, path = chips[4], tmp_path / "vector"
    if written == "npy":
        with path.open("wb") as file:
            np.save(file, one.embedding.astype(np.float32))
    else:
        numbers = [str(number) for number in one.embedding]
        line = ", ".join(numbers)
        texts = {"json": f"[{line}]", "lines": "\n".join(numbers) + "\n", "commas": line}
        path.write_text(texts[written])
    by_chip = found(home, "--chip", one.chip_id, "--include-query", "-k", "7")
    assert found(home, "--vector", str(path), "-k", "7") == by_chip
    assert by_chip[0] == one.chip_id


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
        (["--vector", "/none.npy"], "--vector /none.npy cannot be taken: [Errno 2] No such file"),
        (
            ["--vector", "v.npy", "--image", "i.tif"],
            "give --vector or --image, not both, got v.npy and i.tif",
        ),
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
    assert message in words(result)


WANTED = "; give one row of finite numbers as a .npy file, a JSON list or plain text"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("1 2 north 4", "'north' at position 2 is no number" + WANTED),
        ("[1, true]", "True at position 1 is no number"),
        ("[[1, 2], [3, 4]]", "[1, 2] at position 0 is no number"),
        ('{"vector": [1]}', "{'vector': [1]} at position 0 is no number"),
        (f"[1{400 * '0'}]", "at position 0 is no number"),
        ("1 2 nan", "vector must be finite, got nan at position 2" + WANTED),
        ("0 0 0", "vector must have a direction, got zeros only"),
        ("", "vector must be one row of numbers, got shape (0,)"),
        (b"\x89PNG", "can't decode byte 0x89 in position 0"),
        (np.ones((2, 8)), "vector must be one row of numbers, got shape (2, 8)"),
        (np.float64(3), "vector must be one row of numbers, got shape ()"),
        (np.array(["a"]), "it holds <U1, not numbers"),
        (np.array([1, np.inf]), "vector must be finite, got inf at position 1"),
        (np.array([None]), "Object arrays cannot be loaded"),
        (
            np.ones(5),
            "has 5 numbers, embeddings of product 'clay' have 8; take a vector of that product, or "
            "name another with --product (numbers by product: clay 8)",
        ),
    ],
)
def test_a_file_that_holds_no_vector_is_told(
    home: Path, tmp_path: Path, content: str | bytes | np.ndarray, message: str
) -> None:
    path = tmp_path / "v"
    if isinstance(content, str | bytes):
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    else:
        with path.open("wb") as file:
            np.save(file, content)
    result = ask(home, "--vector", str(path))
    assert result.exit_code != 0
    told = words(result)
    assert f"--vector {path} " in told
    assert message in told


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
