"""From a folder of pictures to its table, again and again."""

import csv
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from clay_assets import progress
from clay_assets.checkpoints import load_checkpoint
from clay_assets.embeddings import Product, unfinished
from clay_assets.embeddings.encoding import EncoderSettings
from clay_assets.errors import (
    CheckpointError,
    ClayAssetsError,
    ImageError,
    InvalidValueError,
    NotFoundError,
    ProductError,
)
from clay_assets.images import encoding
from clay_assets.images.embed import ImagesReport, embed_images
from clay_assets.images.file import read_image_metadata
from clay_assets.images.outputs import write_set_files
from clay_assets.images.reading import read_vectors
from clay_assets.images.rows import KnownImages
from clay_assets.images.sets import image_set_of, write_set
from clay_assets.images.work import plan_images
from clay_assets.images.writing import Failure, Parts
from clay_assets.models import ClayV0
from clay_assets.models.vit import Vit
from clay_assets.store import Store
from clay_assets_tests.defs.operating import TINY as CLAY_TINY
from clay_assets_tests.images.conftest import (
    LAST_TWO,
    NAMES,
    TINY,
    put_huge_network,
    put_network,
)
from clay_assets_tests.images.making import encoded, picture, put_pictures

ATOL = 2e-6  # of numbers of a unit vector, float32
Embed = Callable[..., ImagesReport]


@pytest.fixture
def embed(store: Store, vit: str, birds: str) -> Embed:
    def run(product: Product = LAST_TWO, name: str = birds, **options) -> ImagesReport:
        return embed_images(
            store, product, name, device="cpu", batch_size=3, run_id="run", **options
        )

    return run


def _by_hand(store: Store, path: Path) -> np.ndarray:
    """The note's steps: resize, 0 to 1, ImageNet's numbers, blocks, mean, concat, L2."""
    image = Image.open(path).convert("RGB").resize((32, 32), Image.Resampling.BILINEAR)
    x = torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1)[None].float() / 255
    x = (x - torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)) / torch.tensor(
        [0.229, 0.224, 0.225]
    ).view(3, 1, 1)
    network = Vit(TINY).eval()
    network.load_state_dict(load_checkpoint(store, "vit").tensors)
    with torch.inference_mode():
        layers = network(x, (1, 2), after_norm=False)
    vector = torch.cat([layer[0, 1:].mean(dim=0) for layer in layers])
    return (vector / vector.norm()).numpy()


def test_vectors_are_those_of_the_notes_steps(store: Store, embed: Embed, folder: Path):
    report = embed()
    assert (report.images, report.rows, report.embedded, report.shape) == (8, 8, 8, (32,))
    names, vectors = read_vectors(store, "last_two", "birds")
    assert names == sorted(NAMES)
    expected = np.stack([_by_hand(store, folder / name) for name in names])
    np.testing.assert_allclose(vectors, expected, rtol=0, atol=ATOL)


def test_the_csv_has_the_notes_form(store: Store, embed: Embed):
    embed()
    text = store.read_bytes("image_embeddings/last_two/birds.csv").decode()
    assert text.startswith('"filename","x1","x2",')
    header, *rows = csv.reader(text.splitlines())
    names, vectors = read_vectors(store, "last_two", "birds")
    assert header == ["filename", *(f"x{number}" for number in range(1, 33))]
    assert [row[0] for row in rows] == names
    np.testing.assert_allclose([[float(x) for x in row[1:]] for row in rows], vectors, atol=1e-14)


def test_a_row_tells_its_picture_and_the_file_how_it_was_made(
    store: Store, embed: Embed, vit: str, folder: Path
):
    exif = Image.Exif()
    exif[274] = 6
    (folder / "turned.jpg").write_bytes(encoded(picture(size=(50, 20)), "JPEG", exif=exif))
    report = embed()
    table = pq.read_table(store.local_path(report.key))
    row = table.filter(np.array(table["filename"]) == "turned.jpg").to_pylist()[0]
    assert (row["width_px"], row["height_px"], row["lon"]) == (20, 50, None)
    assert report.read_as == {"turned by EXIF orientation 6": 1}
    made = read_image_metadata(store, report.key)
    assert (made.product, made.checkpoint_id, made.run_id) == ("last_two", vit, "run")
    assert (made.extraction, made.location) == (LAST_TWO.extraction, str(folder))


def test_the_same_pictures_again_are_no_work(store: Store, embed: Embed):
    first = embed()
    etags = {file.key: file.etag for file in store.files("image_embeddings")}
    again = embed()
    assert (again.skipped, again.embedded, again.data_version) == (True, 0, first.data_version)
    assert {file.key: file.etag for file in store.files("image_embeddings")} == etags


