"""Tiles are drawn as Clay's script draws them."""

import numpy as np
import pandas as pd
import pytest

from clay_assets.errors import InvalidValueError
from clay_assets.landcover.classes import CLASS_COLUMNS
from clay_assets.landcover.criteria import PRESETS, Criterion, preset_of
from clay_assets.landcover.sampling import sample_of, shares_of


def _statistics(tiles: int = 4000, seed: int = 0) -> pd.DataFrame:
    """Tiles of which no two have equally much of anything but distinct classes."""
    generator = np.random.default_rng(seed)
    pixels = generator.permuted(
        np.arange(1, tiles * len(CLASS_COLUMNS) + 1).reshape(tiles, -1), axis=None
    ).reshape(tiles, -1)
    frame = pd.DataFrame(pixels, columns=list(CLASS_COLUMNS))
    frame.insert(0, "count", generator.permutation(tiles))
    frame.insert(0, "mgrs", [f"tile{number:05d}" for number in range(tiles)])
    return frame


def _as_clay_does(statistics: pd.DataFrame, preset) -> list[str]:
    """The draw in the words of Clay's script: one frame sorted again and again."""
    data = statistics.copy()
    numbers = data.loc[:, data.columns != "count"].select_dtypes(include="number")
    data[numbers.columns] = numbers.div(numbers.sum(axis=1), axis=0)
    drawn = []
    for criterion in preset.criteria:
        data = data.sort_values(criterion.column, ascending=False)
        drawn.append(data[: criterion.pool].sample(criterion.sample, random_state=preset.seed))
    return list(pd.concat(drawn).drop_duplicates(subset=["mgrs"])["mgrs"])


@pytest.mark.parametrize("name", ["v0.1", "v0.2"])
def test_a_preset_draws_what_clays_script_draws(name: str):
    statistics, preset = _statistics(), PRESETS[name]
    drawn = sample_of(statistics, preset.criteria, seed=preset.seed)
    assert list(drawn.rows["mgrs"]) == _as_clay_does(statistics, preset)
    assert drawn.shortages == ()


@pytest.mark.parametrize(
    ("name", "tiles", "seed"),
    [("v0.1", 1550, 42), ("v0.2", 2925, 23)],  # sums of Clay's table, before duplicates go
)
def test_a_preset_asks_for_as_many_tiles_as_clay(name: str, tiles: int, seed: int):
    preset = preset_of(name)
    assert sum(criterion.sample for criterion in preset.criteria) == tiles
    assert preset.seed == seed
    assert len({criterion.column for criterion in preset.criteria}) == 12


def test_the_order_of_the_statistics_does_not_matter():
    statistics = _statistics(200)
    statistics["mangroves"] = 0  # all alike
    criteria = [Criterion("mangroves", 5, 20), Criterion("count", 5, 20)]
    drawn = sample_of(statistics, criteria, seed=1)
    shuffled = sample_of(statistics.sample(frac=1, random_state=3), criteria, seed=1)
    assert list(drawn.rows["mgrs"]) == list(shuffled.rows["mgrs"])


def test_a_pool_holds_the_tiles_with_most_of_its_class():
    statistics = _statistics(100)
    drawn = sample_of(statistics, [Criterion("snow_ice", 10, 10)], seed=1).rows
    shares = shares_of(statistics).set_index("mgrs")["snow_ice"]
    assert set(drawn["mgrs"]) == set(shares.nlargest(10).index)
    assert (drawn["criterion"] == "snow_ice").all()


def test_a_tile_drawn_twice_counts_for_the_first_criterion():
    statistics = _statistics(10)
    criteria = [Criterion("water", 10, 10), Criterion("bare", 10, 10)]
    drawn = sample_of(statistics, criteria, seed=1)
    assert list(drawn.rows["criterion"]) == ["water"] * 10
    assert drawn.drawn == {"water": 10, "bare": 10}


def test_fewer_tiles_than_asked_for_are_all_taken_and_said():
    drawn = sample_of(_statistics(7), [Criterion("cropland", 800, 3600)], seed=23)
    assert len(drawn.rows) == 7
    assert drawn.shortages == ("cropland: 7 tiles instead of 800, all there are",)


def test_no_tiles_at_all_give_an_empty_sample():
    drawn = sample_of(_statistics(7).head(0), PRESETS["v0.2"].criteria, seed=23)
    assert len(drawn.rows) == 0
    assert len(drawn.shortages) == 12


def test_shares_of_a_tile_add_up_to_one():
    shares = shares_of(_statistics(20))
    assert shares[list(CLASS_COLUMNS)].sum(axis=1).to_numpy() == pytest.approx(1)
    assert list(shares["count"]) == list(_statistics(20)["count"])


@pytest.mark.parametrize(
    ("column", "sample", "pool", "message"),
    [
        ("forest", 1, 2, "'forest'"),
        ("water", 0, 2, "sample of 0"),
        ("water", 3, 2, "a sample of 3 from a pool of 2"),
    ],
)
def test_a_criterion_that_makes_no_sense_is_refused(column, sample, pool, message):
    with pytest.raises(InvalidValueError, match=message):
        Criterion(column, sample, pool)


def test_an_unknown_preset_is_refused():
    with pytest.raises(InvalidValueError, match=r"v0\.1, v0\.2, got 'v3'"):
        preset_of("v3")


def test_of_tiles_with_equally_much_the_first_by_id_are_taken():
    statistics = _statistics(9).assign(mangroves=0).sample(frac=1, random_state=1)
    drawn = sample_of(statistics, [Criterion("mangroves", 2, 2)], seed=1).rows
    assert sorted(drawn["mgrs"]) == ["tile00000", "tile00001"]
