from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from clay_assets.chips import Chip, write_chip
from clay_assets.errors import ChipError, InvalidValueError
from clay_assets.serve.catalogue import ListedChip
from clay_assets.serve.thumbnails import Patch, Thumbnails, ThumbnailSize
from clay_assets.store import Store

RGB = ("B02", "B03", "B04")


def add_chip(store: Store, name: str, pixels: np.ndarray, cloud_share: float = 0.0) -> ListedChip:
    """A chip in the store, and how the catalogue lists it."""
    bounds = (600_000.0, 5_200_000.0, 600_640.0, 5_200_640.0)
    write_chip(store, f"{name}.tif", Chip(name, pixels, RGB, "2024-05-01", 32632, bounds, {}))
    return ListedChip(name, "32TPT", "2024-05-01", cloud_share, name, f"{name}.tif", 0)


def land(rng: np.random.Generator, brightness: float) -> np.ndarray:
    noise = rng.uniform(0.8, 1.2, (3, 64, 64))
    return (brightness * noise).astype(np.float32)


def brightness_of(png: bytes) -> float:
    return float(np.asarray(Image.open(BytesIO(png))).mean())


def test_chips_of_a_tile_are_stretched_alike(store: Store):
    rng = np.random.default_rng(0)
    dark, bright = (add_chip(store, str(value), land(rng, value)) for value in (400, 1200))
    thumbnails = Thumbnails(store)
    pictures = [
        thumbnails.png(chip, [dark, bright], ThumbnailSize.SMALL) for chip in (dark, bright)
    ]
    assert brightness_of(pictures[0]) * 2 < brightness_of(pictures[1])


def test_clouds_do_not_darken_the_land(store: Store):
    rng = np.random.default_rng(0)
    clear = add_chip(store, "clear", land(rng, 800))
    cloudy_pixels = land(rng, 800)
    cloudy_pixels[:, :16] = 9000  # a quarter of it
    cloudy = add_chip(store, "cloudy", cloudy_pixels, cloud_share=0.25)
    thumbnails = Thumbnails(store)
    alone = thumbnails.png(clear, [clear], ThumbnailSize.SMALL)
    beside_clouds = thumbnails.png(clear, [cloudy], ThumbnailSize.SMALL)
    assert brightness_of(beside_clouds) == pytest.approx(brightness_of(alone), rel=0.1)


def test_a_damaged_chip_spoils_only_its_own_picture(store: Store):
    chip = add_chip(store, "whole", land(np.random.default_rng(0), 800))
    damaged = add_chip(store, "damaged", land(np.random.default_rng(1), 800))
    store.write_bytes("damaged.tif", store.read_bytes("damaged.tif")[:400])
    thumbnails = Thumbnails(store)
    assert thumbnails.png(chip, [damaged, chip], ThumbnailSize.SMALL).startswith(b"\x89PNG")
    with pytest.raises(ChipError, match=r"damaged\.tif"):
        thumbnails.png(damaged, [damaged, chip], ThumbnailSize.SMALL)
    with pytest.raises(ChipError, match=r"damaged\.tif"):
        thumbnails.png(damaged, [damaged], ThumbnailSize.SMALL)


def test_a_chip_that_is_cut_anew_gets_a_new_picture(store: Store):
    old = add_chip(store, "chip", np.full((3, 64, 64), 500, dtype=np.float32))
    scale = add_chip(store, "scale", land(np.random.default_rng(0), 1000))
    thumbnails = Thumbnails(store)
    before = thumbnails.png(old, [scale], ThumbnailSize.SMALL)
    add_chip(store, "chip", np.full((3, 64, 64), 1100, dtype=np.float32))
    new = ListedChip("chip", "32TPT", "2024-05-01", 0.0, "another hash", "chip.tif", 0)
    assert thumbnails.png(old, [scale], ThumbnailSize.SMALL) == before
    assert thumbnails.png(new, [scale], ThumbnailSize.SMALL) != before


def test_a_chip_without_data_is_grey(store: Store):
    chip = add_chip(store, "empty", np.zeros((3, 64, 64), dtype=np.float32))
    picture = Thumbnails(store).png(chip, [chip], ThumbnailSize.SMALL)
    assert brightness_of(picture) == 128


def test_a_patch_is_shown_framed_with_what_lies_around_it(store: Store):
    pixels = np.full((3, 64, 64), 300, dtype=np.float32)
    pixels[:, 16:32, 32:48] = 1500  # row 1, column 2 of 4 by 4
    chip = add_chip(store, "chip", pixels)
    png = Thumbnails(store).png(chip, [chip], ThumbnailSize.SMALL, Patch(1, 2, 4, 4))
    picture = np.asarray(Image.open(BytesIO(png)).convert("L"))
    third = 128 / 3  # the patch, and one on each side of it
    patch = picture[int(third) + 4 : int(2 * third) - 4, int(third) + 4 : int(2 * third) - 4]
    around = picture[: int(third) - 4]
    assert patch.mean() > around.mean() + 100
    frame = picture[64, int(third) - 2 : int(third) + 4]
    assert frame.max() == 255


def test_a_patch_at_the_edge_is_shown_at_the_same_scale(store: Store):
    pixels = np.full((3, 64, 64), 300, dtype=np.float32)
    pixels[:, :16, :16] = 1500
    chip = add_chip(store, "chip", pixels)
    png = Thumbnails(store).png(chip, [chip], ThumbnailSize.SMALL, Patch(0, 0, 4, 4))
    picture = np.asarray(Image.open(BytesIO(png)).convert("L"))
    bright = (picture > 200).mean()
    assert bright == pytest.approx(1 / 9, abs=0.03)
    assert picture[10:30, 10:30].min() > 200


def test_a_patch_outside_of_its_chip_is_refused():
    with pytest.raises(InvalidValueError, match="patch col must be 0 to 15, got 16"):
        Patch(0, 16, 16, 16)
    with pytest.raises(InvalidValueError, match="patch row must be 0 to 3, got -1"):
        Patch(-1, 0, 4, 4)
