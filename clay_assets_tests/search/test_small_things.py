"""Small things: an object of one patch is found by patch, and lost in the vector of its chip.

A bright roof of 8 pixels is painted into a few chips of a generated landscape, on whatever ground.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from clay_assets.chips import Chip, read_chip, read_manifest, write_chip, write_manifest
from clay_assets.chips.file import hash_chip
from clay_assets.chips.manifest import manifest_rows
from clay_assets.search import Query, open_index
from clay_assets.search.picture_query import embed_picture
from clay_assets.settings import Settings
from clay_assets_tests.search.small_installation import (
    CHIP_PX,
    PATCH_PX,
    PRODUCTS,
    SmallInstallation,
    embed_and_index,
    put_network,
)

OBJECTS = 6
GRID = CHIP_PX // PATCH_PX


@dataclass(frozen=True)
class Planted:
    """Where the objects are."""

    area: SmallInstallation
    patches: tuple[str, ...]
    """Row ids of the patches, one a chip."""

    @property
    def chips(self) -> set[str]:
        return {patch.split("/")[0] for patch in self.patches}


@pytest.fixture(scope="module")
def planted(generated_area: SmallInstallation, tmp_path_factory) -> Planted:
    """The generated area again, with roofs."""
    home = tmp_path_factory.mktemp("planted")
    (home / "products.toml").write_text(PRODUCTS)
    environ = {"CLAY_HOME": str(home), "CLAY_PRODUCTS": str(home / "products.toml")}
    settings = Settings.from_environment(environ)
    area = SmallInstallation(settings, generated_area.tile)
    rng, store = np.random.default_rng(4), settings.store
    rows = manifest_rows(read_manifest(generated_area.store, area.tile))
    chosen = rng.choice(len(rows), OBJECTS, replace=False)
    patches, kept = [], []
    for number, row in enumerate(rows):
        chip = read_chip(generated_area.store, row.path)
        if number in chosen:
            place = int(rng.integers(GRID)), int(rng.integers(GRID))
            chip = with_roof(chip, *place, rng)
            patches.append(f"{chip.chip_id}/{place[0]}/{place[1]}")
        write_chip(store, row.path, chip)
        kept.append(replace(row, content_hash=hash_chip(chip)))
    write_manifest(
        store,
        area.tile,
        kept,
        inputs="",
        run_id="roofs",
        chip_size=CHIP_PX,
        rejected={},
        source="painted",
    )
    put_network(store)
    embed_and_index(area, [area.tile])
    return Planted(area, tuple(patches))


def with_roof(chip: Chip, row: int, col: int, rng: np.random.Generator) -> Chip:
    """A chip with one patch of metal: bright in all bands of light, and to the radar."""
    pixels = chip.pixels.copy()
    window = pixels[:, row * PATCH_PX : (row + 1) * PATCH_PX, col * PATCH_PX : (col + 1) * PATCH_PX]
    window[:10] = 9_000 + rng.normal(0, 150, window[:10].shape)
    window[10:12] = 0.9
    return replace(chip, pixels=pixels)


def nearest(planted: Planted, query: Query) -> list[str]:
    with open_index(planted.area.settings) as index:
        return index.search(query).frame["id"].tolist()


def test_patch_search_finds_most_of_a_small_thing(planted):
    found = []
    for patch in planted.patches:
        query = Query("clay_patches", chip_id=patch, k=OBJECTS - 1)
        found.append(len(set(planted.patches) & set(nearest(planted, query))))
    # The network is not trained: a patch's vector tells of where it lies, too.
    assert np.mean(found) > (OBJECTS - 1) / 2


def test_chip_search_does_not(planted):
    found = [
        len(planted.chips & set(nearest(planted, Query("clay", chip_id=chip, k=OBJECTS - 1))))
        for chip in planted.chips
    ]
    assert np.mean(found) < (OBJECTS - 1) / 2


def test_a_picture_of_a_small_thing_finds_the_others(planted):
    patch, *others = planted.patches
    chip_id, row, col = patch.split("/")
    rows = read_manifest(planted.area.store, planted.area.tile).rows.set_index("chip_id")
    with open_index(planted.area.settings) as index:
        over = index.chips("clay_patches", [patch]).geometry.iloc[0].centroid
    picture = Path(planted.area.store.url(rows.loc[chip_id, "path"])).read_bytes()
    product = planted.area.products["clay_patches"]
    shown = embed_picture(planted.area.store, product, picture, lonlat=(over.x, over.y))
    found = nearest(planted, Query("clay_patches", vector=shown.vector, k=OBJECTS))
    assert found[0] == f"{chip_id}/{row}/{col}"
    assert len(set(found[1:]) & set(others)) > len(others) / 2
