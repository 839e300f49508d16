"""Which pictures an image set has now, known from their names and etags alone."""

from dataclasses import dataclass
from pathlib import PurePosixPath

from clay_assets.errors import NotFoundError
from clay_assets.ingest.stac_files import local_path
from clay_assets.ingest.sweep import watched_store
from clay_assets.provenance import fingerprint
from clay_assets.store import Store, StoredFile

SUFFIXES = frozenset(".jpg .jpeg .jfif .png .tif .tiff .webp .gif .bmp .ppm .pgm .jp2".split())
"""Endings of the files that count as pictures, in small or capital letters."""
WITHDRAWN = "withdrawn"
"""Version of a set without pictures."""


@dataclass(frozen=True)
class ListedImage:
    """A picture that is there."""

    filename: str
    """Path below the set's location, with forward slashes; its key there too."""
    etag: str
    """Changes when the file does."""
    size: int
    """Bytes."""


@dataclass(frozen=True)
class ImageListing:
    """The pictures of a set."""

    place: Store
    """The set's location."""
    images: tuple[ListedImage, ...]
    """Sorted by file name."""
    others: int
    """Files that are no pictures by their names; they are left alone."""

    @property
    def version(self) -> str:
        """Fingerprint of every name, size and etag; changes with any picture."""
        if not self.images:
            return WITHDRAWN
        return fingerprint([(image.filename, image.size, image.etag) for image in self.images])


def list_images(location: str) -> ImageListing:
    """The pictures below a location, however deep they lie; hidden files are left out.

    Args:
        location: folder or `s3://` prefix.

    Raises:
        NotFoundError: there is no such folder.
        StoreError: it cannot be listed.
    """
    place = place_of(location)
    return listing_of(place, place.files())


def place_of(location: str) -> Store:
    """A folder or prefix as a store to read from.

    Raises:
        NotFoundError: there is no such folder.
    """
    path = local_path(location)
    if path is not None and not path.is_dir():
        raise NotFoundError(f"{path} is not a folder; images are looked for in one, or in s3://")
    return watched_store(location)


def listing_of(place: Store, files: list[StoredFile], prefix: str = "") -> ImageListing:
    """The pictures among some files, named from below the folder `prefix` on."""
    images = [
        ListedImage(file.key.removeprefix(prefix), file.etag, file.size)
        for file in files
        if is_image(file.key.removeprefix(prefix))
    ]
    return ImageListing(place, tuple(sorted(images, key=_filename)), len(files) - len(images))


def is_image(filename: str) -> bool:
    """Whether a file counts as a picture by its name.

    >>> is_image("birds/Parus_major_1.JPG"), is_image("birds/._Parus_major_1.JPG")
    (True, False)
    """
    path = PurePosixPath(filename)
    hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
    return path.suffix.lower() in SUFFIXES and not hidden


def _filename(image: ListedImage) -> str:
    return image.filename
