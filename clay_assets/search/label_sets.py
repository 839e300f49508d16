"""Label sets: chips that a person gave a class, kept as `labels/{name}.geojson` in the store.

They are plain GeoJSON, so that QGIS opens them, and are read by the page, the classifier and
people. A set is written over another version only by who has seen that version.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date as Date
from typing import Any

import shapely
from shapely.errors import ShapelyError
from shapely.geometry import mapping, shape

from clay_assets.errors import ConflictError, InvalidValueError, NotFoundError
from clay_assets.provenance import content_hash
from clay_assets.store import Store

FOLDER = "labels"
MAX_LABELS = 25_000
"""Most labels of a set."""
MAX_CLASS_LENGTH = 64
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9 _.-]{0,63}$"
_LOCK = "labels"


@dataclass(frozen=True)
class Label:
    """One row of an index and what a person called it."""

    id: str
    """The row's: of a chip, or `chip_id/row/col`."""
    chip_id: str
    """Its chip."""
    name: str
    """Its class: `positive`, `negative` or any short text."""
    date: str
    """Day of its scene, `YYYY-MM-DD`."""
    mgrs: str
    """Its tile."""
    footprint: shapely.Geometry
    """Polygon, or several of them; OGC:CRS84."""


@dataclass(frozen=True)
class LabelSet:
    """Labels under a name."""

    name: str
    """Letters, digits, spaces and `_.-`."""
    product: str
    """Product whose rows they are."""
    labels: tuple[Label, ...]
    """In the order they were given."""

    @property
    def classes_by_id(self) -> dict[str, str]:
        """Row id -> class."""
        return {label.id: label.name for label in self.labels}

    def to_geojson(self) -> bytes:
        """A FeatureCollection; the same labels give the same bytes."""
        features = [
            {
                "type": "Feature",
                "geometry": mapping(label.footprint),
                "properties": {
                    "id": label.id,
                    "chip_id": label.chip_id,
                    "class": label.name,
                    "date": label.date,
                    "mgrs": label.mgrs,
                },
            }
            for label in self.labels
        ]
        head = {"type": "FeatureCollection", "name": self.name, "product": self.product}
        return json.dumps(head | {"features": features}, separators=(",", ":")).encode()


@dataclass(frozen=True)
class KeptLabels:
    """What a store says of a label set."""

    name: str
    """Its name."""
    product: str
    """Product whose rows are labelled."""
    count: int
    """Labels."""
    etag: str
    """Changes with them."""


def parse_labels(name: str, found: Any) -> LabelSet:  # noqa: ANN401
    """A label set of a GeoJSON FeatureCollection, as `LabelSet.to_geojson` writes it.

    Raises:
        InvalidValueError: it is something else; says what and where.
    """
    _check_name(name)
    if not isinstance(found, Mapping) or found.get("type") != "FeatureCollection":
        raise InvalidValueError(f"label set {name!r} must be a GeoJSON FeatureCollection")
    product, features = found.get("product"), found.get("features")
    if not isinstance(product, str) or not product:
        raise InvalidValueError(
            f"label set {name!r} must name its product in the member product, got {product!r}"
        )
    if not isinstance(features, list) or len(features) > MAX_LABELS:
        size = len(features) if isinstance(features, list) else repr(features)
        raise InvalidValueError(
            f"label set {name!r} must have a list of at most {MAX_LABELS} features, got {size}"
        )
    labels = tuple(_label(name, place, feature) for place, feature in enumerate(features))
    seen: set[str] = set()
    for label in labels:
        if label.id in seen:
            raise InvalidValueError(f"label set {name!r} has {label.id!r} twice; keep one")
        seen.add(label.id)
    return LabelSet(name, product, labels)


def read_labels(store: Store, name: str) -> LabelSet:
    """A label set of the store.

    Raises:
        NotFoundError: there is none of that name.
        InvalidValueError: the name cannot be one, or the file is no label set.
    """
    return read_labels_and_etag(store, name)[0]


