"""Image sets by name: where the pictures of each lie, and what tells their labels."""

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from clay_assets.errors import InvalidValueError, NotFoundError
from clay_assets.ingest.stac_files import local_path
from clay_assets.store import Store

_FOLDER = "image_sets"
_NAME = re.compile(r"^[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.)){0,99}$")  # `..` is a range to Dagster


@dataclass(frozen=True)
class ImageSet:
    """A named folder of pictures, wherever it lies.

    >>> ImageSet("birds", "s3://bucket/birds", labels="genus_species").location
    's3://bucket/birds'
    """

    name: str
    """Partition key, and name of its files."""
    location: str
    """Folder or `s3://` prefix; everything below it belongs to the set."""
    labels: str | None = None
    """File-name rule or path of a table, as `evaluation.labels` takes it; None without labels."""

    def __post_init__(self) -> None:
        """Check what a file could not be named, and where pictures cannot be listed."""
        check_set_name(self.name)
        if local_path(self.location) is None and not self.location.startswith("s3://"):
            raise InvalidValueError(
                f"image set {self.name}: location must be a folder or an s3:// prefix, "
                f"got {self.location!r}"
            )


def check_set_name(name: str) -> str:
    """The name itself.

    Raises:
        InvalidValueError: it cannot be part of a path or a partition key.
    """
    if not _NAME.match(name):
        raise InvalidValueError(
            "the name of an image set must be up to 100 letters, digits, single dots, dashes and "
            f"underscores, a letter or digit first, got {name!r}"
        )
    return name


def image_set_of(name: str, location: str, labels: str | None = None) -> ImageSet:
    """An image set with a location that means the same from any folder."""
    path = local_path(location)
    where = location.rstrip("/") if path is None else str(path.absolute())
    return ImageSet(name, where, labels)


def write_set(store: Store, image_set: ImageSet) -> None:
    """Register an image set, in place of one of that name; nothing is written without a change."""
    if read_set_if_any(store, image_set.name) != image_set:
        store.write_bytes(_key(image_set.name), json.dumps(asdict(image_set)).encode())


def read_set(store: Store, name: str) -> ImageSet:
    """The image set of that name.

    Raises:
        NotFoundError: there is none.
    """
    found = read_set_if_any(store, name)
    if found is None:
        names = ", ".join(image_set.name for image_set in list_sets(store)) or "none yet"
        raise NotFoundError(
            f"there is no image set {name!r}; registered are: {names}. Register it: "
            f"`clay-assets images add {name} FOLDER`"
        )
    return found


def read_set_if_any(store: Store, name: str) -> ImageSet | None:
    """The image set of that name; None when there is none."""
    if not _NAME.match(name):
        return None
    try:
        return ImageSet(**json.loads(store.read_bytes(_key(name))))
    except NotFoundError:
        return None


def list_sets(store: Store) -> list[ImageSet]:
    """All image sets, by name."""
    names = [Path(file.key).name.removesuffix(".json") for file in store.files(_FOLDER)]
    return [read_set(store, name) for name in names]


def _key(name: str) -> str:
    return f"{_FOLDER}/{name}.json"
