"""Nearest pictures, and the sheet that shows them."""

import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clay_assets.embeddings import Product
from clay_assets.errors import InvalidValueError, NotFoundError, ProductError
from clay_assets.images import neighbours
from clay_assets.images.embed import embed_images
from clay_assets.images.neighbours import SheetSettings, image_neighbours
from clay_assets.images.reading import read_vectors
from clay_assets.images.sheet import write_sheet
from clay_assets.pictures import LIMIT_BYTES, Captioned, image_sheet_png
from clay_assets.pictures.style import BACKGROUND
from clay_assets.store import Store
from clay_assets_tests.images.conftest import LAST_TWO, NAMES
from clay_assets_tests.images.making import encoded, picture

ATOL = 1e-6  # of distances of unit vectors


@pytest.fixture
def embedded(store: Store, vit: str, birds: str) -> Store:
    embed_images(store, LAST_TWO, birds, device="cpu", run_id="run")
    return store


def _nearest(store: Store, **settings) -> list[tuple[str, list[str], list[float]]]:
    found = image_neighbours(store, "last_two", "birds", SheetSettings(**settings))
    return [
        (one.query, [n.filename for n in one.neighbours], [n.distance for n in one.neighbours])
        for one in found
    ]


@pytest.mark.parametrize("rows_a_part", [None, 3])
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_neighbours_are_those_that_numpy_finds(
    embedded: Store, metric: str, rows_a_part: int | None, monkeypatch: pytest.MonkeyPatch
):
    names, vectors = read_vectors(embedded, "last_two", "birds")
    if rows_a_part:
        monkeypatch.setattr(neighbours, "read_image_rows", _in_parts(rows_a_part))
    cosine = 1 - vectors @ vectors.T
    distances = cosine if metric == "cosine" else np.sqrt(np.maximum(2 * cosine, 0))
    np.fill_diagonal(distances, np.inf)
    for query, near, found in _nearest(embedded, queries=8, k=4, metric=metric):
        row = distances[names.index(query)]
        assert near == [names[place] for place in np.argsort(row)[:4]]
        np.testing.assert_allclose(found, np.sort(row)[:4], rtol=0, atol=ATOL)


def _in_parts(rows: int):
    """The rows of a file as many row groups would give them."""
    whole = neighbours.read_image_rows

    def read(*args):
        for table in whole(*args):
            yield from (table.slice(start, rows) for start in range(0, len(table), rows))

    return read


def test_the_choice_is_by_seed(embedded: Store):
    drawn = [[query for query, _, _ in _nearest(embedded, queries=3, seed=s)] for s in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(set(drawn[0])) == 3


def test_a_picture_is_not_its_own_neighbour_unless_asked(embedded: Store):
    for query, near, _ in _nearest(embedded, queries=8, k=7):
        assert sorted([query, *near]) == sorted(NAMES)
    for query, near, found in _nearest(embedded, queries=8, k=3, include_self=True):
        assert (near[0], found[0], len(near)) == (query, 0.0, 3)


def test_a_copy_is_a_neighbour_at_distance_0(embedded: Store, folder: Path, vit: str, birds: str):
    for number in range(5):
        (folder / f"copy_{number}.png").write_bytes((folder / NAMES[0]).read_bytes())
    embed_images(embedded, LAST_TWO, birds, device="cpu", run_id="run")
    ((_, near, found),) = _nearest(embedded, names=(NAMES[0],), k=2)
    assert near == ["copy_0.png", "copy_1.png"]
    np.testing.assert_allclose(found, 0, atol=ATOL)


def test_fewer_pictures_than_asked_give_a_smaller_sheet(embedded: Store):
    found = _nearest(embedded, queries=50, k=40)
    assert len(found) == 8
    assert {len(near) for _, near, _ in found} == {7}


def test_named_pictures_come_in_the_order_of_the_names(embedded: Store):
    found = _nearest(embedded, names=(NAMES[5], NAMES[1]))
    assert [query for query, _, _ in found] == [NAMES[5], NAMES[1]]
    message = (
        f"image set birds has no embedding of 'x.png'; its files are named such as {NAMES[0]!r}"
    )
    with pytest.raises(NotFoundError, match=re.escape(message)):
        _nearest(embedded, names=("x.png",))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"k": 0}, "k must be 1 or more, got 0"),
        ({"queries": 0}, "queries must be 1 or more, got 0"),
        ({"metric": "hamming"}, "metric must be one of cosine, euclidean, got 'hamming'"),
    ],
)
def test_settings_that_show_nothing_are_refused(settings: dict, message: str):
    with pytest.raises(InvalidValueError, match=message):
        SheetSettings(**settings)


def test_many_vectors_a_picture_have_no_neighbours(store: Store, vit: str, birds: str):
    product = Product("patches", "vit", input="images", level="patch")
    embed_images(store, product, birds, device="cpu", run_id="run")
    with pytest.raises(ProductError, match="product patches gives many"):
        image_neighbours(store, "patches", birds, SheetSettings())


def test_the_sheet_is_written_once_for_the_same_embeddings(embedded: Store, folder: Path):
    sheet = write_sheet(embedded, "last_two", "birds", SheetSettings(queries=2, k=2))
    assert sheet.key == "image_embeddings/last_two/birds_knn.png"
    assert len(sheet.png) <= LIMIT_BYTES
    etag = embedded.stat(sheet.key).etag
    assert write_sheet(embedded, "last_two", "birds", SheetSettings(queries=2, k=2)) == sheet
    assert embedded.stat(sheet.key).etag == etag
    other = write_sheet(embedded, "last_two", "birds", SheetSettings(queries=2, k=2, seed=5))
    assert other.png != sheet.png
    facts = json.loads(embedded.read_bytes(other.neighbours_key))
    assert (facts["seed"], facts["metric"], len(facts["examples"])) == (5, "cosine", 2)


def test_a_picture_that_is_gone_leaves_its_place_on_the_sheet(embedded: Store, folder: Path):
    whole = write_sheet(embedded, "last_two", "birds", SheetSettings(queries=8))
    for name in NAMES:
        (folder / name).unlink()
    embedded.delete([whole.neighbours_key])
    sheet = write_sheet(embedded, "last_two", "birds", SheetSettings(queries=8))
    assert Image.open(io.BytesIO(sheet.png)).size == Image.open(io.BytesIO(whole.png)).size


def test_images_on_a_sheet_keep_their_aspect_and_colours():
    wide, tall = Image.new("RGB", (80, 20), (250, 10, 10)), Image.new("RGB", (10, 40), (9, 200, 9))
    png = image_sheet_png([[Captioned(wide, "query", "a.png"), Captioned(tall, "d=0.000", "b")]])
    sheet = Image.open(io.BytesIO(png)).convert("RGB")
    colours = sheet.getcolors(1 << 16)
    count = {colour: number for number, colour in colours}
    assert count[250, 10, 10] == 112 * 28
    assert count[9, 200, 9] == 28 * 112
    assert sheet.getpixel((0, 0)) == BACKGROUND


def test_long_names_do_not_run_into_each_other():
    image = picture()
    short = image_sheet_png([[Captioned(image, "query", "x"), Captioned(image, "query", "")]])
    long = image_sheet_png([[Captioned(image, "query", "x" * 300), Captioned(image, "query", "")]])
    assert encoded(_right_half(short)) == encoded(_right_half(long))
    assert short != long


def _right_half(png: bytes) -> Image.Image:
    """Where nothing of the left one belongs."""
    sheet = Image.open(io.BytesIO(png)).convert("RGB")
    return sheet.crop((sheet.width // 2 + 2, 0, sheet.width, sheet.height))
