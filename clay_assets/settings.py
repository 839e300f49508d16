"""Every environment variable the package reads, in one table, with its default.

Nothing here is read at import: `Settings.from_environment` is called by the definitions, the
command line and the page when they start.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from clay_assets.errors import InvalidValueError

if TYPE_CHECKING:
    from clay_assets.store import Store

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("fp32", "bf16", "int8")
MIN_WATCH_SECONDS = 5
"""Dagster does not look more often."""
MAX_UPLOAD_MB = 16
"""Most megabytes of a request's body by default: a chip of 13 bands and 512 px has 14."""

ENVIRONMENT: dict[str, str] = {
    "CLAY_HOME": "folder of everything kept on this machine; default `~/.clay_assets`",
    "CLAY_DATA_ROOT": "where assets are stored: a folder or `s3://bucket/prefix`; "
    "default `$CLAY_HOME/data`",
    "CLAY_IMAGERY": "where imagery comes from: a STAC API or a collection of one, an item, "
    "catalogue or stac-geoparquet file, or a folder or `s3://` prefix of items or of ready chips; "
    "default: a synthetic landscape, generated in `$CLAY_HOME/synthetic`",
    "CLAY_WATCH": "seconds between two looks at `CLAY_IMAGERY` for new scenes or chips, and at "
    "`CLAY_IMAGES` for new images, which are then processed without a person; default: the "
    "sensors wait to be switched on in the UI",
    "CLAY_AOI": "area whose tiles are watched in a STAC API: a vector file, or "
    "`west,south,east,north`; default: the tiles that are registered",
    "CLAY_IMAGERY_QUEUE_URL": "SQS queue with the object events of the `CLAY_IMAGERY` bucket; "
    "default: the bucket is listed",
    "CLAY_IMAGES": "folder or `s3://` prefix with one folder an image set, or with the images of "
    "one; default: the sets that are registered by `clay-assets images add`",
    "CLAY_PRODUCTS": "TOML file that declares the embedding products; default: the packaged one",
    "CLAY_POSTGRES_URL": "`postgresql://user:password@host:port/database` with pgvector 0.8 or "
    "newer; default: an embedded server in `$CLAY_HOME/postgres`",
    "CLAY_DEVICE": f"one of {', '.join(DEVICES)}; default `auto`",
    "CLAY_PRECISION": f"one of {', '.join(PRECISIONS)}; default `fp32`",
    "CLAY_API_TOKEN": "secret that whoever uses the page or the API must show, as "
    "`Authorization: Bearer ...` or on the page's own form; default: nobody is asked",
    "CLAY_API_ORIGINS": "other sites whose pages may ask the API, `https://host` with commas "
    "between them, or `*` for all; default: none",
    "CLAY_API_RATE": "most questions a minute and client; 20 pictures count as one; "
    "default: no limit",
    "CLAY_API_MAX_UPLOAD_MB": f"most megabytes of one request; default `{MAX_UPLOAD_MB}`",
    "CLAY_BASEMAP_URL": "web map under the footprints, `https://host/{z}/{x}/{y}.png`; "
    "default: none, the page then works offline",
    "DAGSTER_POSTGRES_URL": "PostgreSQL database for Dagster's own runs and events; "
    "default: SQLite in `$CLAY_HOME/dagster`",
    "PC_SDK_SUBSCRIPTION_KEY": "key of the Planetary Computer, which then signs more; "
    "`PC_SDK_SAS_URL` is another place than its own to ask for tokens",
    "AWS_ENDPOINT_URL": "S3 endpoint other than Amazon's; `AWS_ACCESS_KEY_ID`, "
    "`AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN` and `AWS_REGION` are read as everywhere",
}
"""Variable -> meaning and default; the README prints this table."""


@dataclass(frozen=True)
class ApiSettings:
    """Who may ask the page's server, and how much."""

    token: str | None = field(default=None, repr=False)
    """What clients must show; None when nobody is asked."""
    origins: tuple[str, ...] = ()
    """Other sites whose pages may ask."""
    rate: int | None = None
    """Most questions a minute and client; None for no limit."""
    max_upload_mb: int = MAX_UPLOAD_MB
    """Most megabytes of one request."""
    basemap_url: str | None = None
    """Web map under the footprints; None for none."""


