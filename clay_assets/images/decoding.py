"""Pictures from their bytes, whatever file they are, as squares of red, green and blue."""

import io
import struct
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from clay_assets.errors import ImageError
from clay_assets.images.rasters import RasterPicture, read_raster, to_eight_bits

FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "GIF", "BMP", "PPM", "JPEG2000")
"""What PIL may open; others, such as PostScript, start programs."""
_WIDE_MODES = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")
_ALPHA_MODES = ("RGBA", "LA", "PA", "La", "RGBa")
_GEO_KEYS, _GDAL_METADATA = 34735, 42112
"""TIFF tags of a georeferenced file, and of one whose bands have names."""
_PILLOW_ERRORS = (
    OSError,  # truncated, or of an unknown kind
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    # From headers that were damaged.
    OverflowError,
    MemoryError,
    TypeError,
    LookupError,
    ZeroDivisionError,
    Image.DecompressionBombError,
)


@dataclass(frozen=True)
class DecodedImage:
    """A picture ready for a network."""

    pixels: npt.NDArray[np.uint8]
    """(3, H, W) red, green, blue."""
    width_px: int
    """Of the picture as it is looked at, turned as its EXIF says."""
    height_px: int
    """The same."""
    lon: float | None
    """Of its middle, degrees; None where it is not georeferenced."""
    lat: float | None
    """The same."""
    read_as: str
    """What was done to have red, green and blue of 8 bits upright; empty where nothing was."""


def decode_image(data: bytes, name: str, size_px: int) -> DecodedImage:
    """A picture as a square; its aspect is not kept.

    Pictures are made red, green and blue of 8 bits, then resized by PIL, bilinear over all the
    pixels that a new one covers. Alpha is left out.

    Args:
        data: all bytes of the file.
        name: what errors call it.
        size_px: side of the square.

    Raises:
        ImageError: it is truncated, too large, of an unknown kind, or its numbers are no colours.

    Source:
        The prediction transform of the SimCLR note, `reference/vectorgeo_and_simclr.md` 2.2.
    """
    picture = open_image(data, name)
    square = picture.image.resize((size_px, size_px), Image.Resampling.BILINEAR)
    pixels = np.ascontiguousarray(np.asarray(square).transpose(2, 0, 1))  # (3, H, W)
    return DecodedImage(
        pixels=pixels,
        width_px=picture.width_px,
        height_px=picture.height_px,
        lon=picture.lon,
        lat=picture.lat,
        read_as="; ".join(picture.notes),
    )


def open_image(data: bytes, name: str) -> RasterPicture:
    """A picture in its own size, red, green and blue of 8 bits.

    Raises:
        ImageError: see `decode_image`.
    """
    if not data:
        raise ImageError(f"{name} is empty")
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:  # PIL knows few of the TIFFs that there are
        return read_raster(data, name)
    except _PILLOW_ERRORS as error:
        raise _unreadable(name, error) from error
    if image.format in ("TIFF", "JPEG2000") and _is_raster(image):
        return read_raster(data, name)
    try:
        return _by_pillow(image, name)
    except _PILLOW_ERRORS as error:
        raise _unreadable(name, error) from error


def _is_raster(image: Image.Image) -> bool:
    """Whether rasterio knows more of it than PIL."""
    tags = getattr(image, "tag_v2", {})
    return _GEO_KEYS in tags or _GDAL_METADATA in tags or image.mode in _WIDE_MODES


def _by_pillow(image: Image.Image, name: str) -> RasterPicture:
    notes = []
    if (frames := getattr(image, "n_frames", 1)) > 1:
        image.seek(0)
        notes.append(f"first of {frames} frames")
    orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    image = ImageOps.exif_transpose(image)
    if orientation in range(2, 9):
        notes.append(f"turned by EXIF orientation {orientation}")
    if image.mode in _WIDE_MODES:
        bits = 16 if image.mode != "F" else 32
        grey, note = to_eight_bits(np.asarray(image)[None], name, bits=bits)
        image = Image.fromarray(grey[0])
        notes.append(note)
    elif image.mode in _ALPHA_MODES or "transparency" in image.info:
        image = image.convert("RGBA")  # a palette's own transparency is lost with a warning else
        notes.append("without its alpha")
    elif image.mode not in ("RGB", "L", "1", "P"):
        notes.append(f"from {image.mode}")
    return RasterPicture(image.convert("RGB"), image.width, image.height, None, None, tuple(notes))


def _unreadable(name: str, error: Exception) -> ImageError:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    kind = PurePosixPath(name).suffix.lower().lstrip(".") or "picture"
    return ImageError(f"{name} cannot be read as a {kind}: {reason}")
