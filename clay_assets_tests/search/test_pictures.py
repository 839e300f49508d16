"""Uploaded pictures: read as chips, and embedded as the product's own chips were."""

import io

import numpy as np
import pytest
from affine import Affine
from PIL import Image
from pyproj import Transformer
from rasterio.io import MemoryFile
from rasterio.warp import Resampling, reproject

from clay_assets.bands import BAND_NAMES, SENTINEL2_BANDS
from clay_assets.chips.file import encode_chip
from clay_assets.embeddings import Product, embed_tile, find_file, read_rows, vectors_of
from clay_assets.embeddings import encoder as encoders
from clay_assets.embeddings.fitting import fit_projection
from clay_assets.errors import NotFoundError, SearchError
from clay_assets.ingest.footprint import centre_wgs84, footprint_wgs84
from clay_assets.models.token_encoder import ChipKind
from clay_assets.models.vit import Vit
from clay_assets.search.picture_query import embed_picture
from clay_assets.search.picture_reading import read_picture
from clay_assets_tests.embeddings.conftest import TILE, chips, make_chip, tile
from clay_assets_tests.images.conftest import TINY, put_network

__all__ = ["chips", "tile"]  # fixtures

CLAY = Product("clay")
KIND = ChipKind(BAND_NAMES, 64, 10.0)
SAME = 1e-5  # of a vector's numbers, whatever the threads


def geotiff(pixels, transform, *, epsg=32632, names=None, nodata=None, tags=None) -> bytes:
    count, height, width = pixels.shape
    shape = {"count": count, "height": height, "width": width, "dtype": pixels.dtype}
    with MemoryFile() as file:
        with file.open(
            driver="GTiff", crs=epsg, transform=transform, nodata=nodata, **shape
        ) as dataset:
            dataset.write(pixels)
            dataset.descriptions = names or [None] * count
            dataset.update_tags(**tags or {})
        return bytes(file.read())


def corner_of(chip, pixel_m=10.0) -> Affine:
    return Affine(pixel_m, 0, chip.bounds[0], 0, -pixel_m, chip.bounds[3])


def coded(array, format_="PNG") -> bytes:
    data = io.BytesIO()
    Image.fromarray(array).save(data, format_)
    return data.getvalue()


@pytest.fixture
def embedded(tile):
    """The tile's chips embedded; vectors by chip id."""
    return tile, vectors_by_chip(tile, CLAY)


def vectors_by_chip(store, product):
    embed_tile(store, product, TILE, device="cpu", run_id="run")
    (rows,) = read_rows(store, find_file(store, product.name, TILE).key)
    return dict(zip(rows["chip_id"].to_pylist(), vectors_of(rows["embeddings"]), strict=True))


def test_a_chips_own_file_gives_its_own_vector(embedded, chips):
    store, vectors = embedded
    for chip in chips:
        found = embed_picture(store, CLAY, encode_chip(chip))
        np.testing.assert_allclose(found.vector, vectors[chip.chip_id], atol=SAME)
        assert found.lonlat == centre_wgs84(chip.bounds, chip.epsg)
        assert (found.date, found.bands, found.note) == (chip.date, BAND_NAMES, "")
        assert found.footprint.equals(footprint_wgs84(chip.bounds, chip.epsg))


def test_an_encoder_is_loaded_once(embedded, chips):
    store, _ = embedded
    embed_picture(store, CLAY, encode_chip(chips[0]))
    loaded = encoders._network.cache_info().misses
    embed_picture(store, CLAY, encode_chip(chips[1]))
    assert encoders._network.cache_info().misses == loaded


