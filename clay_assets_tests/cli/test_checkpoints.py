"""Checkpoints by the command line: in, told, and out again."""

from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from clay_assets.cli import app
from clay_assets.cli.checkpoints import parse_heads
from clay_assets.models.cards import CARDS

runner = CliRunner()


def _run(*arguments: str, home: Path | None = None):
    options = () if home is None else ("--home", str(home))
    return runner.invoke(app, ["checkpoint", *arguments, *options], env={"COLUMNS": "250"})


@pytest.fixture
def home(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setenv("CLAY_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_a_checkpoint_comes_in_is_told_and_goes_out(home: Path, goldens: Path, tmp_path: Path):
    golden = goldens / "clay_v1_tiny.ckpt"
    result = _run("import", str(golden), "--name", "clay", "--heads", "2,2", home=home)
    assert result.exit_code == 0, result.output
    assert "3214321f3a8e1966: Clay v1, 2,146,784 parameters." in result.output
    listed = _run("list", home=home).output
    assert "clay_v1" in listed
    assert str(golden) in listed
    shown = _run("show", "clay", home=home).output
    assert "hyper_parameters.teacher" in shown
    assert "config.encoder.dim" in shown
    result = _run("export", "clay", str(tmp_path / "out.ckpt"), home=home)
    assert result.exit_code == 0, result.output
    assert "Note: it holds a network 64 wide and 2 deep" in result.output
    written = torch.load(tmp_path / "out.ckpt", weights_only=True)
    expected = torch.load(golden, weights_only=True)
    assert set(written["state_dict"]) == set(expected["state_dict"])


def test_a_known_model_is_named_with_its_licence(home: Path, goldens: Path):
    path = str(goldens / "vectorgeo_test.safetensors")
    result = _run("import", path, "--name", "triplet", "--option", "normalize", home=home)
    assert result.exit_code == 0, result.output
    assert "VectorGeo's triplet network over land cover; licence: none published" in result.output
    assert "config.normalize" in _run("show", "triplet", home=home).output


def test_one_number_of_heads_is_enough():
    assert parse_heads("12") == [12, 12]
    assert parse_heads("12,8") == [12, 8]


@pytest.mark.parametrize("heads", ["", "12,0", "a,b", "1,2,3"])
def test_heads_that_are_no_numbers_name_the_option(heads: str, home: Path):
    result = _run("import", "clay.ckpt", "--heads", heads, home=home)
    assert result.exit_code == 2
    assert "--heads" in result.output
    assert "like 12,8, got" in result.output


def test_a_file_of_something_else_is_one_clear_error(home: Path, tmp_path: Path):
    (tmp_path / "page.ckpt").write_text("<!doctype html><html>Log in</html>")
    result = _run("import", str(tmp_path / "page.ckpt"), home=home)
    assert result.exit_code == 1
    assert "is a web page, perhaps an error or a login" in result.output
    assert "Traceback" not in result.output


def test_all_models_are_listed():
    output = _run("models").output
    assert all(name in output for name in CARDS)


def test_the_card_of_a_model_is_shown_with_its_dimensions():
    output = _run("models", "simclr-vit-l-16").output
    assert "SimCLR over ViT-L/16" in output
    for shape in ("1024", "4096", "8192", "14 x 14 x 1024"):
        assert shape in output
    assert "cls" not in _run("models", "resnet-50-imagenet").output


def test_an_unknown_model_is_one_clear_error():
    result = _run("models", "clay-v9")
    assert result.exit_code == 1
    assert "model must be one of clay-v0.1" in result.output