def test_only_new_and_changed_pictures_are_encoded(store: Store, embed: Embed, folder: Path):
    first = embed()
    before = dict(zip(*read_vectors(store, "last_two", "birds"), strict=True))
    put_pictures(folder, ["new.png", NAMES[0]], seed=50)
    (folder / NAMES[1]).touch()
    (folder / NAMES[2]).rename(folder / "renamed.png")
    (folder / NAMES[3]).unlink()
    report = embed()
    assert (report.skipped, report.embedded, report.images) == (False, 2, 8)
    assert report.data_version != first.data_version
    after = dict(zip(*read_vectors(store, "last_two", "birds"), strict=True))
    assert sorted(after) == sorted({*NAMES, "new.png", "renamed.png"} - {NAMES[2], NAMES[3]})
    assert (after["renamed.png"] == before[NAMES[2]]).all()
    assert (after[NAMES[1]] == before[NAMES[1]]).all()
    assert (after[NAMES[0]] != before[NAMES[0]]).any()
    names, vectors = read_vectors(store, "last_two", "birds")
    expected = np.stack([_by_hand(store, folder / name) for name in names])
    np.testing.assert_allclose(vectors, expected, rtol=0, atol=ATOL)


def test_a_picture_that_cannot_be_read_fails_alone_and_is_not_read_again(
    store: Store, embed: Embed, folder: Path
):
    (folder / "cut_off.png").write_bytes(encoded(picture())[:-300])
    report = embed()
    assert (report.images, report.rows, report.embedded) == (9, 8, 8)
    assert "cut_off.png cannot be read as a png" in report.failures["cut_off.png"]
    listed = pq.read_table(store.local_path(report.outputs["failures"])).to_pylist()
    assert [row["filename"] for row in listed] == ["cut_off.png"]
    assert embed().skipped
    put_pictures(folder, ["new.png"], seed=60)
    steps: list[progress.Progress] = []
    with progress.listening(steps.append):
        assert embed().rows == 9
    assert [step.total for step in steps] == [1]  # the new one alone was read
    (folder / "cut_off.png").write_bytes(encoded(picture(9)))
    report = embed()
    assert (report.rows, report.embedded, report.failures) == (10, 1, {})


def test_a_file_that_is_gone_by_now_is_looked_for_again(
    store: Store, embed: Embed, folder: Path, birds: str, vit: str
):
    work = plan_images(store, LAST_TWO, birds, device="cpu", precision="fp32")
    (folder / NAMES[0]).rename(folder.parent / "aside")
    parts = Parts(store, "last_two", birds, work.recipe, work.shape, KnownImages(32))
    failures: dict[str, Failure] = {}
    settings = EncoderSettings("cpu", "fp32", 3)
    assert encoding.encode_images(store, work, parts, failures, settings) == 7
    assert "does not exist" in failures[NAMES[0]].reason
    rows = list(parts.gathered().rows.values())
    write_set_files(store, work, rows, parts.known.gather, list(failures.values()), run_id="run")
    (folder.parent / "aside").rename(folder / NAMES[0])  # with the etag it had
    report = embed()
    assert (report.skipped, report.embedded, report.failures) == (False, 1, {})


@pytest.mark.parametrize("part_bytes", [1, unfinished.PART_BYTES])  # each batch, or at the end
def test_a_killed_run_goes_on_where_it_was(
    store: Store, embed: Embed, folder: Path, monkeypatch: pytest.MonkeyPatch, part_bytes: int
):
    monkeypatch.setattr(unfinished, "PART_BYTES", part_bytes)
    landed = []
    land = encoding._land

    def killed(*args) -> None:
        if landed:
            raise KeyboardInterrupt
        landed.append(land(*args))

    monkeypatch.setattr(encoding, "_land", killed)
    with pytest.raises(KeyboardInterrupt):
        embed()
    assert not store.exists("image_embeddings/last_two/birds.parquet")
    monkeypatch.setattr(encoding, "_land", land)
    assert embed().embedded == 5  # a batch of three was kept
    assert not store.files("image_embeddings/last_two/unfinished")
    names, vectors = read_vectors(store, "last_two", "birds")
    expected = np.stack([_by_hand(store, folder / name) for name in names])
    np.testing.assert_allclose(vectors, expected, rtol=0, atol=ATOL)


@pytest.mark.parametrize(("dtype", "atol"), [("float16", 1e-3), ("int8", 5e-3)])
def test_fewer_bits_are_read_as_float32(store: Store, embed: Embed, dtype: str, atol: float):
    embed()
    embed(replace(LAST_TWO, name="small", dtype=dtype))
    full, small = (read_vectors(store, name, "birds")[1] for name in ("last_two", "small"))
    np.testing.assert_allclose(small, full, rtol=0, atol=atol)
    assert (small != full).any()


def test_many_vectors_a_picture_go_to_the_table_only(store: Store, embed: Embed):
    report = embed(Product("patches", "vit", input="images", level="patch"))
    assert report.shape == (4, 4, 16)
    assert "csv" not in report.outputs
    message = "product patches gives 4 x 4 x 16 numbers a picture, and one vector is needed"
    with pytest.raises(ProductError, match=re.escape(message)):
        read_vectors(store, "patches", "birds")


