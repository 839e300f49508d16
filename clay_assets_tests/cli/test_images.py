"""`clay-assets images`: a folder in, its vectors out."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from clay_assets.checkpoints import put_checkpoint
from clay_assets.cli import app
from clay_assets.defs.instance import open_instance
from clay_assets.images.reading import read_vectors
from clay_assets.images.sets import ImageSet, read_set
from clay_assets.models import make_checkpoint
from clay_assets.models.vit import Vit
from clay_assets.settings import Settings
from clay_assets_tests.images.conftest import TINY
from clay_assets_tests.images.making import put_pictures
from clay_assets_tests.models.seeded import weights

NAMES = ["Parus_major_1.png", "Parus_major_2.png", "Spinus_spinus_1.png"]
PRODUCT = '[products.clay]\n[products.vit]\ncheckpoint = "vit"\ninput = "images"\n'


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "products.toml").write_text(PRODUCT)
    monkeypatch.setenv("CLAY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CLAY_PRODUCTS", str(tmp_path / "products.toml"))
    monkeypatch.setenv("CLAY_DEVICE", "cpu")
    put_pictures(tmp_path / "birds", NAMES)

    def command(*arguments: str):
        return CliRunner().invoke(app, ["images", *arguments], env={"COLUMNS": "300"})

    return command


def test_a_folder_is_added_listed_and_embedded(run, tmp_path: Path):
    done = run("add", "birds", str(tmp_path / "birds"), "--labels", "genus_species")
    assert f"Image set 'birds' has 3 images in {tmp_path / 'birds'}" in done.output
    store = Settings.from_environment().store
    assert read_set(store, "birds") == ImageSet("birds", str(tmp_path / "birds"), "genus_species")
    with open_instance() as instance:
        assert instance.get_dynamic_partitions("image_set") == ["birds"]
    tensors = weights(Vit(TINY).state_dict())
    checkpoint = make_checkpoint(TINY, tensors, {"source": "a rule"})
    put_checkpoint(store, checkpoint, "vit", inputs="a rule", run_id="test")
    done = run("embed", "birds")
    assert store.url("image_embeddings/vit/birds.parquet") in done.output
    assert read_vectors(store, "vit", "birds")[0] == NAMES
    listed = run("list").output
    assert "birds" in listed
    assert "genus_species" in listed
    assert "vit" in listed
    assert "cannot be read" not in done.output
    (tmp_path / "birds" / "torn.png").write_bytes(b"no picture")
    assert (
        "without 1 that cannot be read, see birds_failures.parquet" in run("embed", "birds").output
    )


def test_a_table_of_labels_is_found_from_any_folder(run, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("labels.csv").write_text("filename,label\nParus_major_1.png,tit\n")
    run("add", "birds", "birds", "--labels", "labels.csv")
    found = read_set(Settings.from_environment().store, "birds")
    assert (found.location, found.labels) == (str(tmp_path / "birds"), str(tmp_path / "labels.csv"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("add", "birds", "nowhere"), "is not a folder"),
        (("add", "my birds", "."), "the name of an image set must be"),
        (("add", "birds", ".", "--labels", "(a)(b)"), "label rule '(a)(b)'"),
        (("add", "birds", ".", "--labels", "none.csv"), "none.csv does not exist"),
        (("embed", "birds"), "there is no image set 'birds'; registered are: none yet"),
    ],
)
def test_what_cannot_work_is_said_in_one_line(run, arguments: tuple[str, ...], message: str):
    done = run(*arguments)
    assert done.exit_code == 1
    assert message in done.output
    assert "Traceback" not in done.output


def test_without_a_product_for_images_it_says_how_to_declare_one(run, monkeypatch):
    monkeypatch.delenv("CLAY_PRODUCTS")
    done = run("embed", "birds")
    assert done.exit_code == 1
    assert 'no product takes images; declare one with input = "images"' in done.output


def test_a_second_location_takes_the_place_of_the_first(run, tmp_path: Path):
    put_pictures(tmp_path / "more", NAMES[:1])
    run("add", "birds", str(tmp_path / "birds"))
    assert "has 1 images" in run("add", "birds", str(tmp_path / "more")).output
    key = Settings.from_environment().store.read_bytes("image_sets/birds.json")
    assert json.loads(key)["location"] == str(tmp_path / "more")
