"""Search by a picture: what a product's encoder makes of a picture that is no chip of the store.

The encoder is the one that made the product's newest embeddings, so what comes out can be compared
with them; it is loaded once and kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date as Date
from threading import Lock

import numpy as np
import numpy.typing as npt
import shapely

from clay_assets.chips import read_manifest
from clay_assets.chips.manifest import manifest_rows
from clay_assets.embeddings.encoder import ChipEncoder, load_encoder
from clay_assets.embeddings.file import FileMetadata, read_metadata
from clay_assets.embeddings.listing import files_of
from clay_assets.embeddings.products import Product
from clay_assets.embeddings.projection import load_projection
from clay_assets.embeddings.suiting import kind_of
from clay_assets.errors import ChipError, InvalidValueError, ProductError, SearchError
from clay_assets.ingest.footprint import cell_footprints_wgs84, centre_wgs84, footprint_wgs84
from clay_assets.models.token_encoder import ChipKind, Place
from clay_assets.search.picture_reading import Ground, ShownChip, read_picture
from clay_assets.store import Store

_ENCODER = Lock()
"""One picture at a time: a network takes all cores, and its first use loads it."""


@dataclass(frozen=True)
class PictureVector:
    """What a picture is to a search."""

    vector: npt.NDArray[np.float32]
    """(D,), as the product's rows have; `Query.vector`."""
    lonlat: tuple[float, float] | None
    """Its middle, degrees; None where nobody knows and the encoder does not ask."""
    date: str | None
    """Day that the encoder was told, `YYYY-MM-DD`."""
    bands: tuple[str, ...]
    """Bands that went in."""
    footprint: shapely.Geometry | None
    """What went in, OGC:CRS84; of a product of level patch its one patch. None without a place."""
    note: str
    """What was done to the picture, for a person; empty where nothing was."""


def embed_picture(
    store: Store,
    product: Product,
    data: bytes,
    *,
    lonlat: tuple[float, float] | None = None,
    date: Date | str | None = None,
    bands: Sequence[str] = (),
    device: str = "cpu",
    precision: str = "fp32",
) -> PictureVector:
    """The vector that a product's encoder gives a picture.

    Of a product of level patch it is the patch over `lonlat`, or the one in the middle.

    Args:
        store: with the product's embeddings, their chips and the checkpoint.
        product: that is to be searched.
        data: a GeoTIFF, or a PNG, JPEG or WebP, all its bytes.
        lonlat: place in a georeferenced picture, or the middle of another; degrees.
        date: day it was taken; the file's own tag `date` by default.
        bands: names of its bands in their order, where the file has none.
        device: one of `settings.DEVICES`.
        precision: one of `settings.PRECISIONS`.

    Raises:
        SearchError: the picture cannot be read, has no coordinates that the encoder needs, or has
            bands it does not take; or the product is not one that is searched.
        NotFoundError: the product has no embeddings, or their chips or checkpoint are gone.
        CheckpointError: the checkpoint was damaged.
        InvalidValueError: the device or precision is not allowed here.
        ProductError: the projection was damaged.
    """
    _check_product(product)
    newest = max(files_of(store, product.name), key=lambda file: file.modified)
    made = read_metadata(store, newest.key)
    kind = kind_of(manifest_rows(read_manifest(store, newest.tile))[0])
    shown = read_picture(data, kind, lonlat=lonlat, bands=bands)
    place = _place(shown, lonlat, date)
    with _ENCODER:
        encoder = _encoder(store, product, made, kind, shown, device, precision)
        _check_place(encoder, place, product)
        flat = encoder.embed_pixels([shown.pixels], [place]).wait()[0]
    notes = [*shown.notes]
    if shown.bands != kind.bands:
        notes.append(f"{len(shown.bands)} of the {len(kind.bands)} bands of the product's chips")
    if place.date is None and _asks(encoder):
        notes.append("without a date")
    vector, footprint = _vector_at(flat, made, shown.ground, lonlat)
    if vector.shape != made.shape[-1:] or not np.isfinite(vector).all():
        raise SearchError(
            f"the picture gives {len(vector)} numbers, {int(np.isfinite(vector).sum())} of them "
            f"finite, and product {product.name} has {made.shape[-1]}; show one with the bands "
            f"{' '.join(kind.bands)}"
        )
    at = None if place.lon is None or place.lat is None else (place.lon, place.lat)
    return PictureVector(vector, at, place.date, shown.bands, footprint, "; ".join(notes))


def _check_product(product: Product) -> None:
    if product.input != "chips" or product.level == "group":
        raise SearchError(
            f"product {product.name} has input {product.input} and level {product.level}, which "
            "is not searched; choose one of chips, of another level than group"
        )


def _encoder(
    store: Store,
    product: Product,
    made: FileMetadata,
    kind: ChipKind,
    shown: ShownChip,
    device: str,
    precision: str,
) -> ChipEncoder:
    projection = None
    if made.projection_id is not None:
        projection = load_projection(store, product.name, made.projection_id)
    own = ChipKind(shown.bands, kind.size_px, kind.gsd_m)
    try:
        return load_encoder(
            store,
            made.checkpoint_id,
            own,
            made.extraction,
            platform=made.platform,
            projection=projection,
            device=device,
            precision=precision,
            batch_size=1,
        )
    except (ChipError, InvalidValueError, ProductError) as error:
        if own == kind:
            raise
        raise SearchError(
            f"the encoder of product {product.name} cannot take the picture's bands "
            f"{' '.join(own.bands)} alone: {error}; show a picture with {' '.join(kind.bands)}"
        ) from error


def _place(shown: ShownChip, lonlat: tuple[float, float] | None, date: Date | str | None) -> Place:
    if shown.ground is not None:
        lonlat = centre_wgs84(shown.ground.bounds, shown.ground.epsg)
    lon, lat = lonlat or (None, None)
    day = shown.date if date is None else str(date)
    try:
        return Place(lon, lat, None if day is None else Date.fromisoformat(day).isoformat())
    except ValueError as error:
        raise SearchError(f"date must be YYYY-MM-DD, got {day!r}") from error


def _asks(encoder: ChipEncoder) -> bool:
    """Whether an encoder is told where and when a chip was taken."""
    return encoder.encoder.metadata([Place(None, None, None)]).shape[1] > 0


def _check_place(encoder: ChipEncoder, place: Place, product: Product) -> None:
    if place.lon is None and _asks(encoder):
        raise SearchError(
            f"the picture has no coordinates, and the encoder of product {product.name} asks "
            "where a chip lies; give lonlat of its middle, or show a GeoTIFF with a CRS"
        )


def _vector_at(
    flat: npt.NDArray[np.float32],
    made: FileMetadata,
    ground: Ground | None,
    lonlat: tuple[float, float] | None,
) -> tuple[npt.NDArray[np.float32], shapely.Geometry | None]:
    """The vector that is searched for, and what it is of."""
    if made.extraction.is_one_vector:
        return flat, footprint_wgs84(ground.bounds, ground.epsg) if ground else None
    rows, columns, width = made.shape
    vectors, row, col = flat.reshape(rows, columns, width), rows // 2, columns // 2
    if ground is None:
        return vectors[row, col], None
    patches = cell_footprints_wgs84(ground.bounds, ground.epsg, rows=rows, columns=columns)
    if lonlat is not None:
        nearest = int(shapely.distance(patches, shapely.Point(lonlat)).argmin())
        row, col = divmod(nearest, columns)
    return vectors[row, col], patches[row * columns + col]