def test_numpy_files_and_a_csv_of_ones_own_place(store: Store, embed: Embed):
    product = replace(LAST_TWO, outputs=("csv", "numpy"), csv="notes/{product}_{image_set}.csv")
    report = embed(product)
    assert report.outputs["csv"] == "notes/last_two_birds.csv"
    array = np.load(store.local_path(report.outputs["numpy"]))
    np.testing.assert_array_equal(array, read_vectors(store, "last_two", "birds")[1])
    assert store.read_bytes(report.outputs["ids"]).decode().split() == sorted(NAMES)
    embed()
    assert not store.exists("notes/last_two_birds.csv")
    assert not store.exists(report.outputs["numpy"])
    message = "product other would write the CSV of birds to"
    embed(product)
    with pytest.raises(ProductError, match=message):
        embed(replace(product, name="other", csv="notes/last_two_{image_set}.csv"))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"product": Product("clay")}, ProductError, "product clay embeds chips"),
        ({"name": "cats"}, NotFoundError, "there is no image set 'cats'; registered are: birds"),
        ({"product": replace(LAST_TWO, checkpoint="x")}, NotFoundError, "no checkpoint 'x'"),
        ({"product": replace(LAST_TWO, last_k=9)}, ProductError, "last_k 9 asks for more layers"),
        (
            {"product": replace(LAST_TWO, checkpoint="clay")},
            ProductError,
            "product last_two: checkpoint clay is of a Clay v0 network, which takes measured bands "
            "and not pictures",
        ),
        ({"precision": "fp8"}, InvalidValueError, "precision must be one of"),
    ],
)
def test_what_cannot_work_is_said_before_any_picture_is_read(
    store: Store, embed: Embed, folder: Path, options, error: type[ClayAssetsError], message: str
):
    put_network(store, ClayV0(CLAY_TINY), CLAY_TINY, "clay")
    for name in NAMES:
        (folder / name).write_bytes(b"reading this would be another error")
    with pytest.raises(error, match=re.escape(message)):
        embed(**options)


def test_a_batch_needs_a_picture(store: Store, birds: str, vit: str):
    with pytest.raises(InvalidValueError, match="batch_size must be 1 or more, got 0"):
        embed_images(store, LAST_TWO, birds, batch_size=0, run_id="run")


def test_a_set_without_pictures_is_an_error(store: Store, embed: Embed, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("none")
    write_set(store, image_set_of("empty", str(tmp_path / "empty")))
    message = f"image set empty has no images in {tmp_path / 'empty'} (1 other files)"
    with pytest.raises(ImageError, match=re.escape(message)):
        embed(name="empty")
    write_set(store, image_set_of("gone", str(tmp_path / "gone")))
    with pytest.raises(NotFoundError, match="gone is not a folder"):
        embed(name="gone")
    assert not (tmp_path / "gone").exists()


def test_a_set_that_cannot_be_read_at_all_is_an_error(store: Store, embed: Embed, tmp_path: Path):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.png").write_bytes(b"no picture")
    write_set(store, image_set_of("bad", str(tmp_path / "bad")))
    message = "image set bad has no image that can be read: of the 1 in"
    with pytest.raises(ImageError, match=message):
        embed(name="bad")


def test_a_network_that_gives_no_numbers_is_an_error(store: Store, embed: Embed):
    put_huge_network(store)
    with pytest.raises(CheckpointError, match="an embedding that is not finite"):
        embed(replace(LAST_TWO, checkpoint="huge"))


def test_a_bucket_is_read_like_a_folder(
    store: Store, embed: Embed, folder: Path, s3_bucket: str, tmp_path: Path
):
    bucket = Store(f"s3://{s3_bucket}/birds", tmp_path / "cache")
    for name in NAMES:
        bucket.write_bytes(name, (folder / name).read_bytes())
    write_set(store, image_set_of("far", bucket.root))
    embed()
    embed(name="far")
    near, far = (read_vectors(store, "last_two", name) for name in ("birds", "far"))
    assert near[0] == far[0]
    assert (near[1] == far[1]).all()
    assert embed(name="far").skipped
    bucket.write_bytes(NAMES[0], encoded(picture(77)))
    assert embed(name="far").embedded == 1


def test_names_with_spaces_and_signs_are_kept(store: Store, embed: Embed, folder: Path):
    put_pictures(folder, ["Blåmeis #1 (50%).png", "a%20b/c d.png"], seed=70)
    embed()
    names, _ = read_vectors(store, "last_two", "birds")
    assert {"Blåmeis #1 (50%).png", "a%20b/c d.png"} <= set(names)


def test_vectors_that_are_not_there_say_what_to_do(store: Store):
    message = "image set birds has no embeddings of product vit"
    with pytest.raises(NotFoundError, match=message):
        read_vectors(store, "vit", "birds")
