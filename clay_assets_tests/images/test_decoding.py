"""Every kind of picture becomes the same square of red, green and blue."""

import contextlib
import re

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image
from rasterio.transform import from_origin

from clay_assets.errors import ImageError
from clay_assets.images.decoding import decode_image
from clay_assets_tests.images.making import encoded, geotiff, picture

SIDE = 16
WHOLE = {
    "PNG": encoded(picture()),
    "JPEG": encoded(picture(), "JPEG"),
    "TIFF": encoded(picture(), "TIFF"),
    "WEBP": encoded(picture(), "WEBP"),
    "GIF": encoded(picture(), "GIF"),
    "GeoTIFF": geotiff(np.asarray(picture()).transpose(2, 0, 1), epsg=32632),
}
JPEG_STEPS = 12  # of 255, what a JPEG of quality 95 may change


def _square(image: Image.Image) -> np.ndarray:
    """As torchvision's Resize on a PIL image, (3, H, W)."""
    small = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return np.asarray(small).transpose(2, 0, 1)


@pytest.mark.parametrize(
    ("data", "read_as"),
    [
        (encoded(picture(), "PNG"), ""),
        (encoded(picture(), "TIFF"), ""),
        (encoded(picture(), "BMP"), ""),
        (encoded(picture(), "PPM"), ""),
        (encoded(picture(), "WEBP", lossless=True), ""),
        (encoded(picture(), "JPEG2000"), ""),
        (encoded(picture().convert("RGBA"), "PNG"), "without its alpha"),
        (encoded(picture(), "GIF", save_all=True, append_images=[picture(1)]), "first of 2 frames"),
        (
            encoded(picture(), "TIFF", save_all=True, append_images=[picture(1)]),
            "first of 2 frames",
        ),
        (geotiff(np.asarray(picture()).transpose(2, 0, 1), epsg=32632), ""),
    ],
)
def test_files_without_loss_give_the_very_pixels(data: bytes, read_as: str):
    found = decode_image(data, "a", SIDE)
    expected = picture()
    if data.startswith(b"GIF"):
        expected = expected.quantize(256)
    assert np.abs(found.pixels.astype(int) - _square(expected)).max() <= (
        8 if data.startswith(b"GIF") else 0
    )
    assert (found.width_px, found.height_px, found.read_as) == (40, 30, read_as)
    assert (found.pixels.dtype, found.pixels.shape) == (np.uint8, (3, SIDE, SIDE))


@pytest.mark.parametrize("mode", ["RGB", "CMYK"])
def test_a_jpeg_of_either_ink_or_light_has_the_same_colours(mode: str):
    data = encoded(picture().convert(mode), "JPEG", quality=95)
    found = decode_image(data, "a.jpg", SIDE)
    assert np.abs(found.pixels.astype(int) - _square(picture())).max() <= JPEG_STEPS
    assert found.read_as == ("from CMYK" if mode == "CMYK" else "")


@pytest.mark.parametrize("mode", ["L", "1", "P"])
def test_grey_and_palette_pictures_become_red_green_and_blue(mode: str):
    image = picture().convert(mode)
    found = decode_image(encoded(image), "a.png", SIDE)
    np.testing.assert_array_equal(found.pixels, _square(image))


def test_a_palette_with_transparency_is_read_without_a_warning(recwarn: pytest.WarningsRecorder):
    image = picture().quantize(16)
    data = encoded(image, transparency=bytes(range(16)))
    found = decode_image(data, "a.png", SIDE)
    np.testing.assert_array_equal(found.pixels, _square(image))
    assert (found.read_as, recwarn.list) == ("without its alpha", [])


