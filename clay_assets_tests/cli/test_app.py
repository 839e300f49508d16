"""The command line: options, errors as one line, exit codes."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from clay_assets import __version__
from clay_assets.cli import app
from clay_assets.cli.app import parse_list, parse_subset
from clay_assets.settings import Settings
from clay_assets.tile_sources import read_source
from clay_assets_tests.ingest.making import optical, save_catalogue

runner = CliRunner()


def _run(*arguments: str, home: Path):
    return runner.invoke(app, [*arguments, "--home", str(home)], env={"COLUMNS": "200"})


def test_the_version_is_printed():
    assert runner.invoke(app, ["--version"]).output.strip() == __version__


@pytest.mark.parametrize(
    "command", ["demo", "add", "search", "trace", "serve", "tiles", "doctor", "checkpoint"]
)
def test_every_command_explains_itself(command: str):
    assert runner.invoke(app, [command, "--help"]).exit_code == 0


def test_dates_are_split_at_commas():
    assert parse_list("2024-05-01,2024-06-01/2024-08-31") == (
        "2024-05-01",
        "2024-06-01/2024-08-31",
    )
    assert parse_list(None) == ()


def test_named_items_are_registered_with_their_tile(tmp_path: Path, monkeypatch):
    home = tmp_path / "home"
    monkeypatch.setenv("CLAY_HOME", str(home))
    scenes = [optical(tmp_path / "scenes", day) for day in ("2021-05-10", "2021-06-10")]
    catalogue = str(save_catalogue(tmp_path / "catalogue", scenes))
    result = _run("add", "32VKM", "--imagery", catalogue, "--items", scenes[1].id, home=home)
    assert result.exit_code == 0, result.output
    assert read_source(Settings.from_environment().store, "32VKM").items == (scenes[1].id,)
    result = _run("add", "32VKM", "--imagery", catalogue, "--items", "S2X_1,S2X_2", home=home)
    assert result.exit_code == 1
    assert "S2X_1" in result.output


def test_a_subset_is_four_numbers():
    assert parse_subset("0,512,1024,1536") == (0, 512, 1024, 1536)


def test_a_wrong_subset_names_the_option(tmp_path: Path):
    result = _run("demo", "--subset", "0,1", home=tmp_path)
    assert result.exit_code == 2
    assert "x0,y0,x1,y1" in result.output
    assert "0,1" in result.output


def test_a_tile_that_does_not_exist_is_one_clear_error(tmp_path: Path):
    result = _run("add", "32IAA", "--imagery", "s3://nowhere", home=tmp_path)
    assert result.exit_code == 1
    assert "'32IAA' is not an MGRS tile" in result.output
    assert "Traceback" not in result.output


def test_imagery_that_is_not_there_is_one_clear_error(tmp_path: Path):
    result = _run("demo", "--imagery", str(tmp_path / "none.json"), home=tmp_path / "home")
    assert result.exit_code == 1
    assert "none.json" in result.output
    assert "Traceback" not in result.output


def test_searching_before_anything_is_made_says_what_to_do(tmp_path: Path):
    result = _run("search", "--chip", "claytile_32VKM_20240601_v02_0001", home=tmp_path)
    assert result.exit_code == 1
    assert "materialise" in result.output


def test_tracing_an_unknown_chip_is_one_clear_error(tmp_path: Path):
    result = _run("trace", "claytile_32VKM_20240601_v02_0001", home=tmp_path)
    assert result.exit_code == 1
    assert "claytile_32VKM_20240601_v02_0001" in result.output


def test_half_a_place_is_refused(tmp_path: Path):
    result = _run("search", "--lon", "11.5", home=tmp_path)
    assert result.exit_code == 2
    assert "--lon and --lat go together" in result.output


def test_square_brackets_of_an_error_are_printed(tmp_path: Path):
    products = tmp_path / "products.toml"
    products.write_text("")
    arguments = ["search", "--chip", "any", "--home", str(tmp_path)]
    result = runner.invoke(app, arguments, env={"CLAY_PRODUCTS": str(products)})
    assert result.exit_code == 1
    assert "add a table [products.NAME]" in result.output


def test_the_options_of_serve_stand_for_the_settings_of_the_api(tmp_path: Path, monkeypatch):
    for name in ("CLAY_HOME", "CLAY_API_RATE", "CLAY_API_ORIGINS"):
        monkeypatch.setenv(name, "")  # what the command sets is taken back after the test
    result = _run("serve", "--rate", "0", home=tmp_path)
    assert result.exit_code == 1
    assert "CLAY_API_RATE must be a whole number, at least 1, got '0'" in result.output
    monkeypatch.setenv("CLAY_API_RATE", "")
    result = _run("serve", "--origin", "https://a.example", "--origin", "b", home=tmp_path)
    assert result.exit_code == 1
    assert "with commas between them, or *, got 'b'" in result.output
