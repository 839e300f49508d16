"""What moved between two dates of a place."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from clay_assets.analysis.change import ChangeSettings, Period, change_of_tile, changes
from clay_assets.errors import InvalidValueError, NotFoundError
from clay_assets_tests.analysis.made_land import (
    DAYS,
    TILES,
    chip_named,
    kinds,
    made_land,
    with_vector,
)
from clay_assets_tests.search.embedding_files import MadeChip, patches_of


def cosine_distance(one: MadeChip, other: MadeChip) -> float:
    a, b = (chip.embedding / np.linalg.norm(chip.embedding) for chip in (one, other))
    return float(1 - a @ b)


def test_the_place_that_changed_comes_first(new_store):
    chips = made_land(tiles=TILES[:1])
    flooded = chip_named(chips, TILES[0], DAYS[2], 1)  # a field before
    store = new_store(with_vector(chips, flooded, kinds()[1]))
    found = change_of_tile(store, "clay", TILES[0])
    first = found.frame.iloc[0]
    assert first["id"] == chips[flooded].chip_id
    assert first["z"] > 5
    assert (str(found.before), str(found.after)) == (str(DAYS[0]), str(DAYS[2]))
    assert found.unpaired == 0
    assert len(found.frame) == 100


def test_distances_are_those_of_numpy(land, land_store):
    found = change_of_tile(land_store, "clay", TILES[1]).frame
    by_id = {chip.chip_id: chip for chip in land}
    wanted = [cosine_distance(by_id[row.id_before], by_id[row.id]) for row in found.itertuples()]
    assert found["distance"].tolist() == pytest.approx(wanted, abs=1e-6)  # float32 vectors
    assert found["distance"].is_monotonic_decreasing
    for row in found.itertuples():
        assert by_id[row.id].footprint.equals(by_id[row.id_before].footprint)


def test_the_clearest_of_a_period_counts_then_the_latest(new_store):
    chips = made_land(tiles=TILES[:1])
    hazy = chip_named(chips, TILES[0], DAYS[2], 7)
    chips[hazy] = replace(chips[hazy], cloud_share=0.2)
    settings = ChangeSettings(Period(DAYS[0], DAYS[0]), Period(DAYS[1], DAYS[2]))
    found = change_of_tile(new_store(chips), "clay", TILES[0], settings).frame
    days = dict(zip(found["id"].str[-4:], found["date"], strict=True))
    assert days["0007"] == DAYS[1]
    assert days["0008"] == DAYS[2]


def test_cloud_is_no_change(new_store):
    chips = made_land(tiles=TILES[:1])
    cloudy = chip_named(chips, TILES[0], DAYS[0], 3)
    chips[cloudy] = replace(chips[cloudy], cloud_share=0.9)
    found = change_of_tile(new_store(chips), "clay", TILES[0])
    assert found.unpaired == 1
    assert not found.frame["id"].str.endswith("0003").any()


def test_patches_change_on_their_own(patch_chips, patch_store):
    found = change_of_tile(patch_store, "clay", "32VKM")
    by_id = {patch.chip_id: patch for patch in patches_of(patch_chips)}
    assert len(found.frame) == 4 * 16  # places, patches
    row = found.frame.iloc[0]
    wanted = cosine_distance(by_id[row["id_before"]], by_id[row["id"]])
    assert row["distance"] == pytest.approx(wanted, abs=1e-6)


def test_all_tiles_are_compared_and_tiles_of_one_date_left_out(new_store):
    chips = [chip for chip in made_land() if chip.mgrs == TILES[0] or chip.day == DAYS[0]]
    store = new_store(chips)
    assert [each.tile for each in changes(store, "clay", ChangeSettings())] == [TILES[0]]
    with pytest.raises(NotFoundError, match=f"{TILES[1]} has no two dates .* {DAYS[0]}; choose"):
        change_of_tile(store, "clay", TILES[1])
    with pytest.raises(NotFoundError, match="no two dates"):
        list(changes(store, "clay", ChangeSettings(), (TILES[1],)))


def test_a_period_is_a_day_or_two():
    assert Period.parse("2021-03-01") == Period(date(2021, 3, 1), date(2021, 3, 1))
    assert str(Period.parse("2021-03-01/2021-04-01")) == "2021-03-01/2021-04-01"
    with pytest.raises(InvalidValueError, match=r"before must be a day YYYY-MM-DD.*'March'"):
        Period.parse("March", name="before")
    with pytest.raises(InvalidValueError, match="not end before it begins, got '2021-04-01/2021"):
        Period.parse("2021-04-01/2021-03-01")


def test_what_cannot_be_compared_is_refused():
    day = Period.parse("2021-03-01")
    with pytest.raises(InvalidValueError, match=r"before \(2021-03-01\) must end before after"):
        ChangeSettings(day, day)
    with pytest.raises(InvalidValueError, match="max_cloud_share must be 0 to 1, got 3"):
        ChangeSettings(max_cloud_share=3)
