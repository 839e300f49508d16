"""Which image sets a watched place holds, and which of them have changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from clay_assets.errors import InvalidValueError
from clay_assets.images.listing import WITHDRAWN, is_image, listing_of, place_of
from clay_assets.images.sets import (
    check_set_name,
    image_set_of,
    read_set_if_any,
    write_set,
)
from clay_assets.store import Store


@dataclass(frozen=True)
class SetChange:
    """An image set whose pictures are not what they were."""

    name: str
    """Name of the set."""
    location: str
    """Its folder or prefix."""
    version: str
    """Fingerprint of its pictures' names, sizes and etags."""
    images: int
    """How many there are; 0 when all were deleted."""


@dataclass(frozen=True)
class SetsLook:
    """What one look found."""

    changes: tuple[SetChange, ...]
    """New, changed and vanished sets."""
    versions: dict[str, str]
    """Set -> version, to begin the next look with once the changes are recorded."""
    images: int
    """Pictures that were listed."""
    strange: tuple[str, ...]
    """Folders whose names cannot be those of a set, and are ignored."""


def look_for_sets(location: str, versions: Mapping[str, str]) -> SetsLook:
    """Compare a place with what was there at the last look.

    The place is one set where it holds pictures itself, else each folder in it is one. That a set
    has changed is told by names, sizes and etags, never by a time: nothing is missed that is
    written late, twice or within the same second.

    Args:
        location: folder or `s3://` prefix.
        versions: of the last look; empty at first.

    Raises:
        NotFoundError: there is no such folder.
        InvalidValueError: it is one set, and its name cannot be that of a set.
        StoreError: it cannot be listed.
    """
    place = place_of(location)
    root = place.root.rstrip("/")
    prefixes, strange = _sets_of(place)
    now: dict[str, str] = {}
    changes, images = [], 0
    for name, prefix in prefixes.items():
        listing = listing_of(place, place.files(prefix.rstrip("/")), prefix)
        images += len(listing.images)
        if listing.images:
            now[name] = listing.version
        if now.get(name) != versions.get(name):
            where = f"{root}/{prefix}".rstrip("/")
            changes.append(SetChange(name, where, listing.version, len(listing.images)))
    gone = sorted(versions.keys() - prefixes.keys())
    changes += [SetChange(name, f"{root}/{name}", WITHDRAWN, 0) for name in gone]
    return SetsLook(tuple(changes), now, images, tuple(strange))


def _sets_of(place: Store) -> tuple[dict[str, str], list[str]]:
    """Set -> prefix of its pictures' keys, and the folders that are none."""
    folders, files = place.entries()
    if any(is_image(file.key) for file in files):
        return {check_set_name(PurePosixPath(place.root).name): ""}, []
    prefixes = {folder: f"{folder}/" for folder in folders if _is_set_name(folder)}
    return prefixes, [folder for folder in folders if folder not in prefixes]


def register_sets(store: Store, changes: Sequence[SetChange]) -> tuple[SetChange, ...]:
    """Register new sets; one of that name that a person took from elsewhere is left alone.

    Returns:
        The changes that are of interest.

    Raises:
        StoreError: a set cannot be written.
    """
    of_interest = []
    for change in changes:
        image_set = image_set_of(change.name, change.location)
        known = read_set_if_any(store, change.name)
        if known is None and change.images:
            write_set(store, image_set)
        elif known is None or known.location != image_set.location:
            continue
        of_interest.append(change)
    return tuple(of_interest)


def _is_set_name(folder: str) -> bool:
    try:
        check_set_name(folder)
    except InvalidValueError:
        return False
    return True