def test_bands_are_known_by_name_whatever_their_order(embedded, chips):
    store, vectors = embedded
    chip, back = chips[0], list(reversed(range(13)))
    names = [BAND_NAMES[index] for index in back]
    lower = [name.lower().replace("b0", "b") for name in names]
    pixels, date = chip.pixels[back], {"date": chip.date}
    wanted = vectors[chip.chip_id]
    by_description = geotiff(pixels, corner_of(chip), names=lower, tags=date)
    found = embed_picture(store, CLAY, by_description)
    np.testing.assert_allclose(found.vector, wanted, atol=SAME)
    unnamed = geotiff(pixels, corner_of(chip), tags=date)
    found = embed_picture(store, CLAY, unnamed, bands=names)
    np.testing.assert_allclose(found.vector, wanted, atol=SAME)
    assert not np.allclose(embed_picture(store, CLAY, unnamed).vector, wanted, atol=0.1)


def test_numbers_of_bands_and_colour_names_say_what_they_are():
    chip = make_chip(1)
    ten = read_picture(geotiff(chip.pixels[:10], corner_of(chip)), KIND)
    assert ten.bands == SENTINEL2_BANDS
    colours = geotiff(chip.pixels[[0, 7, 8]], corner_of(chip), names=["blue", "NIR08", "swir16"])
    assert read_picture(colours, KIND).bands == ("B02", "B8A", "B11")


def test_a_larger_picture_is_cut_in_its_middle_or_around_a_place():
    chip = make_chip(1, size=200)
    data = encode_chip(chip)
    middle = read_picture(data, KIND)
    np.testing.assert_array_equal(middle.pixels, chip.pixels[:, 68:132, 68:132])
    west, north = chip.bounds[0] + 680, chip.bounds[3] - 680
    assert middle.ground.bounds == (west, north - 640, west + 640, north)
    to_degrees = Transformer.from_crs(chip.epsg, "OGC:CRS84", always_xy=True)
    lon, lat = to_degrees.transform(chip.bounds[0] + 420, chip.bounds[3] - 1990)
    around = read_picture(data, KIND, lonlat=(lon, lat))
    np.testing.assert_array_equal(around.pixels, chip.pixels[:, 136:200, 10:74])
    assert around.notes == ("a part of 64 x 64 of 200 x 200 pixels",)


def test_a_smaller_picture_is_mirrored_at_its_edges():
    chip = make_chip(1, size=20)
    shown = read_picture(encode_chip(chip), KIND)
    np.testing.assert_array_equal(shown.pixels[:, 22:42, 22:42], chip.pixels)
    np.testing.assert_array_equal(shown.pixels[:, 22:42, 2:22], chip.pixels[:, :, ::-1])
    assert shown.ground.bounds[0] == chip.bounds[0] - 220
    assert shown.notes == ("mirrored at its edges, 20 x 20 of 64 pixels are its own",)


@pytest.mark.parametrize(("pixel_m", "side"), [(5.0, 128), (20.0, 32)])
def test_other_ground_distances_are_resampled(pixel_m, side):
    slope = np.linspace(500, 2500, side, dtype="float32")
    pixels = np.broadcast_to(slope, (10, side, side)).copy()
    shown = read_picture(geotiff(pixels, corner_of(make_chip(1), pixel_m)), KIND)
    wanted = np.interp(np.arange(64) + 0.5, (np.arange(side) + 0.5) * pixel_m / 10, slope)
    np.testing.assert_allclose(shown.pixels[0, 32, 2:-2], wanted[2:-2], rtol=0.01)
    assert shown.notes == ("resampled to 10 m",)


def test_a_picture_in_degrees_lies_where_it_did():
    chip = make_chip(1, size=128)
    plane = np.add.outer(np.arange(128), 3 * np.arange(128)).astype("float32") * 5 + 100
    west, south, east, north = footprint_wgs84(chip.bounds, chip.epsg).bounds
    transform = Affine((east - west) / 256, 0, west, 0, (south - north) / 256, north)
    degrees = np.zeros((1, 256, 256), "float32")
    reproject(
        plane[None],
        degrees,
        src_transform=corner_of(chip),
        src_crs=32632,
        dst_transform=transform,
        dst_crs=4326,
        dst_nodata=0,
        resampling=Resampling.bilinear,
    )
    shown = read_picture(geotiff(degrees, transform, epsg=4326, names=["B04"], nodata=0), KIND)
    assert shown.ground.epsg == 32632
    row = round((chip.bounds[3] - shown.ground.bounds[3]) / 10)
    col = round((shown.ground.bounds[0] - chip.bounds[0]) / 10)
    np.testing.assert_allclose(shown.pixels[0], plane[row : row + 64, col : col + 64], atol=15)


