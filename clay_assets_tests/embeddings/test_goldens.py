"""Embedding files equal to what the reference computed; see shared/goldens/README.md."""

import importlib.util
from pathlib import Path

import geopandas
import numpy as np
import pytest
import shapely

from clay_assets.bands import BAND_NAMES
from clay_assets.checkpoints import put_checkpoint
from clay_assets.chips import Chip
from clay_assets.embeddings import Product, embed_tile, find_file, read_rows, vectors_of
from clay_assets.models import read_original
from clay_assets.store import Store
from clay_assets_tests.embeddings.conftest import put_chips

ATOL = 2e-5  # token units; advice of the goldens' README
DEGREES = 1e-9  # of longitude and latitude, about 0.1 mm
NAMES = (
    "claytile_33UXP_20201022_v02_0007",
    "claytile_33UXP_20230615_v02_0123",
    "claytile_33UYP_20170101_v02_0441",
    "claytile_33UXP_20181231_v02_0022",
)
TILES = {"33UXP": (3, 0, 1), "33UYP": (2,)}
"""Golden chips of each tile by date, the order of our files."""


@pytest.fixture(scope="module")
def tiny(goldens: Path) -> dict[str, np.ndarray]:
    return dict(np.load(goldens / "clay_v0_tiny.npz"))


@pytest.fixture(scope="module")
def golden_chips(goldens: Path, tiny: dict[str, np.ndarray]) -> list[Chip]:
    spec = importlib.util.spec_from_file_location("make_inputs", goldens / "make_inputs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    raw = module.make_raw(20240112, 4)
    return [
        Chip(
            chip_id=name,
            pixels=raw[number],
            bands=BAND_NAMES,
            date=str(tiny["batch_date"][number]),
            epsg=int(tiny["batch_epsg"][number]),
            bounds=tuple(tiny["batch_bbox"][number].tolist()),
            tags={},
        )
        for number, name in enumerate(NAMES)
    ]


@pytest.fixture(scope="module")
def filled(tmp_path_factory, goldens: Path, golden_chips: list[Chip]) -> Store:
    """A store with the four golden chips as GeoTIFFs, and the golden weights."""
    folder = tmp_path_factory.mktemp("goldens")
    store = Store(str(folder / "data"), folder / "cache")
    for tile, numbers in TILES.items():
        put_chips(store, [golden_chips[number] for number in numbers], tile)
    checkpoint = read_original(goldens / "clay_v0_tiny.ckpt", heads=(2, 2))
    put_checkpoint(store, checkpoint, "default", inputs="", run_id="")
    return store


def embedded(store: Store, tile: str, level: str, **how) -> np.ndarray:
    embed_tile(store, Product(level, level=level), tile, device="cpu", run_id="run", **how)
    key = find_file(store, level, tile).key
    parts = [vectors_of(table["embeddings"]) for table in read_rows(store, key)]
    return np.concatenate(parts)


@pytest.mark.parametrize("tile", TILES)
def test_mean_agrees(filled, tiny, tile):
    expected = tiny["D_mean"][list(TILES[tile])]
    np.testing.assert_allclose(embedded(filled, tile, "mean"), expected, rtol=0, atol=ATOL)


def test_patch_and_group_agree(filled, tiny):
    patch = embedded(filled, "33UXP", "patch", batch_size=1)[1:]  # goldens have chips 0 and 1 only
    np.testing.assert_allclose(patch, tiny["D_patch"], rtol=0, atol=ATOL)
    group = embedded(filled, "33UXP", "group", batch_size=1)[1]
    np.testing.assert_allclose(group[None, ::97], tiny["D_group"], rtol=0, atol=ATOL)
    assert group.shape == (6 * 16 * 16 * 64,)


def test_bf16_is_near(filled, tiny):
    found, expected = embedded(filled, "33UYP", "mean", precision="bf16")[0], tiny["D_mean"][2]
    cosine = found @ expected / np.linalg.norm(found) / np.linalg.norm(expected)
    assert cosine > 0.99999  # the reference in bf16: above 0.999999


@pytest.mark.parametrize("tile", TILES)
def test_footprints_agree(filled, tiny, tile):
    embed_tile(filled, Product("mean"), tile, device="cpu", run_id="run")
    path = filled.local_path(find_file(filled, "mean", tile).key)
    expected = [shapely.from_wkt(str(tiny["D_wkt"][number])) for number in TILES[tile]]
    for found, wanted in zip(geopandas.read_parquet(path).geometry, expected, strict=True):
        corners, wanted_corners = (shapely.get_coordinates(shape) for shape in (found, wanted))
        np.testing.assert_allclose(corners, wanted_corners, rtol=0, atol=DEGREES)


def test_names_are_those_of_the_references_files(filled, goldens: Path):
    for tile in TILES:
        embed_tile(filled, Product("mean"), tile, device="cpu", run_id="run")
        name = Path(find_file(filled, "mean", tile).key).name
        assert (goldens / f"v0_mean_{name}").is_file()


@pytest.mark.parametrize("tile", TILES)
def test_the_references_files_are_read(filled, goldens: Path, tiny, tile):
    theirs = next(goldens.glob(f"v0_mean_{tile}_*.gpq"))
    filled.write_bytes(
        f"embeddings/theirs/{theirs.name.removeprefix('v0_mean_')}", theirs.read_bytes()
    )
    key = find_file(filled, "theirs", tile).key
    (table,) = read_rows(filled, key)
    order = [
        NAMES.index(url.split("/")[-1].removesuffix(".tif"))
        for url in table["source_url"].to_pylist()
    ]
    assert np.array_equal(vectors_of(table["embeddings"]), tiny["D_mean"][order])
