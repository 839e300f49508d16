"""Checkpoints in the graph: imported files and what is told about them."""

from pathlib import Path

import dagster as dg
import pytest

from clay_assets.defs.checkpoints import checkpoints
from clay_assets.defs.resources import DeviceResource, StoreResource
from clay_assets.store import Store


def imported(store: Store, config: dict, *, succeeds: bool = True) -> dg.ExecuteInProcessResult:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("checkpoint", ["mine"])
        result = dg.materialize(
            [checkpoints],
            partition_key="mine",
            instance=instance,
            resources={
                "store": StoreResource(root=store.root, cache=str(store.cache)),
                "device": DeviceResource(),
            },
            run_config={"ops": {"checkpoints": {"config": config}}},
            raise_on_error=False,
        )
    assert result.success == succeeds
    return result


def metadata_of(result: dg.ExecuteInProcessResult) -> dict:
    (event,) = result.get_asset_materialization_events()
    return {name: value.value for name, value in event.materialization.metadata.items()}


def test_an_import_tells_family_size_licence_and_source(store: Store, goldens: Path):
    path = str(goldens / "vectorgeo_test.safetensors")
    found = metadata_of(imported(store, {"source": path, "options": ["normalize"]}))
    assert found["family"] == "triplet"
    assert found["model"] == "vectorgeo-triplet"
    assert found["dimensions"] == 16
    assert found["parameters"] == 320_216
    assert found["licence"].startswith("none published")
    assert found["source"] == path


def test_a_size_that_was_never_released_takes_its_heads_from_the_run(store: Store, goldens: Path):
    path = str(goldens / "clay_v1_tiny.ckpt")
    found = metadata_of(imported(store, {"source": path, "heads": [2, 2]}))
    assert (found["family"], found["size"], found["dimensions"]) == ("clay_v1", "of its own", 64)
    assert "licence" not in found


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"heads": [2]}, "heads must be two numbers"),
        ({}, "heads cannot be read from tensors"),
        ({"heads": [2, 2], "options": ["normalize"]}, "option normalize says nothing"),
    ],
)
def test_a_run_that_cannot_import_says_why(store: Store, goldens: Path, config, message: str):
    source = {"source": str(goldens / "clay_v1_tiny.ckpt")}
    result = imported(store, source | config, succeeds=False)
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert message in str(failure.event_specific_data)
    assert store.files() == []
