"""What is missing or misconfigured on this machine, with the remedy."""

import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import Literal

import psutil
import psycopg
import torch
from packaging.requirements import Requirement

from clay_assets.embeddings import load_products
from clay_assets.errors import ClayAssetsError
from clay_assets.search.postgres import postgres_server
from clay_assets.settings import Settings
from clay_assets.store import free_bytes

NEEDED_DISK_BYTES = 5 << 30
NEEDED_MEMORY_BYTES = 4 << 30
PGVECTOR_MINIMUM = (0, 8, 0)

Grade = Literal["ok", "note", "wrong"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    name: str
    """What was looked at."""
    grade: Grade
    """`ok`, `note` (works, but could be better) or `wrong` (must be mended)."""
    found: str
    """What was found."""
    remedy: str = ""
    """What to do about it."""


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at everything the platform needs, one finding after the other."""
    yield _python()
    yield from _packages()
    yield _device(settings)
    yield _memory()
    yield _disk(settings)
    checks: tuple[Callable[[Settings], Finding], ...] = (_data_root, _database, _products)
    for check in checks:
        yield check(settings)


def _python() -> Finding:
    return Finding("Python", "ok", f"{platform.python_version()} at {sys.executable}")


def _packages() -> Iterator[Finding]:
    """One finding for all packages that fit, one for each that does not."""
    wrong = 0
    for text in metadata.requires("clay_assets") or []:
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            version = "missing"
        if version == "missing" or not requirement.specifier.contains(version, prereleases=True):
            wrong += 1
            yield Finding(
                requirement.name,
                "wrong",
                f"{version}, needs {requirement.specifier}",
                "pip install -c constraints.txt clay_assets",
            )
    if not wrong:
        yield Finding("packages", "ok", "all versions fit")


def _device(settings: Settings) -> Finding:
    wanted = settings.device
    if torch.cuda.is_available():
        return Finding("GPU", "ok", torch.cuda.get_device_name(0))
    if wanted == "cuda":
        return Finding(
            "GPU",
            "wrong",
            "CLAY_DEVICE=cuda, but torch sees no CUDA device",
            "unset CLAY_DEVICE, or install a driver and a CUDA build of torch",
        )
    if torch.backends.mps.is_available():
        return Finding("GPU", "ok", "Apple GPU (set CLAY_DEVICE=mps)")
    return Finding(
        "GPU",
        "note",
        f"none; torch {torch.__version__} on {torch.get_num_threads()} CPU threads",
        "fine for the demo; large checkpoints want a CUDA device",
    )


def _memory() -> Finding:
    free = psutil.virtual_memory().available
    text = f"{free / 2**30:.1f} GiB free"
    if free < NEEDED_MEMORY_BYTES:
        return Finding("memory", "note", text, "close other programs; 4 GiB are comfortable")
    return Finding("memory", "ok", text)


def _disk(settings: Settings) -> Finding:
    free = free_bytes(settings.home)
    text = f"{free / 2**30:.0f} GiB free for {settings.home}"
    if free < NEEDED_DISK_BYTES:
        return Finding(
            "disk", "wrong", text, "free at least 5 GiB, or set CLAY_HOME to another disk"
        )
    return Finding("disk", "ok", text)


def _data_root(settings: Settings) -> Finding:
    """Write, read and delete a file, as every asset does."""
    store, key = settings.store, ".doctor"
    try:
        store.write_bytes(key, b"well")
        store.read_bytes(key)
        store.delete([key])
    except (ClayAssetsError, OSError) as error:
        return Finding(
            "data root",
            "wrong",
            str(error),
            "check CLAY_DATA_ROOT and, for s3://, AWS_ENDPOINT_URL and the credentials",
        )
    return Finding("data root", "ok", f"{settings.data_root} can be written")


def _database(settings: Settings) -> Finding:
    where = "CLAY_POSTGRES_URL" if settings.postgres_url else "embedded server"
    try:
        with (
            postgres_server(settings.postgres_url, settings.postgres_folder) as url,
            psycopg.connect(url) as connection,
        ):
            row = connection.execute(
                "SELECT default_version FROM pg_available_extensions WHERE name = 'vector'"
            ).fetchone()
            server = connection.info.server_version // 10_000
    except (ClayAssetsError, psycopg.Error) as error:
        return Finding("PostgreSQL", "wrong", str(error), "start the server, or unset the URL")
    if row is None:
        return Finding("PostgreSQL", "wrong", f"{where}: no pgvector", "install pgvector 0.8")
    version = tuple(int(part) for part in row[0].split("."))
    found = f"{where}: PostgreSQL {server}, pgvector {row[0]}"
    if version < PGVECTOR_MINIMUM:
        return Finding("PostgreSQL", "wrong", found, "install pgvector 0.8.0 or newer")
    return Finding("PostgreSQL", "ok", found)


def _products(settings: Settings) -> Finding:
    where = settings.products_file or "the packaged file"
    try:
        products = load_products(settings.products_file)
    except (ClayAssetsError, OSError) as error:
        return Finding("products", "wrong", str(error), f"mend {where}")
    return Finding("products", "ok", f"{', '.join(products)} of {where}")