@pytest.mark.parametrize(
    "data",
    [
        encoded(Image.fromarray(np.asarray(picture().convert("L")).astype(np.uint16) * 257)),
        encoded(
            Image.fromarray(np.asarray(picture().convert("L")).astype(np.uint16) * 257), "TIFF"
        ),
    ],
)
def test_16_bits_are_scaled_to_their_whole_range(data: bytes):
    found = decode_image(data, "a", SIDE)
    np.testing.assert_array_equal(found.pixels, _square(picture().convert("L")))
    assert found.read_as == "65535 is white"


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "PNG"])
def test_a_turned_picture_is_read_upright(kind: str, orientation: int):
    upright = picture(size=(40, 24))
    # EXIF 2.3, tag 274: how to undo what the camera did
    undone = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(undone[orientation]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[274] = orientation
    options = {"tiffinfo": {274: orientation}} if kind == "TIFF" else {"exif": exif}
    found = decode_image(encoded(stored, kind, **options), "a", SIDE)
    assert np.abs(found.pixels.astype(int) - _square(upright)).max() <= (
        40 if kind == "JPEG" else 0
    )
    assert (found.width_px, found.height_px) == (40, 24)
    assert found.read_as == (f"turned by EXIF orientation {orientation}" if orientation > 1 else "")


def test_bands_are_taken_by_their_names():
    blue, green, red, nir = np.arange(4 * 12 * 12, dtype=np.uint8).reshape(4, 12, 12)
    data = geotiff(np.stack([blue, green, red, nir]), names=("Blue", "Green", "Red", "NIR"))
    found = decode_image(data, "a.tif", 12)
    np.testing.assert_array_equal(found.pixels, np.stack([red, green, blue]))
    assert found.read_as == "bands named red, green, blue"


def test_sentinel_2_is_as_bright_as_its_true_colour_picture():
    bands = np.full((4, 8, 8), 1779, np.uint16)  # half of 3558
    data = geotiff(bands, names=("B02", "B03", "B04", "B08"), epsg=32632)
    found = decode_image(data, "a.tif", 8)
    assert np.unique(found.pixels).tolist() == [128]
    assert found.read_as == "bands named B04, B03, B02; 3558 is white"


def test_of_many_bands_without_names_the_first_three_are_taken():
    bands = np.random.default_rng(0).integers(0, 255, (7, 9, 11), dtype=np.uint8)
    found = decode_image(geotiff(bands, photometric="minisblack"), "a.tif", 9)
    image = Image.fromarray(bands[:3].transpose(1, 2, 0))
    expected = image.resize((9, 9), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(found.pixels, np.asarray(expected).transpose(2, 0, 1))
    assert found.read_as == "first 3 of 7 bands"


def test_a_float_picture_is_0_to_1_and_nan_is_black():
    bands = np.array([[[0.0, 1.0], [np.nan, 0.5]]] * 3, np.float32)
    found = decode_image(geotiff(bands), "a.tif", 2)
    assert found.pixels[0].tolist() == [[0, 255], [0, 128]]


def test_a_georeferenced_picture_knows_its_middle():
    data = geotiff(np.zeros((3, 20, 20), np.uint8), epsg=32632)
    found = decode_image(data, "a.tif", SIDE)
    # 600100 E 6699900 N of EPSG:32632 by pyproj
    assert (found.lon, found.lat) == pytest.approx((10.818036, 60.422977), abs=1e-6)  # degrees


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "a.png is empty"),
        (b"\x89PNG\r\n\x1a\n but no more", "a.png is no picture that PIL or GDAL reads, or is"),
        (b"no picture", "a.png is no picture that PIL or GDAL reads, or is cut off"),
        (encoded(picture())[:-200], "a.png cannot be read as a png: "),
        (encoded(picture(), "JPEG")[:-300], "a.png cannot be read as a png: "),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "a.png is no picture"),
        (
            geotiff(np.full((3, 4, 4), -3, np.int16)),
            "a.png has numbers from -3 to 0, which are no colours; int16 pixels must be 0 to 65535",
        ),
        (
            geotiff(np.full((3, 4, 4), 7.5, np.float32)),
            "a.png has numbers from 0 to 7.5, which are no colours; float32 pixels must be 0 to 1",
        ),
    ],
)
def test_what_is_no_picture_says_why(data: bytes, message: str):
    with pytest.raises(ImageError, match=re.escape(message)):
        decode_image(data, "a.png", SIDE)


def test_a_place_outside_of_its_projection_is_none():
    far = from_origin(9e8, 9e8, 10, 10)
    data = geotiff(np.zeros((3, 4, 4), np.uint8), crs="EPSG:32632", transform=far)
    found = decode_image(data, "a.tif", SIDE)
    assert (found.lon, found.lat) == (None, None)


@given(st.sampled_from(sorted(WHOLE)), st.lists(st.tuples(st.integers(0), st.integers(0, 255))))
@example("TIFF", [(8, 9)])  # more tags than there are
def test_damaged_files_are_pictures_or_say_that_they_are_none(
    kind: str, changes: list[tuple[int, int]]
):
    data = bytearray(WHOLE[kind])
    for place, value in changes:
        data[place % len(data)] = value
    with contextlib.suppress(ImageError):
        assert decode_image(bytes(data), "a", SIDE).pixels.shape == (3, SIDE, SIDE)
