"""The embedding files that are indexed: found once, known by their footers, read as rows."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from clay_assets.errors import InvalidValueError, NotFoundError, SearchError
from clay_assets.ingest.footprint import box_of_footprint, footprint_wgs84
from clay_assets.mgrs import tile_box
from clay_assets.search.hits import embedding_of, unit_vectors
from clay_assets.search.source import SourceListing, find_sources
from clay_assets.search.source_rows import read_source
from clay_assets.store import Store
from clay_assets_tests.search.embedding_files import (
    made_chips,
    made_patch_chips,
    patches_of,
    write_all,
    write_embeddings,
)


def overwrite_unseen(path: Path, data: bytes) -> None:
    """Other bytes of the same length, time and inode: the etag stays."""
    times = path.stat()
    assert len(data) == times.st_size
    with path.open("r+b") as file:
        file.write(data)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_a_footer_is_read_once_as_long_as_the_file_stays(store: Store) -> None:
    key = write_embeddings(store, "clay", "32VKM", made_chips("32VKM", 6))
    before = find_sources(store)
    path = Path(store.root) / key
    overwrite_unseen(path, b"x" * path.stat().st_size)
    assert find_sources(store) == before
    shutil.rmtree(store.cache)
    (reason,) = find_sources(store).left_out
    assert reason == f"{key}: is no Parquet file, or a damaged one"


def test_a_file_that_is_written_anew_is_looked_at_again(store: Store) -> None:
    chips = made_chips("32VKM", 6)
    write_embeddings(store, "clay", "32VKM", chips)
    (before,) = find_sources(store).files
    write_embeddings(store, "clay", "32VKM", chips, version="2")
    (after,) = find_sources(store).files
    assert (before.data_version, after.data_version) == ("32VKM-1", "32VKM-2")


def test_sources_are_found_without_a_cache_that_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("not a folder")
    store = Store(str(tmp_path / "data"), tmp_path / "cache")
    chips = made_chips("32VKM", 6)
    key = write_embeddings(Store(store.root, tmp_path / "other"), "clay", "32VKM", chips)
    assert [file.key for file in find_sources(store).files] == [key]


def test_one_listing_answers_for_all_tiles(store: Store) -> None:
    for tile in ("32VKM", "32VLM"):
        write_embeddings(store, "clay", tile, made_chips(tile, 3))
    write_embeddings(store, "clay", "33VUG", made_chips("33VUG", 3), level="group")
    listing = SourceListing(store)
    taken = store.files("embeddings/clay")[0].key
    assert [listing.find("clay", tile).tile for tile in ("32VLM",)] == ["32VLM"]
    with pytest.raises(SearchError, match=r"33VUG.*: level group; only one vector a chip, or"):
        listing.find("clay", "33VUG")
    with pytest.raises(NotFoundError, match="tile 31UDQ has no embeddings of product clay"):
        listing.find("clay", "31UDQ")
    store.delete([taken])
    with pytest.raises(SearchError, match=f"{taken}: was taken away meanwhile; run again"):
        listing.find("clay", "32VKM")


def test_rows_of_patches_have_their_own_places(store: Store) -> None:
    chips = made_patch_chips("32VKM", 5, grid=(2, 3), width=8)
    write_all(store, "fine", chips, level="patch")
    (file,) = find_sources(store).files
    assert (file.grid, file.width, file.rows) == ((2, 3), 8, 30)
    (rows,) = read_source(store, file)
    patches = patches_of(chips)
    assert rows["id"].to_pylist() == [patch.chip_id for patch in patches]
    wanted = unit_vectors(np.array([patch.embedding for patch in patches], np.float32))
    assert np.allclose(embedding_of(rows), wanted, atol=1e-6)
    footprints = shapely.from_wkb(rows["geometry"].to_numpy())
    assert shapely.equals_exact(footprints, [p.footprint for p in patches], 1e-12).all()
    assert rows["west"].to_pylist() == shapely.bounds(footprints)[:, 0].tolist()
    assert rows["source_url"][7].as_py() == f"chips/32VKM/{chips[1].chip_id}.tif"


def test_a_chip_that_is_no_box_has_no_places_for_patches(store: Store) -> None:
    chips = made_patch_chips("32VKM", 2)
    askew = replace(chips[1], footprint=shapely.affinity.rotate(chips[1].footprint, 30))
    write_all(store, "fine", [chips[0], askew], level="patch")
    (file,) = find_sources(store).files
    with pytest.raises(SearchError, match=f"patches of chip {askew.chip_id} have no place: a foot"):
        list(read_source(store, file))


@given(
    zone=st.sampled_from([32601, 32632, 32660, 32701, 32760]),
    x=st.integers(200_000, 800_000),
    y=st.integers(1_000_000, 9_000_000),
    side_m=st.integers(10, 20_000),
)
def test_a_footprint_leads_back_to_its_box(zone: int, x: int, y: int, side_m: int) -> None:
    box = (float(x), float(y), float(x + side_m), float(y + side_m))
    assert box_of_footprint(footprint_wgs84(box, zone), zone) == box


def test_a_footprint_across_the_antimeridian_leads_back_to_its_box() -> None:
    tile = tile_box("01KAB")
    box = (tile.west + 177_000.0, tile.south, tile.west + 182_120.0, tile.south + 5_120.0)
    split = next(
        (moved, footprint)
        for shift in range(-200_000, 200_000, 2_000)
        for moved in [(box[0] + shift, box[1], box[2] + shift, box[3])]
        if (footprint := footprint_wgs84(moved, tile.epsg)).geom_type == "MultiPolygon"
    )
    assert box_of_footprint(split[1], tile.epsg) == split[0]


def test_a_footprint_of_another_grid_is_refused() -> None:
    with pytest.raises(InvalidValueError, match=r"must be a box in EPSG:32632, got one whose corn"):
        box_of_footprint(shapely.box(9.0, 60.0, 9.1, 60.1), 32632)
