"""Dagster's instance lies in the home folder, whoever opens it."""

from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage

import clay_assets
from clay_assets.defs.instance import open_instance

CHECKOUT = Path(clay_assets.__file__).parents[1]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CLAY_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.delenv("DAGSTER_POSTGRES_URL", raising=False)
    return tmp_path / "home"


def test_what_one_process_records_another_reads(home: Path):
    with open_instance() as instance:
        instance.add_dynamic_partitions("mgrs_tile", ["32VKM"])
    with open_instance() as instance:
        assert instance.get_dynamic_partitions("mgrs_tile") == ["32VKM"]
    assert (home / "dagster" / "history").is_dir()


def test_the_checkouts_dagster_yaml_uses_the_same_home(home: Path, tmp_path: Path):
    with open_instance() as instance:
        instance.add_dynamic_partitions("mgrs_tile", ["32VKM"])
    # What `dagster dev` does in a checkout when DAGSTER_HOME is not set.
    ref = dg._core.instance.InstanceRef.from_dir(str(tmp_path / "temp"), config_dir=str(CHECKOUT))
    with dg.DagsterInstance.from_ref(ref) as instance:
        assert instance.get_dynamic_partitions("mgrs_tile") == ["32VKM"]


def test_the_instance_frees_pool_slots_of_killed_runs():
    settings = yaml.safe_load((CHECKOUT / "dagster.yaml").read_text())
    assert settings["run_monitoring"]["free_slots_after_run_end_seconds"] == 60
    assert settings["telemetry"]["enabled"] is False


def test_dagsters_own_storage_reads_what_ours_wrote(home: Path):
    with open_instance() as instance:
        for version in ("1", "2"):
            tags = {"dagster/data_version": version}
            event = dg.AssetMaterialization("chips", partition="32VKM", tags=tags)
            instance.report_runless_asset_event(event)
        ours = instance.fetch_materializations(dg.AssetKey("chips"), limit=10).records
    theirs = DagsterSqliteStorage.from_local(str(home / "dagster")).event_log_storage
    found = theirs.fetch_materializations(dg.AssetKey("chips"), limit=10).records
    assert found == ours
    assert [record.asset_materialization.tags["dagster/data_version"] for record in found] == [
        "2",
        "1",
    ]
