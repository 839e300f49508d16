"""Finding out what has changed in a bucket."""

from pathlib import Path

import pytest

from clay_assets.ingest.sweep import SweepState, look_at, sweep
from clay_assets.store import Store
from clay_assets_tests.ingest.making import tile_names

FIRST, SECOND = "32VKM", "32VLM"


@pytest.fixture(params=["folder", "bucket"])
def bucket(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Two tiles, of two objects and of one, in a local folder and in a bucket."""
    if request.param == "folder":
        root = str(tmp_path / "02")
    else:
        root = f"s3://{request.getfixturevalue('s3_bucket')}/02"
    store = Store(root, tmp_path / "cache")
    _put(store, FIRST, "a.tif")
    _put(store, FIRST, "b.tif")
    _put(store, SECOND, "a.tif")
    return store


def _put(bucket: Store, tile: str, name: str, content: str = "pixels") -> None:
    bucket.write_bytes(f"{tile}/2021-06-01/{name}", content.encode())


def _changes(bucket: Store, state: SweepState) -> tuple[dict[str, int], SweepState]:
    """Changed tile -> its objects, and the state after, kept as text in between."""
    found = sweep(bucket.root, SweepState.from_json(state.to_json()))
    return {change.mgrs: change.objects for change in found.changes}, found.state


@pytest.fixture
def state(bucket: Store) -> SweepState:
    return _changes(bucket, SweepState())[1]


def test_everything_is_new_at_first(bucket: Store):
    assert _changes(bucket, SweepState())[0] == {FIRST: 2, SECOND: 1}


def test_nothing_is_new_when_nothing_happened(bucket: Store, state: SweepState):
    assert _changes(bucket, state)[0] == {}


def test_a_new_object_changes_its_tile_only(bucket: Store, state: SweepState):
    _put(bucket, SECOND, "b.tif")
    assert _changes(bucket, state)[0] == {SECOND: 2}


def test_an_object_overwritten_in_the_same_second_is_noticed(bucket: Store, state: SweepState):
    _put(bucket, FIRST, "a.tif", "other!")  # as many bytes as before
    assert _changes(bucket, state)[0] == {FIRST: 2}


def test_an_object_of_an_earlier_date_is_noticed(bucket: Store, state: SweepState):
    bucket.write_bytes(f"{FIRST}/2017-01-01/a.tif", b"late")
    assert _changes(bucket, state)[0] == {FIRST: 3}


def test_content_that_comes_back_is_a_change_again(bucket: Store, state: SweepState):
    _put(bucket, FIRST, "a.tif", "other!")
    _, between = _changes(bucket, state)
    _put(bucket, FIRST, "a.tif")
    assert _changes(bucket, between)[0] == {FIRST: 2}


def test_deleting_an_object_changes_its_tile(bucket: Store, state: SweepState):
    bucket.delete([f"{FIRST}/2021-06-01/b.tif"])
    assert _changes(bucket, state)[0] == {FIRST: 1}


def test_a_tile_whose_objects_are_all_gone_is_told_once(bucket: Store, state: SweepState):
    bucket.delete([f"{SECOND}/2021-06-01/a.tif"])
    changes, after = _changes(bucket, state)
    assert changes == {SECOND: 0}
    assert _changes(bucket, after)[0] == {}


def test_folders_that_are_no_tiles_are_named_and_ignored(bucket: Store, state: SweepState):
    bucket.write_bytes("readme/a.txt", b"")
    bucket.write_bytes("99XYZ/a.tif", b"")
    found = sweep(bucket.root, state)
    assert found.strange == ("99XYZ", "readme")
    assert not found.changes


def test_known_tiles_are_looked_at_in_turn(bucket: Store, state: SweepState):
    for name in ("32VKN", "32VLN"):
        _put(bucket, name, "a.tif")
    _, state = _changes(bucket, state)
    for tile in (FIRST, SECOND, "32VKN", "32VLN"):
        _put(bucket, tile, "late.tif")
    seen: list[list[str]] = []
    for _ in range(2):
        found = sweep(bucket.root, state, known_tiles=2)
        state = found.state
        seen.append([change.mgrs for change in found.changes])
    assert seen == [["32VKM", "32VLN"], ["32VKN", "32VLM"]]  # on from 32VLM, then from the start
    assert state.rounds == 1


def test_many_new_tiles_come_in_bounded_parts(tmp_path: Path):
    bucket = Store(str(tmp_path / "02"), tmp_path / "cache")
    tiles = tile_names(1_203)
    for tile in tiles:
        _put(bucket, tile, "a.tif")
    state, parts = SweepState(), []
    while len(parts) < 3:
        found = sweep(bucket.root, state)
        state = found.state
        parts.append(len(found.changes))
    assert parts == [500, 500, 203]
    assert sorted(state.signatures) == sorted(tiles)
    assert len(state.to_json()) < 30_000


def test_a_sweep_that_runs_out_of_time_goes_on_with_the_next(bucket: Store, state: SweepState):
    _put(bucket, FIRST, "c.tif")
    late = sweep(bucket.root, state, max_seconds=0)
    assert not late.changes
    assert _changes(bucket, late.state)[0] == {FIRST: 3}


def test_tiles_that_somebody_names_are_looked_at(bucket: Store, state: SweepState):
    _put(bucket, FIRST, "c.tif")
    _put(bucket, SECOND, "c.tif")
    found = look_at(bucket.root, state, {SECOND, "32VNM"})
    assert [change.mgrs for change in found.changes] == [SECOND]
    assert _changes(bucket, found.state)[0] == {FIRST: 3}
