"""Colours of vectors, and pictures of footprints."""

import io

import numpy as np
import pytest
import shapely
from PIL import Image

from clay_assets.analysis.pca_picture import coloured_days, fit_colours
from clay_assets.analysis.rows import files_of
from clay_assets.errors import InvalidValueError
from clay_assets.pictures.footprints import (
    FootprintPanel,
    bounds_wgs84,
    footprints_png,
    overlay_png,
)
from clay_assets_tests.analysis.made_land import DAYS, TILES, made_land
from clay_assets_tests.search.embedding_files import MadeChip, write_embeddings

RED, GREEN = (200, 10, 10), (10, 200, 10)


def pixels(png: bytes) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(png)).convert("RGBA"))


def test_like_ground_has_like_colours(land_store):
    (file, _) = files_of(land_store, "clay")
    scale = fit_colours(land_store, files_of(land_store, "clay"))
    days = coloured_days(land_store, file, scale)
    assert [day.date for day in days] == list(DAYS)
    colours = days[0].colours.astype(float)
    water = np.array([(int(id_[-4:]) - 1) % 10 // 3 % 2 == 1 for id_ in days[0].ids])
    apart = np.linalg.norm(colours[water].mean(axis=0) - colours[~water].mean(axis=0))
    assert apart > 100  # of 441 between black and white
    assert scale.explained[0] > scale.explained[1] > scale.explained[2] > 0


def test_a_repeat_has_the_same_colours(land_store):
    files = files_of(land_store, "clay")
    first, again = (fit_colours(land_store, files) for _ in range(2))
    assert (first.axes == again.axes).all()
    assert (first.axes.max(axis=1) >= -first.axes.min(axis=1)).all()  # the rule for signs


def test_one_day_can_be_chosen_and_patches_are_painted_one_by_one(patch_store, patch_chips):
    (file,) = files_of(patch_store, "clay")
    (day,) = coloured_days(
        patch_store, file, fit_colours(patch_store, [file]), day=patch_chips[0].day
    )
    assert len(day.ids) == 4 * 16 == len(day.footprints) == len(day.colours)


def test_too_few_rows_for_a_picture_are_refused(new_store):
    store = new_store(made_land(tiles=TILES[:1])[:2])
    with pytest.raises(InvalidValueError, match=r"3 rows of 3 numbers or more, .* has 2 of 16"):
        fit_colours(store, files_of(store, "clay"))


def test_each_footprint_is_painted_where_it_lies():
    footprints = np.array([shapely.box(10, 0, 11, 1), shapely.box(11, 0, 12, 1)])
    png, bounds = overlay_png(footprints, np.array([RED, GREEN], np.uint8), side_px=200)
    image = pixels(png)
    assert bounds == (10, 0, 12, 1)
    assert image.shape == (100, 200, 4)
    assert image[50, 50].tolist() == [*RED, 255]
    assert image[50, 150].tolist() == [*GREEN, 255]


def test_a_picture_is_clear_where_there_is_nothing():
    footprints = np.array([shapely.box(10, 0, 11, 1), shapely.box(12, 0, 13, 1)])
    png, _ = overlay_png(footprints, np.array([RED, GREEN], np.uint8), side_px=300)
    assert pixels(png)[50, 150, 3] == 0


def test_rows_keep_their_height_as_in_web_mercator():
    """At 60 degrees a degree of latitude is drawn twice as high as one of longitude."""
    footprints = np.array([shapely.box(0, 60, 1, 61)])
    png, _ = overlay_png(footprints, np.array([RED], np.uint8), side_px=400)
    height, width, _ = pixels(png).shape
    assert height / width == pytest.approx(2.03, abs=0.02)  # 1 / cos(60.5 degrees)


def test_footprints_across_the_antimeridian_stay_together():
    halves = shapely.MultiPolygon(
        [shapely.box(179.9, 10, 180, 10.1), shapely.box(-180, 10, -179.9, 10.1)]
    )
    footprints = np.array([halves, shapely.box(-179.9, 10, -179.8, 10.1)])
    assert bounds_wgs84([footprints]) == pytest.approx((179.9, 10, 180.2, 10.1))
    png, _ = overlay_png(footprints, np.array([RED, GREEN], np.uint8), side_px=300)
    row = pixels(png)[50]
    assert row[30].tolist() == row[150].tolist() == [*RED, 255]
    assert row[250].tolist() == [*GREEN, 255]


def test_a_sheet_fits_into_an_event():
    grid = [
        shapely.box(x / 50, y / 50, (x + 1) / 50, (y + 1) / 50)
        for x in range(50)
        for y in range(50)
    ]
    noise = np.random.default_rng(0).integers(256, size=(2500, 3), dtype=np.uint8)
    panels = [FootprintPanel(np.array(grid), noise, f"day {n}") for n in range(4)]
    assert len(footprints_png(panels)) <= 48_000


def test_a_wide_vector_takes_no_more_memory(tmp_path, monkeypatch):
    from clay_assets.analysis import rows
    from clay_assets.store import Store

    store = Store(str(tmp_path), tmp_path / "cache")
    wide: list[MadeChip] = made_land(tiles=TILES[:1])
    write_embeddings(store, "clay", TILES[0], wide)
    monkeypatch.setattr(rows, "SAMPLE_BYTES", 100 * 16 * 4)
    sample = rows.sample_rows(store, files_of(store, "clay"), 10_000, seed=0)
    assert 60 < len(sample.ids) < 140