def test_holes_count_as_zero_and_most_may_not_be():
    chip = make_chip(1)
    pixels = chip.pixels[:10].copy()
    pixels[:, :16] = np.nan
    shown = read_picture(geotiff(pixels, corner_of(chip), nodata=float("nan")), KIND)
    assert not shown.pixels[:, :16].any()
    assert shown.notes == ("25% without data count as 0",)
    pixels[:, :48] = np.nan
    with pytest.raises(SearchError, match=r"75% of the part of the picture .* at most 50% may be"):
        read_picture(geotiff(pixels, corner_of(chip), nodata=float("nan")), KIND)


def test_reflectances_and_decibels_become_the_units_of_chips():
    chip = make_chip(1)
    pixels = np.concatenate([chip.pixels[:10] / 10_000, 10 * np.log10(chip.pixels[10:12])])
    pixels[10:] -= 60  # gamma0 is far below 1
    names = [*SENTINEL2_BANDS, "vh", "vv"]
    shown = read_picture(geotiff(pixels, corner_of(chip), names=names), KIND)
    np.testing.assert_allclose(shown.pixels[:10], chip.pixels[:10], rtol=1e-5)
    np.testing.assert_allclose(shown.pixels[10:], chip.pixels[10:12] / 1e6, rtol=1e-4)
    assert "reflectances times 10000" in shown.notes[0]
    assert "vh was in decibels" in shown.notes[0]


def test_colours_are_sentinel_2s_true_colour(embedded):
    store, _ = embedded
    colours = np.random.default_rng(0).integers(0, 255, (64, 80, 3), dtype=np.uint8)
    shown = read_picture(coded(colours), KIND)
    assert shown.bands == ("B02", "B03", "B04")
    wanted = colours[:, 8:72].transpose(2, 0, 1)[::-1] * np.float32(3558 / 255)
    np.testing.assert_allclose(shown.pixels, wanted, rtol=1e-6)
    alike = read_picture(geotiff(colours.transpose(2, 0, 1), Affine.identity(), epsg=None), KIND)
    np.testing.assert_allclose(alike.pixels, wanted, rtol=1e-6)
    found = embed_picture(
        store, CLAY, coded(colours, "WEBP"), lonlat=(5.3, 60.4), date="2023-06-12"
    )
    assert (found.lonlat, found.footprint) == ((5.3, 60.4), None)
    assert "taken as 640 m; 3 of the 13 bands" in found.note


def test_a_picture_without_coordinates_needs_a_place_where_the_encoder_asks(embedded):
    store, _ = embedded
    data = coded(np.full((64, 64, 3), 90, np.uint8), "JPEG")
    with pytest.raises(SearchError, match="no coordinates, and the encoder of product clay asks"):
        embed_picture(store, CLAY, data)
    put_network(store, Vit(TINY), TINY, "vit")
    vit = Product("vit", checkpoint="vit")
    vectors_by_chip(store, vit)
    found = embed_picture(store, vit, data)
    assert found.lonlat is None
    assert found.vector.shape == (16,)
    assert "without a date" not in found.note


