"""A map shows places where they are."""

import io

import numpy as np
import pytest
import shapely
from PIL import Image, ImageColor

from clay_assets.pictures import LIMIT_BYTES, Places, map_png
from clay_assets.pictures.maps import View, _area, _land

GREEN = "#7ae582"
LAND, SEA = (66, 70, 76), (30, 38, 48)


def _colours(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def _where(colours: np.ndarray, colour: str = GREEN) -> tuple[float, float]:
    """Mean row and column of a colour above the legend, as shares of the picture."""
    rows, columns = np.nonzero((colours[:-20] == ImageColor.getrgb(colour)).all(axis=2))
    return rows.mean() / colours.shape[0], columns.mean() / colours.shape[1]


def _places(*boxes: tuple[float, float, float, float]) -> Places:
    return Places("tiles", GREEN, [shapely.box(*box) for box in boxes])


def test_a_place_lies_in_the_middle_of_its_own_map():
    row, column = _where(_colours(map_png([_places((5, 60, 7, 61))])))
    assert column == pytest.approx(0.5, abs=0.05)
    assert row == pytest.approx(0.5, abs=0.06)


def test_scattered_places_are_shown_on_the_world():
    boxes = (-120, 40, -119, 41), (10, 5, 11, 6), (140, -30, 141, -29)
    colours = _colours(map_png([_places(*boxes)]))
    assert colours.shape[1] / colours.shape[0] > 1.9
    _, column = _where(colours)
    assert column == pytest.approx(0.5 + 10 / 360, abs=0.04)


@pytest.mark.parametrize(
    ("lon", "lat", "colour"),
    [
        (10, 50, LAND),  # Germany
        (-55, -10, LAND),  # Amazonia
        (25, -29, LAND),  # South Africa
        (-35, 30, SEA),  # Atlantic
        (50.5, 42, SEA),  # the Caspian Sea, which is a lake
    ],
)
def test_land_and_sea_are_where_they_are(lon: float, lat: float, colour: tuple[int, int, int]):
    colours = _colours(map_png([]))
    left, top, width = 36, 6, 718
    view = View(-180, -62, 180, 84, width)
    ((x, y),) = view.pixels(np.array([[lon, lat]]))
    assert tuple(colours[top + round(y), left + round(x)]) == colour


def test_places_on_both_sides_of_the_antimeridian_stay_together():
    both = [_places((179, -17, 180, -16), (-180, -17, -179.7, -16))]
    west, _, east, _ = _area(both[0].outlines)
    assert east - west < 40  # degrees
    assert west < 180 < east
    _, column = _where(_colours(map_png(both)))
    assert column == pytest.approx(0.5, abs=0.05)


def test_a_tile_shows_on_a_map_of_the_world():
    colours = _colours(map_png([_places((20, 0, 21, 1), (-150, 60, -149, 61))]))
    green = (colours[:-20] == ImageColor.getrgb(GREEN)).all(axis=2)
    assert green.sum() >= 8  # pixels


def test_twenty_thousand_tiles_fit_an_event_row():
    random = np.random.default_rng(0)
    corners = random.uniform((-180, -60), (179, 80), (20_000, 2))
    layers = [
        Places(f"kind {n}", f"#{n}0c0{n}0", [shapely.box(x, y, x + 1, y + 1) for x, y in part])
        for n, part in enumerate(np.array_split(corners, 10))
    ]
    assert len(map_png(layers)) <= LIMIT_BYTES


def test_a_large_tile_bears_its_name():
    box = shapely.box(5, 60, 8, 61)
    named, nameless = (
        _colours(map_png([Places("tiles", GREEN, [box], names)])) for names in (["32VLM"], [])
    )
    assert (named != nameless).any()


def test_a_layer_without_places_is_not_in_the_legend():
    alone = map_png([_places((5, 60, 7, 61))])
    assert map_png([_places((5, 60, 7, 61)), Places("none", "#ff0000", [])]) == alone


def test_the_outlines_of_land_are_degrees():
    land, lakes = _land()
    assert len(land) == 127  # Natural Earth 1:110m, countries merged
    assert len(lakes) == 1
    everything = np.concatenate(land)
    assert np.abs(everything[:, 0]).max() == 180
    assert np.abs(everything[:, 1]).max() == 90