@dataclass(frozen=True)
class Settings:
    """Places and devices of one installation."""

    home: Path
    """Folder of everything kept on this machine."""
    data_root: str
    """Folder or `s3://` URL of the assets' files."""
    imagery: str | None
    """Where imagery comes from; None for the synthetic landscape."""
    watch_seconds: int | None
    """Time between two looks for new imagery; None when nobody asked to watch."""
    aoi: str | None
    """Area whose tiles are watched; None for those that are registered."""
    queue_url: str | None
    """SQS queue of the imagery bucket's events; None to list it."""
    images: str | None
    """Where image sets are looked for; None for those that are registered."""
    products_file: Path | None
    """TOML file of the products; None for the packaged one."""
    postgres_url: str | None
    """Server of the pgvector index; None for the embedded one."""
    device: str
    """One of `DEVICES`."""
    precision: str
    """One of `PRECISIONS`."""
    dagster_postgres_url: str | None
    """Dagster's own database; None for SQLite."""
    api: ApiSettings = ApiSettings()
    """Who may ask the page's server, and how much."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Settings of `environ`, the process's environment by default; empty counts as unset.

        Raises:
            InvalidValueError: a variable has a value that is not allowed.
        """
        environ = os.environ if environ is None else environ

        def value(name: str) -> str | None:
            return environ.get(name, "").strip() or None

        home = Path(value("CLAY_HOME") or Path.home() / ".clay_assets").expanduser().absolute()
        products = value("CLAY_PRODUCTS")
        return cls(
            home=home,
            data_root=value("CLAY_DATA_ROOT") or str(home / "data"),
            imagery=value("CLAY_IMAGERY"),
            watch_seconds=_seconds("CLAY_WATCH", value("CLAY_WATCH")),
            aoi=value("CLAY_AOI"),
            queue_url=value("CLAY_IMAGERY_QUEUE_URL"),
            images=value("CLAY_IMAGES"),
            products_file=Path(products).expanduser().absolute() if products else None,
            postgres_url=value("CLAY_POSTGRES_URL"),
            device=_one_of("CLAY_DEVICE", value("CLAY_DEVICE") or "auto", DEVICES),
            precision=_one_of("CLAY_PRECISION", value("CLAY_PRECISION") or "fp32", PRECISIONS),
            dagster_postgres_url=value("DAGSTER_POSTGRES_URL"),
            api=ApiSettings(
                token=value("CLAY_API_TOKEN"),
                origins=_origins(value("CLAY_API_ORIGINS")),
                rate=_count("CLAY_API_RATE", value("CLAY_API_RATE")),
                max_upload_mb=_count("CLAY_API_MAX_UPLOAD_MB", value("CLAY_API_MAX_UPLOAD_MB"))
                or MAX_UPLOAD_MB,
                basemap_url=_basemap(value("CLAY_BASEMAP_URL")),
            ),
        )

    @property
    def cache(self) -> Path:
        """Folder of copies of remote files; safe to delete."""
        return self.home / "cache"

    @property
    def store(self) -> "Store":
        """The store of the assets' files."""
        from clay_assets.store import Store  # not above: `models` needs settings, and no store

        return Store(self.data_root, self.cache)

    @property
    def synthetic_folder(self) -> Path:
        """Folder of the generated landscape."""
        return self.home / "synthetic"

    @property
    def dagster_folder(self) -> Path:
        """Folder of Dagster's runs, events and logs."""
        return self.home / "dagster"

    @property
    def postgres_folder(self) -> Path:
        """Data folder of the embedded PostgreSQL server."""
        return self.home / "postgres"


def _seconds(name: str, found: str | None) -> int | None:
    if found is None:
        return None
    if not found.isdigit() or int(found) < MIN_WATCH_SECONDS:
        raise InvalidValueError(
            f"{name} must be whole seconds, at least {MIN_WATCH_SECONDS}, got {found!r}"
        )
    return int(found)


def _count(name: str, found: str | None) -> int | None:
    if found is None:
        return None
    if not found.isdigit() or int(found) < 1:
        raise InvalidValueError(f"{name} must be a whole number, at least 1, got {found!r}")
    return int(found)


def _origins(found: str | None) -> tuple[str, ...]:
    origins = tuple(origin.strip().rstrip("/") for origin in (found or "").split(",") if origin)
    for origin in origins:
        if origin != "*" and not re.fullmatch(r"https?://[^/*\s]+", origin):
            raise InvalidValueError(
                "CLAY_API_ORIGINS must be sites like https://host or http://host:8000, with "
                f"commas between them, or *, got {origin!r}"
            )
    return origins


def _basemap(found: str | None) -> str | None:
    if found is not None and not (
        re.match(r"https?://[^/\s]+/", found) and all(f"{{{k}}}" in found for k in "zxy")
    ):
        raise InvalidValueError(
            "CLAY_BASEMAP_URL must be a web map's address with {z}, {x} and {y}, like "
            f"https://host/{{z}}/{{x}}/{{y}}.png, got {found!r}"
        )
    return found


def _one_of(name: str, found: str, allowed: tuple[str, ...]) -> str:
    if found.lower() not in allowed:
        raise InvalidValueError(f"{name} must be one of {', '.join(allowed)}, got {found!r}")
    return found.lower()
