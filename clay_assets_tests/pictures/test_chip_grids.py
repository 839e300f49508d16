"""The chip grid shows which chips of a tile were kept, and why the others were not."""

import io
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image, ImageColor

from clay_assets.chips.quality import CLOUD, NO_ELEVATION, NO_OPTICAL, NO_RADAR
from clay_assets.pictures import LIMIT_BYTES, GridPanel, chip_grid_png
from clay_assets.pictures.chip_grids import FAULT_COLOURS, KEPT_COLOUR

SIDE_PX = 400  # of a panel that stands alone
EDGE_PX = 6


@dataclass(frozen=True)
class _Cell:
    row: int
    col: int
    size: int
    fault: str | None = None


def _ground(side: int = 64) -> np.ndarray:
    return np.full((3, side, side), 1000, np.float32)


def _grid(faults: dict[int, str], *, columns: int = 4, size: int = 100, row: int = 0, col: int = 0):
    return [
        _Cell(row + n // columns * size, col + n % columns * size, size, faults.get(n))
        for n in range(columns**2)
    ]


def _colours(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def _centre(colours: np.ndarray, number: int, columns: int = 4) -> np.ndarray:
    side = SIDE_PX / columns
    row, col = divmod(number, columns)
    return colours[int(EDGE_PX + (row + 0.5) * side), int(EDGE_PX + (col + 0.5) * side)]


def _count(colours: np.ndarray, colour: str) -> int:
    return int((colours == ImageColor.getrgb(colour)).all(axis=2).sum())


def test_a_rejected_chip_is_tinted_in_the_colour_of_its_reason():
    faults = {1: CLOUD, 6: NO_OPTICAL, 8: NO_RADAR, 15: NO_ELEVATION}
    window = (0, 0, 400, 400)
    colours = _colours(chip_grid_png([GridPanel(_ground(), "2020-02-19", window, _grid(faults))]))
    plain = _centre(colours, 0)
    for number, fault in faults.items():
        wanted = np.array(ImageColor.getrgb(FAULT_COLOURS[fault]))
        towards = (_centre(colours, number) - plain) * (wanted - plain)
        assert (towards >= 0).all()
        assert towards.sum() > 1000
    for number in set(range(16)) - set(faults):
        assert (_centre(colours, number) == plain).all()


def test_a_kept_chip_is_outlined():
    window = (0, 0, 400, 400)
    colours = _colours(chip_grid_png([GridPanel(_ground(), "2020-02-19", window, _grid({}))]))
    panel = colours[EDGE_PX : EDGE_PX + SIDE_PX, EDGE_PX : EDGE_PX + SIDE_PX]
    assert _count(panel, KEPT_COLOUR) == pytest.approx(16 * 4 * 98, rel=0.05)  # pixels


def test_chips_lie_where_they_do_in_the_window_shown():
    cells = _grid({5: CLOUD}, row=3000, col=7000)
    panels = [GridPanel(_ground(), "2020-02-19", (3000, 7000, 400, 400), cells)]
    colours = _colours(chip_grid_png(panels))
    assert (_centre(colours, 5) != _centre(colours, 6)).any()
    assert (_centre(colours, 9) == _centre(colours, 6)).all()


def test_chips_too_small_for_outlines_are_tinted_all_the_same():
    window = (0, 0, 10_000, 10_000)
    cells = _grid({n: CLOUD for n in range(5000)}, columns=100)
    colours = _colours(chip_grid_png([GridPanel(_ground(), "2020-02-19", window, cells)]))
    upper, lower = colours[100, 200], colours[300, 200]
    assert upper[0] - upper[2] > 60  # orange
    assert lower[1] > lower[0]  # green


def test_the_legend_names_every_reason_there_is_and_no_other():
    window = (0, 0, 400, 400)
    png = chip_grid_png([GridPanel(_ground(), "2020-02-19", window, _grid({1: CLOUD, 2: "odd"}))])
    below = _colours(png)[EDGE_PX + SIDE_PX :]
    assert _count(below, KEPT_COLOUR) == _count(below, FAULT_COLOURS[CLOUD]) == 100
    assert _count(below, FAULT_COLOURS[NO_RADAR]) == 0


@pytest.mark.parametrize("columns", [21, 42])
def test_three_dates_of_the_hardest_ground_fit_an_event_row(columns: int):
    random = np.random.default_rng(columns)
    reasons = [None, None, CLOUD, NO_OPTICAL, NO_RADAR, NO_ELEVATION]
    size = 10_980 // columns
    panels = []
    for date in ("2019-05-01", "2020-06-01", "2021-07-01"):
        picks = random.integers(0, len(reasons), columns**2)
        faults = {n: reasons[pick] for n, pick in enumerate(picks) if reasons[pick]}
        rgb = random.uniform(1, 9000, (3, 300, 300)).astype(np.float32)
        cells = _grid(faults, columns=columns, size=size)
        panels.append(GridPanel(rgb, date, (0, 0, 10_980, 10_980), cells))
    png = chip_grid_png(panels)
    assert len(png) <= LIMIT_BYTES
    assert Image.open(io.BytesIO(png)).width > 400


def test_dates_stand_side_by_side():
    window = (0, 0, 400, 400)
    cloudy = _grid({n: CLOUD for n in range(16)})
    panels = [GridPanel(_ground(), day, window, c) for day, c in (("a", _grid({})), ("b", cloudy))]
    colours = _colours(chip_grid_png(panels))
    middle = colours.shape[1] // 2
    orange = FAULT_COLOURS[CLOUD]
    assert _count(colours[:300, :middle], orange) == 0
    assert _count(colours[:300, middle:], orange) > 1000