def read_labels_and_etag(store: Store, name: str) -> tuple[LabelSet, str]:
    """A label set and the etag that `write_labels` asks for.

    Raises:
        NotFoundError: there is none of that name.
        InvalidValueError: the name cannot be one, or the file is no label set.
    """
    try:
        data = store.read_bytes(_key(name))
    except NotFoundError as error:
        raise NotFoundError(f"there is no label set {name!r}") from error
    try:
        found = json.loads(data)
    except ValueError as error:
        raise InvalidValueError(f"{store.url(_key(name))} is not JSON: {error}") from error
    return parse_labels(name, found), content_hash(data)


def write_labels(store: Store, labels: LabelSet, *, over: str | None = None) -> str:
    """Keep a label set; returns its etag.

    Args:
        store: where it goes.
        labels: the whole set.
        over: etag of the version that it replaces; None when there is none yet.

    Raises:
        ConflictError: the store holds another version than `over`.
    """
    data = labels.to_geojson()
    with store.one_at_a_time(_LOCK):
        _check_version(store, labels.name, over)
        store.write_bytes(_key(labels.name), data)
    return content_hash(data)


def delete_labels(store: Store, name: str, *, etag: str | None = None) -> None:
    """Delete a label set, or only that version of it.

    Raises:
        NotFoundError: there is none of that name.
        ConflictError: the store holds another version than `etag`.
    """
    with store.one_at_a_time(_LOCK):
        if not store.exists(_key(name)):
            raise NotFoundError(f"there is no label set {name!r}")
        if etag is not None:
            _check_version(store, name, etag)
        store.delete([_key(name)])


def list_labels(store: Store) -> list[KeptLabels]:
    """The label sets of a store by name.

    Raises:
        InvalidValueError: a file among them is no label set.
    """
    kept = []
    for file in store.entries(FOLDER)[1]:
        name = file.key.removeprefix(f"{FOLDER}/").removesuffix(".geojson")
        if re.fullmatch(NAME_PATTERN, name) and file.key == _key(name):
            labels, etag = read_labels_and_etag(store, name)
            kept.append(KeptLabels(name, labels.product, len(labels.labels), etag))
    return kept


def _check_version(store: Store, name: str, seen: str | None) -> None:
    held = content_hash(store.read_bytes(_key(name))) if store.exists(_key(name)) else None
    if held == seen:
        return
    if held is None:
        raise ConflictError(f"label set {name!r} was deleted since; save it as a new one")
    raise ConflictError(
        f"there is another version of label set {name!r}, {held}; read it first, then save over "
        "it, or choose another name"
    )


def _key(name: str) -> str:
    _check_name(name)
    return f"{FOLDER}/{name}.geojson"


def _check_name(name: str) -> None:
    if not re.fullmatch(NAME_PATTERN, name):
        raise InvalidValueError(
            "a label set's name must be 1 to 64 letters, digits, spaces and _.- with a letter or "
            f"digit first, got {name!r}"
        )


def _label(name: str, place: int, feature: Any) -> Label:  # noqa: ANN401
    def refuse(text: str) -> InvalidValueError:
        return InvalidValueError(f"label set {name!r}, feature {place}: {text}")

    if not isinstance(feature, Mapping) or feature.get("type") != "Feature":
        raise refuse("is no GeoJSON feature")
    said = feature.get("properties")
    texts = said if isinstance(said, Mapping) else {}
    for key in ("id", "chip_id", "class", "date", "mgrs"):
        if not isinstance(texts.get(key), str) or not texts[key]:
            raise refuse(f"property {key} must be a text, got {texts.get(key)!r}")
    if len(texts["class"]) > MAX_CLASS_LENGTH:
        raise refuse(
            f"class must have at most {MAX_CLASS_LENGTH} letters, got {len(texts['class'])}"
        )
    try:
        Date.fromisoformat(texts["date"])
    except ValueError as error:
        raise refuse(f"date must be YYYY-MM-DD, got {texts['date']!r}") from error
    try:
        footprint = shape(feature.get("geometry"))
    except (ShapelyError, AttributeError, TypeError, ValueError, LookupError) as error:
        raise refuse(f"geometry cannot be read: {error}") from error
    if footprint.geom_type not in ("Polygon", "MultiPolygon") or footprint.is_empty:
        raise refuse(f"geometry must be a Polygon or MultiPolygon, got {footprint.geom_type}")
    return Label(
        texts["id"], texts["chip_id"], texts["class"], texts["date"], texts["mgrs"], footprint
    )
