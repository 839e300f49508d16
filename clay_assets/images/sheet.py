"""The sheet of an image set: some pictures, each with its nearest ones."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from PIL import Image

from clay_assets.errors import ImageError, NotFoundError, StoreError
from clay_assets.images.decoding import open_image
from clay_assets.images.file import read_image_metadata, set_key
from clay_assets.images.listing import place_of
from clay_assets.images.neighbours import ImageNeighbours, SheetSettings, image_neighbours
from clay_assets.pictures import Captioned, image_sheet_png
from clay_assets.provenance import fingerprint
from clay_assets.store import Store

SHEET_VERSION = "1"
"""Raised when the same embeddings would give another sheet."""
_SHOWN_PX = 256
"""Most pixels of a side that are kept of a picture."""


@dataclass(frozen=True)
class Sheet:
    """A sheet of neighbours."""

    png: bytes
    """The picture."""
    key: str
    """Where it lies."""
    neighbours_key: str
    """Where the same lies as JSON."""


def write_sheet(store: Store, product: str, image_set: str, settings: SheetSettings) -> Sheet:
    """Draw the sheet of an image set, unless it is there already, of the same embeddings.

    Args:
        store: with the set's embeddings.
        product: name of the product, which gives one vector a picture.
        image_set: name of the set.
        settings: which pictures, and how near is measured.

    Raises:
        NotFoundError: the set has no embeddings of that product, or not that of a named file.
        ProductError: the product gives many vectors a picture.
        StoreError: the sheet could not be written.
    """
    metadata = read_image_metadata(store, set_key(product, image_set))
    key, json_key = (set_key(product, image_set, f"_knn.{kind}") for kind in ("png", "json"))
    made_from = fingerprint(SHEET_VERSION, metadata.data_version, asdict(settings))
    if _made_from(store, json_key) == made_from and store.exists(key):
        return Sheet(store.read_bytes(key), key, json_key)
    found = image_neighbours(store, product, image_set, settings)
    images = _Images(place_of(metadata.location))
    png = image_sheet_png([_row(images, one, settings) for one in found])
    store.write_bytes(key, png)
    facts = {
        "made_from": made_from,
        "product": product,
        "image_set": image_set,
        **asdict(settings),
        "examples": [one.to_json() for one in found],
    }
    store.write_bytes(json_key, json.dumps(facts, indent=1).encode())
    return Sheet(png, key, json_key)


@dataclass(frozen=True)
class _Images:
    """The pictures of a set by file name."""

    place: Store

    def shown(self, filename: str) -> tuple[Image.Image, str]:
        """A small picture; a black one with a word in place of one that is gone by now."""
        try:
            image = open_image(self.place.read_bytes(filename), filename).image
        except (NotFoundError, StoreError, ImageError):
            return Image.new("RGB", (_SHOWN_PX, _SHOWN_PX)), "gone: "
        image.thumbnail((_SHOWN_PX, _SHOWN_PX), Image.Resampling.BOX)
        return image, ""


def _row(images: _Images, found: ImageNeighbours, settings: SheetSettings) -> Sequence[Captioned]:
    near = [(one.filename, f"d={one.distance:.3f}") for one in found.neighbours]
    queried = [] if settings.include_self else [(found.query, "query")]
    row = []
    for filename, title in [*queried, *near]:
        image, gone = images.shown(filename)
        row.append(Captioned(image, title, gone + filename))
    return row


def _made_from(store: Store, key: str) -> str | None:
    try:
        found: str | None = json.loads(store.read_bytes(key)).get("made_from")
    except (NotFoundError, ValueError):
        return None
    return found
