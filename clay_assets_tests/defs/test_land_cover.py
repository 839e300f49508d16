"""The asset `tile_sample`, for real, on tiny WorldCover files."""

from pathlib import Path
from typing import Any

import dagster as dg
import geopandas
import pytest

from clay_assets.defs.land_cover import TileSampleConfig, tile_sample
from clay_assets.defs.resources import StoreResource
from clay_assets.landcover import PRESETS, SAMPLE_KEY
from clay_assets.store import Store
from clay_assets_tests.landcover.making import write_cell


@pytest.fixture
def worldcover(tmp_path: Path) -> str:
    folder = tmp_path / "worldcover"
    write_cell(folder, "N00E006", 10)
    write_cell(folder, "N03E006", 95)
    return str(folder)


def _materialize(
    store: Store, instance: dg.DagsterInstance, *, succeeds: bool = True, **config: Any
) -> dg.ExecuteInProcessResult:
    result = dg.materialize(
        [tile_sample],
        resources={"store": StoreResource(root=store.root, cache=str(store.cache))},
        run_config={"ops": {"tile_sample": {"config": {"overview": -1, **config}}}},
        instance=instance,
        raise_on_error=False,
    )
    assert result.success == succeeds
    return result


def _message(result: dg.ExecuteInProcessResult) -> str:
    (event,) = result.get_step_failure_events()
    return str(event.step_failure_data.user_failure_data.description)


def test_a_sample_is_drawn_and_shown(store: Store, worldcover: str):
    criteria = [{"column": "mangroves", "sample": 2, "pool": 4}]
    with dg.instance_for_test() as instance:
        result = _materialize(
            store, instance, worldcover=worldcover, tiles=["32NLG", "32NMH"], criteria=criteria
        )
        assert not instance.get_dynamic_partitions("mgrs_tile")
    (event,) = result.asset_materializations_for_node("tile_sample")
    assert event.metadata["map"].md_str.startswith("![](data:image/png;base64,")
    assert event.metadata["tiles by mangroves"].value == 2
    assert event.metadata["skipped"].value is False
    assert event.tags["dagster/data_version"]
    assert sorted(geopandas.read_parquet(store.url(SAMPLE_KEY))["mgrs"]) == ["32NLG", "32NMH"]


def test_sampled_tiles_of_an_area_become_partitions(store: Store, worldcover: str):
    criteria = [{"column": "count", "sample": 1, "pool": 1}]
    with dg.instance_for_test() as instance:
        config = {"worldcover": worldcover, "area": "7.0,1.0,7.2,1.2", "criteria": criteria}
        _materialize(store, instance, add_partitions=True, **config)
        assert instance.get_dynamic_partitions("mgrs_tile") == ["32NKG"]
        again = _materialize(store, instance, add_partitions=True, **config)
    (event,) = again.asset_materializations_for_node("tile_sample")
    assert event.metadata["skipped"].value is True


def test_too_few_tiles_for_a_preset_are_said(store: Store, worldcover: str):
    with dg.instance_for_test() as instance:
        result = _materialize(store, instance, worldcover=worldcover, tiles=["32NLG"])
    (event,) = result.asset_materializations_for_node("tile_sample")
    assert len(event.metadata["shortages"].value) == 12


def test_the_default_is_clays_newer_preset_on_its_overview():
    request = TileSampleConfig().request()
    assert request.criteria == PRESETS["v0.2"].criteria
    assert (request.seed, request.overview, request.tiles) == (23, 3, ())


def test_a_seed_of_ones_own_takes_the_place_of_the_presets():
    request = TileSampleConfig(preset="v0.1", seed=7).request()
    assert request.seed == 7
    assert request.criteria == PRESETS["v0.1"].criteria


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"preset": "v9"}, "preset must be one of v0.1, v0.2, got 'v9'"),
        ({"tiles": ["32NLG"], "area": "7,1,8,2"}, "not both; got 1 tiles and '7,1,8,2'"),
        ({"tiles": ["32NLG"], "worldcover": "/nowhere"}, "/nowhere has no WorldCover file"),
    ],
)
def test_what_makes_no_sense_fails_with_the_reason(store: Store, config, message: str):
    with dg.instance_for_test() as instance:
        result = _materialize(store, instance, succeeds=False, **config)
    assert message in _message(result)
