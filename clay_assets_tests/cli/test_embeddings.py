"""`clay-assets embeddings`: list, export, evaluate."""

import numpy as np
import pytest
from typer.testing import CliRunner

from clay_assets.cli import app
from clay_assets.store import Store
from clay_assets_tests.embeddings.made_files import made_rows, put_file
from clay_assets_tests.evaluation.made_sets import birds, put_set, put_vectors


@pytest.fixture
def data(tmp_path, monkeypatch) -> Store:
    monkeypatch.setenv("CLAY_HOME", str(tmp_path / "home"))
    return Store(str(tmp_path / "home" / "data"), tmp_path / "home" / "cache")


@pytest.fixture
def run():
    def command(*arguments: str):
        return CliRunner().invoke(app, ["embeddings", *arguments], env={"COLUMNS": "200"})

    return command


@pytest.fixture
def labelled(data) -> Store:
    names, vectors = birds()
    put_set(data)
    put_vectors(data, "last_four", names, vectors)
    put_vectors(data, "layer_six", names, vectors[:, :2])
    return data


def test_products_are_listed(data, run):
    put_file(data)
    put_file(data, tile="32VLM")
    put_file(data, "patchy", shape=(2, 2, 3), dtype="int8")
    lines = run("list").stdout.splitlines()
    clay = next(line for line in lines if " clay " in line)
    assert [cell.strip() for cell in clay.strip("│").split("│")][:6] == [
        "clay",
        "mean",
        "3",
        "float32",
        "ab12",
        "2",
    ]
    assert "2023-06-12 to 2023-09-01" in clay
    assert any("2 x 2 x 3" in line and "int8" in line for line in lines)


def test_embeddings_are_exported(data, run, tmp_path):
    put_file(data)
    result = run("export", "clay", "--format", "csv", "--to", str(tmp_path / "all.csv"))
    assert result.exit_code == 0
    assert result.stdout.strip() == str(tmp_path / "all.csv")
    assert (tmp_path / "all.csv").read_text().startswith('"filename","x1","x2","x3"\n')
    result = run("export", "clay", "--format", "numpy", "--tile", "32vkm", "--to", str(tmp_path))
    assert (tmp_path / "32VKM_20230612_20230901_v001.npy").exists()


def test_vectors_of_pictures_are_exported(labelled, run, tmp_path):
    names, vectors = birds()
    asked = ("export", "last_four", "--image-set", "birds", "--to", str(tmp_path))
    assert run(*asked, "--format", "csv").stdout.strip() == str(tmp_path / "birds.csv")
    assert (tmp_path / "birds.csv").read_text().splitlines()[1].startswith(f'"{names[0]}","')
    assert run(*asked, "--format", "numpy").exit_code == 0
    assert np.array_equal(np.load(tmp_path / "birds.npy"), vectors)
    assert (tmp_path / "birds_ids.txt").read_text().split() == names
    again = run(*asked, "--format", "csv")
    assert "birds.csv exists; export to another place, or pass --overwrite" in again.stderr
    refused = run(*asked, "--format", "stac")
    assert "the vectors of pictures go into csv or numpy, not into stac" in refused.stderr
    named = run(*asked[:-1], str(tmp_path / "all.csv"), "--format", "csv")
    assert named.stdout.strip() == str(tmp_path / "all.csv")


def test_products_are_compared_by_the_set_s_own_labels(labelled, run, tmp_path):
    table = tmp_path / "table.csv"
    result = run(
        *("evaluate", "layer_six", "last_four", "--image-set", "birds", "--to", str(table))
    )
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.stdout.splitlines()]
    assert {lines[0][0], *lines[0][1:3]} == {"product", "layer_six", "last_four"}
    assert [line[0] for line in lines[1:4]] == ["dims", "kB", "rows"]
    # Both tell all apart or nearly; the better one comes first.
    accuracy = next(line[2:] for line in lines if line[:2] == ["kNN", "accuracy"])
    assert accuracy == sorted(accuracy, key=float, reverse=True)
    assert "40 of 40 rows in 3 classes, cosine, k 5, seed 0" in result.stdout
    assert table.read_text().startswith('"product","dimensions","bytes"')


def test_other_labels_can_be_given(labelled, run, tmp_path):
    names, _ = birds()
    table = tmp_path / "labels.csv"
    table.write_text(
        "filename,sex\n" + "".join(f"{name},{row % 2}\n" for row, name in enumerate(names[:30]))
    )
    asked = ("evaluate", "last_four", "--image-set", "birds")
    result = run(*asked, "--labels", str(table), "--label-column", "sex", "--metric", "euclidean")
    assert "30 of 40 rows in 2 classes, euclidean" in result.stdout, result.output
    assert "10 without a label" in result.stdout
    assert "in 3 classes" in run(*asked, "--label-rule", r"_(s\d)_").stdout
    assert "in 3 classes" in run("evaluate", "last_four", "--images", "birds").stdout


def test_chips_are_evaluated(data, run):
    put_file(data, rows=made_rows(12))
    result = run("evaluate", "clay", "--label-rule", r"_(\d{8})_", "--tile", "32VKM")
    assert "12 of 12 rows in 2 classes" in result.stdout, result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("evaluate", "x"), "labels are needed, chips have none; give --labels TABLE"),
        (
            ("evaluate", "x", "--labels", "a.csv", "--label-rule", "(a)"),
            "--labels and --label-rule exclude each other; give one of them",
        ),
        (("evaluate", "x", "--labels", "a.csv"), "label table a.csv does not exist"),
        (("evaluate", "x", "--label-rule", "(a)"), "product x has no embeddings of chips in"),
        (("evaluate", "x", "--image-set", "y"), "there is no image set 'y'"),
        (("evaluate", "x", "--label-rule", "(a)", "-k", "0"), "k must be 1 or more"),
        (("evaluate", "x", "--label-rule", "(a)", "--tile", "nowhere"), "nowhere"),
        (
            ("export", "x", "--format", "csv", "--to", "out"),
            "product x has no embeddings of chips in",
        ),
    ],
)
def test_a_wrong_wish_is_one_clear_error(data, run, arguments, message):
    result = run(*arguments)
    assert result.exit_code == 1
    assert message in result.stderr.replace("\n", " ")
    assert "Traceback" not in result.output


def test_a_set_without_labels_needs_some(data, run):
    put_set(data, None)
    result = run("evaluate", "x", "--image-set", "birds")
    assert "labels are needed, image set birds has none of its own; give" in result.stderr
