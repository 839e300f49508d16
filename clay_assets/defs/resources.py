"""Resources: the store, the database, the device. Places and secrets, nothing that computes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from clay_assets.search.postgres import postgres_server
from clay_assets.settings import Settings
from clay_assets.store import Store


class StoreResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The folder or bucket that holds every asset's files."""

    root: str
    cache: str

    def open(self) -> Store:
        """The store."""
        return Store(self.root, Path(self.cache))


class DatabaseResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """PostgreSQL with pgvector: one of your own, or the embedded server."""

    url: str | None = None
    """None for the embedded server."""
    folder: str

    @contextmanager
    def running(self) -> Iterator[str]:
        """URL of a server that runs while the block does."""
        with postgres_server(self.url, Path(self.folder)) as url:
            yield url


class DeviceResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where networks run."""

    name: str = "auto"
    precision: str = "fp32"


def resources_of(settings: Settings) -> dict[str, dg.ConfigurableResource]:  # type: ignore[type-arg]
    """Resources of one installation; the database's URL stays out of what the UI shows."""
    return {
        "store": StoreResource(root=settings.data_root, cache=str(settings.cache)),
        "database": DatabaseResource(
            url=dg.EnvVar("CLAY_POSTGRES_URL") if settings.postgres_url else None,
            folder=str(settings.postgres_folder),
        ),
        "device": DeviceResource(name=settings.device, precision=settings.precision),
    }
