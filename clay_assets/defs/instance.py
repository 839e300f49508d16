"""Where Dagster keeps its own runs, events and logs: in the home folder, whoever starts it.

`dagster.yaml` names these classes. It has no conditionals, so the choice between SQLite and
PostgreSQL is made here.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dagster import DagsterInstance
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._core.storage.root import LocalArtifactStorage
from dagster._serdes import ConfigurableClass, ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage

from clay_assets.defs.sqlite_storage import SqliteStorage
from clay_assets.settings import Settings


class StorageFromEnvironment(DagsterStorage, ConfigurableClass):
    """SQLite in the home folder, or PostgreSQL when `DAGSTER_POSTGRES_URL` is set."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """No settings of its own."""
        return {}

    @classmethod
    def from_config_value(  # type: ignore[override]
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> DagsterStorage:
        """The storage that the environment asks for."""
        settings = Settings.from_environment()
        if settings.dagster_postgres_url:
            return DagsterPostgresStorage(settings.dagster_postgres_url, True, inst_data)
        return SqliteStorage.from_local(str(settings.dagster_folder), inst_data)


class ArtifactsInHome(LocalArtifactStorage):
    """Dagster's own small files, in the home folder."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """No settings of its own."""
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "ArtifactsInHome":
        """Files under the home folder of the environment."""
        return cls(str(_dagster_folder()), inst_data)


class ComputeLogsInHome(LocalComputeLogManager):
    """What steps print, in the home folder."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """No settings of its own."""
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "ComputeLogsInHome":
        """Logs under the home folder of the environment."""
        return cls(base_dir=str(_dagster_folder() / "storage"), inst_data=inst_data)


def prepare_dagster_home() -> Path:
    """The folder to use as `DAGSTER_HOME`, with this package's `dagster.yaml` in it."""
    folder = _dagster_folder()
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(Path(__file__).parents[1] / "dagster.yaml", folder / "dagster.yaml")
    return folder


def open_instance() -> DagsterInstance:
    """The instance that `dagster dev` in a checkout uses too."""
    return DagsterInstance.from_ref(InstanceRef.from_dir(str(prepare_dagster_home())))


def _dagster_folder() -> Path:
    return Settings.from_environment().dagster_folder
