"""What automation asks for, evaluated as its sensor does."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from clay_assets.definitions import build_defs
from clay_assets.defs.imagery import imagery_events
from clay_assets.settings import Settings

STEPS = [
    "tiles",
    "chips",
    "embeddings/clay",
    "pgvector_index",
    "clay/embedding_map",
    "clay/change",
]
Tick = Callable[[], dict[str, set[str | None]]]


@pytest.fixture
def instance():
    with dg.instance_for_test() as instance:
        yield instance


@pytest.fixture
def tick(instance: dg.DagsterInstance, tmp_path: Path) -> Tick:
    """Asset -> partitions that are asked for, tick after tick."""
    definitions = build_defs(Settings.from_environment({"CLAY_HOME": str(tmp_path)}))
    cursor = [None]

    def evaluate() -> dict[str, set[str | None]]:
        result = dg.evaluate_automation_conditions(definitions, instance, cursor=cursor[0])
        cursor[0] = result.cursor
        keys = definitions.resolve_asset_graph().materializable_asset_keys
        asked = {key.to_user_string(): result.get_requested_partitions(key) for key in keys}
        return {asset: partitions for asset, partitions in asked.items() if partitions}

    return evaluate


def _report(instance: dg.DagsterInstance, tile: str, version: str = "1") -> None:
    instance.add_dynamic_partitions("mgrs_tile", [tile])
    for event in imagery_events(tile, version, {}):
        instance.report_runless_asset_event(event)


def _make(instance: dg.DagsterInstance, asset: str, partition: str | None = None) -> None:
    event = dg.AssetMaterialization(asset.split("/"), partition=partition)
    instance.report_runless_asset_event(event)


@pytest.fixture
def checkpoint(instance: dg.DagsterInstance) -> None:
    instance.add_dynamic_partitions("checkpoint", ["default"])
    _make(instance, "checkpoints", "default")


@pytest.mark.usefixtures("checkpoint")
def test_all_steps_of_a_tile_are_asked_for_together(instance: dg.DagsterInstance, tick: Tick):
    tick()
    _report(instance, "32VKM")
    assert tick() == {step: {"32VKM"} for step in STEPS}
    assert tick() == {}


@pytest.mark.usefixtures("checkpoint")
def test_tiles_registered_before_the_first_tick_are_asked_for(
    instance: dg.DagsterInstance, tick: Tick
):
    _report(instance, "32VKM")
    assert tick() == {step: {"32VKM"} for step in STEPS}


def test_without_a_checkpoint_chips_are_as_far_as_it_goes(instance: dg.DagsterInstance, tick: Tick):
    _report(instance, "32VKM")
    assert tick() == {"tiles": {"32VKM"}, "chips": {"32VKM"}}


@pytest.mark.usefixtures("checkpoint")
def test_switched_on_where_all_is_done_nothing_is_asked_for(
    instance: dg.DagsterInstance, tick: Tick
):
    _report(instance, "32VKM")
    for step in STEPS:
        _make(instance, step, "32VKM")
    for asset in ("duckdb_index", "pgvector_hnsw", "neighbour_examples", "coverage"):
        _make(instance, asset)
    assert tick() == {}
    assert tick() == {}


@pytest.mark.usefixtures("checkpoint")
def test_only_the_tile_with_new_imagery_is_asked_for(instance: dg.DagsterInstance, tick: Tick):
    for tile in ("32VKM", "32VLM"):
        _report(instance, tile)
        for step in STEPS:
            _make(instance, step, tile)
    tick()
    _report(instance, "32VLM", "2")
    asked = tick()
    assert {asset: asked.get(asset) for asset in STEPS} == {step: {"32VLM"} for step in STEPS}


@pytest.mark.usefixtures("checkpoint")
def test_the_index_over_all_tiles_follows_once(instance: dg.DagsterInstance, tick: Tick):
    _report(instance, "32VKM")
    _report(instance, "32VLM")
    tick()
    for step in STEPS:  # the other tile fails, or has no imagery
        _make(instance, step, "32VKM")
    asked = tick()
    assert asked["duckdb_index"] == asked["pgvector_hnsw"] == asked["coverage"] == {None}
    for asset in ("duckdb_index", "pgvector_hnsw", "neighbour_examples", "coverage"):
        _make(instance, asset)
    assert tick() == {}