def test_a_patch_product_takes_the_patch_over_a_place(tile, chips):
    product, chip = Product("patches", level="patch"), chips[0]
    vectors = vectors_by_chip(tile, product)[chip.chip_id].reshape(2, 2, -1)
    found = embed_picture(tile, product, encode_chip(chip))
    np.testing.assert_allclose(found.vector, vectors[1, 1], atol=SAME)
    west, _, _, north = chip.bounds
    upper_right = (west + 320, north - 320, west + 640, north)
    place = centre_wgs84(upper_right, chip.epsg)
    found = embed_picture(tile, product, encode_chip(chip), lonlat=place)
    np.testing.assert_allclose(found.vector, vectors[0, 1], atol=SAME)
    assert found.footprint.equals_exact(footprint_wgs84(upper_right, chip.epsg), 1e-9)
    colours = coded(np.full((64, 64, 3), 90, np.uint8))
    assert embed_picture(tile, product, colours, lonlat=place).footprint is None


def test_projected_products_project_the_picture_too(tile, chips):
    product = Product("small", pca=3, standardise=True)
    fit_projection(tile, product, device="cpu", run_id="run")
    vectors = vectors_by_chip(tile, product)
    found = embed_picture(tile, product, encode_chip(chips[2]))
    np.testing.assert_allclose(found.vector, vectors[chips[2].chip_id], atol=1e-3)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"GIF89a" + bytes(40), r"46 bytes, beginning b'GIF89a.*neither a GeoTIFF nor a PNG"),
        (b"II*\0" + bytes(40), r"the picture \(44 bytes\) cannot be read"),
        (b"\x89PNG\r\n\x1a\n" + bytes(9), r"the picture \(17 bytes\) cannot be read"),
        (b"", r"\(0 bytes"),
    ],
)
def test_files_that_are_no_pictures_are_refused(data, message):
    with pytest.raises(SearchError, match=message):
        read_picture(data, KIND)


def test_bands_that_nobody_knows_are_refused():
    chip = make_chip(1)
    four = geotiff(chip.pixels[:4], corner_of(chip))
    with pytest.raises(SearchError, match="4 bands of float32 without names; tell them"):
        read_picture(four, KIND)
    with pytest.raises(SearchError, match=r"bands must name the 4 bands .* got 2: B02 B03"):
        read_picture(four, KIND, bands=["B02", "B03"])
    with pytest.raises(SearchError, match=r"the picture has none of them; its 4 bands .* w x y z"):
        read_picture(four, KIND, bands=list("wxyz"))


def test_a_place_outside_the_picture_is_refused():
    with pytest.raises(SearchError, match=r"lonlat 1.0, 2.0 is outside the picture, which covers"):
        read_picture(encode_chip(make_chip(1)), KIND, lonlat=(1.0, 2.0))


def test_a_georeference_off_the_globe_is_refused():
    data = geotiff(make_chip(1).pixels, Affine(10, 0, 9e9, 0, -10, 9e9))
    with pytest.raises(SearchError, match=r"middle of the picture, 9e\+09, 9e\+09 .* no place"):
        read_picture(data, KIND)


def test_what_the_encoder_cannot_take_is_refused(embedded, chips):
    store, _ = embedded
    one = geotiff(chips[0].pixels[3:4], corner_of(chips[0]), names=["B05"])
    with pytest.raises(
        SearchError, match=r"product clay cannot take the picture's bands B05 alone"
    ):
        embed_picture(store, CLAY, one)
    with pytest.raises(SearchError, match="date must be YYYY-MM-DD, got 'June'"):
        embed_picture(store, CLAY, encode_chip(chips[0]), date="June")
    with pytest.raises(
        SearchError, match="product g has input chips and level group, which is not"
    ):
        embed_picture(store, Product("g", level="group"), encode_chip(chips[0]))
    with pytest.raises(NotFoundError, match="product other has no embeddings of chips"):
        embed_picture(store, Product("other"), encode_chip(chips[0]))


def test_a_vector_that_is_not_finite_is_refused(embedded, chips):
    store, _ = embedded
    huge = geotiff(chips[0].pixels[:10] * np.float32(1e34), corner_of(chips[0]))
    with pytest.raises(SearchError, match=r"gives 16 numbers, 0 of them finite, .* clay has 16"):
        embed_picture(store, CLAY, huge)
