"""Patch and group vectors as rows with a place of their own."""

import json
from dataclasses import replace

import geopandas
import numpy as np
import pyarrow.parquet as pq
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Transformer

from clay_assets.bands import BAND_GROUPS
from clay_assets.embeddings.dtypes import vectors_of
from clay_assets.embeddings.file import read_metadata, read_rows
from clay_assets.embeddings.outputs.patch_rows import write_patch_rows
from clay_assets.errors import ChipError, InvalidValueError
from clay_assets.ingest.footprint import cell_footprints_wgs84, footprint_wgs84
from clay_assets_tests.embeddings.conftest import TILE, put_weights
from clay_assets_tests.embeddings.made_files import made_rows, put_file

KEY = "patches.gpq"
METRE = 1e-5  # degrees, roughly
BEND = 5e-4  # degrees, of 10 km near the pole


def read(store) -> geopandas.GeoDataFrame:
    return geopandas.read_parquet(store.local_path(KEY))


def test_each_patch_vector_gets_a_row_in_the_file_s_order(store):
    made = put_file(store, shape=(2, 3, 4))
    assert write_patch_rows(store, KEY, made.key, TILE) == 3 * 6
    frame = read(store)
    assert np.array_equal(np.stack(frame.embeddings), made.vectors.reshape(-1, 4))
    places = [(row, col) for row in range(2) for col in range(3)]
    assert list(zip(frame.row, frame.col, strict=True)) == places * 3
    assert frame.chip_id.tolist() == [row.chip_id for row in made.rows for _ in range(6)]
    assert frame.patch_id.is_unique
    assert frame.patch_id[5] == f"{made.rows[0].chip_id}/1/2"
    assert frame.group.isna().all()
    assert frame.crs.to_string() == "OGC:CRS84"


def test_group_vectors_name_their_band_group(store):
    checkpoint_id = put_weights(store)
    made = put_file(store, shape=(6, 2, 2, 4), checkpoint_id=checkpoint_id)
    assert write_patch_rows(store, KEY, made.key, TILE) == 3 * 24
    frame = read(store)
    assert np.array_equal(np.stack(frame.embeddings), made.vectors.reshape(-1, 4))
    assert frame.group[:24].tolist() == [name for name in BAND_GROUPS for _ in range(4)]
    assert frame.patch_id[23] == f"{made.rows[0].chip_id}/dem/1/1"
    assert frame.geometry[:4].tolist() == frame.geometry[4:8].tolist()


def test_group_names_are_those_that_the_chip_has(store):
    checkpoint_id = put_weights(store)
    rows = [replace(row, bands=("B02", "B03", "B04", "dem")) for row in made_rows()]
    made = put_file(store, shape=(2, 2, 2, 4), checkpoint_id=checkpoint_id, rows=rows)
    write_patch_rows(store, KEY, made.key, TILE)
    assert read(store).group[:8].tolist() == ["rgb"] * 4 + ["dem"] * 4


def test_the_first_patch_is_the_north_western_one(store):
    made = put_file(store, shape=(2, 2, 3))
    write_patch_rows(store, KEY, made.key, TILE)
    frame = read(store)[:4].set_index(["row", "col"])
    middle = {place: geometry.centroid for place, geometry in frame.geometry.items()}
    assert middle[0, 0].y > middle[1, 0].y
    assert middle[0, 0].x < middle[0, 1].x
    whole = footprint_wgs84(made.rows[0].bounds, made.rows[0].epsg)
    assert frame.geometry[0, 0].exterior.coords[2] == pytest.approx(whole.exterior.coords[2])


def test_the_file_says_how_it_was_made_and_where_it_is(store):
    made = put_file(store, shape=(2, 2, 3), dtype="int8")
    write_patch_rows(store, KEY, made.key, TILE)
    found = read_metadata(store, KEY)
    assert found == replace(made.metadata, shape=(3,), dtype="float32")
    geo = json.loads(pq.read_schema(store.local_path(KEY)).metadata[b"geo"])
    frame = read(store)
    column = geo["columns"]["geometry"]
    assert column["bbox"] == pytest.approx(frame.total_bounds.tolist())
    assert column["geometry_types"] == ["Polygon"]
    box = pq.read_table(store.local_path(KEY))["bbox"][5].as_py()
    assert tuple(box.values()) == frame.geometry[5].bounds
    (rows,) = read_rows(store, made.key, ["embeddings"])  # int8 steps times their scales
    decoded = vectors_of(rows["embeddings"]).reshape(-1, 3)
    assert np.array_equal(np.stack(frame.embeddings), decoded)


def test_row_groups_stay_small(store, monkeypatch):
    made = put_file(store, shape=(2, 2, 3))
    monkeypatch.setattr("clay_assets.embeddings.file._BATCH_BYTES", 4 * 2 * 2 * 3)
    write_patch_rows(store, KEY, made.key, TILE)
    footer = pq.read_metadata(store.local_path(KEY))
    assert [footer.row_group(n).num_rows for n in range(footer.num_row_groups)] == [4, 4, 4]


def test_one_vector_a_chip_has_no_patches(store):
    made = put_file(store)
    with pytest.raises(
        InvalidValueError, match=r"has one vector a chip \(level mean\), so there are no patches"
    ):
        write_patch_rows(store, KEY, made.key, TILE)
    assert not store.exists(KEY)


def test_chips_that_changed_since_are_no_place_for_their_patches(store):
    made = put_file(store, shape=(2, 2, 3))
    rows = [replace(row, content_hash="new") for row in made.rows]
    put_file(store, "other", shape=(2, 2, 3), rows=rows)
    with pytest.raises(ChipError, match=r"was embedded with content hash \w+ and has content hash"):
        write_patch_rows(store, KEY, made.key, TILE)
    put_file(store, "other", shape=(2, 2, 3), rows=rows[1:])
    with pytest.raises(ChipError, match="and is gone; materialise the embeddings of its tile"):
        write_patch_rows(store, KEY, made.key, TILE)


sides = st.integers(1, 8)


@given(
    rows=sides,
    columns=sides,
    zone=st.sampled_from([32601, 32632, 32660, 32701, 32760]),
    x=st.floats(200_000, 800_000),
    y=st.floats(1_000_000, 9_000_000),
    side_m=st.floats(100, 10_000),
)
def test_patches_tile_their_chip(rows, columns, zone, x, y, side_m):
    """Back in the chip's own CRS the corners are those of an even grid, and nothing overlaps."""
    bounds = (x, y, x + side_m, y + side_m)
    cells = cell_footprints_wgs84(bounds, zone, rows=rows, columns=columns)
    if any(cell.geom_type != "Polygon" for cell in cells):
        return  # see the test at the antimeridian
    to_utm = Transformer.from_crs("OGC:CRS84", zone, always_xy=True)
    for number, cell in enumerate(cells):
        row, column = divmod(number, columns)
        ring = np.array(to_utm.transform(*np.array(cell.exterior.coords[:4]).T)).T
        low = (x + side_m * column / columns, y + side_m * (1 - (row + 1) / rows))
        high = (x + side_m * (column + 1) / columns, y + side_m * (1 - row / rows))
        wanted = [(high[0], low[1]), high, (low[0], high[1]), low]
        assert ring == pytest.approx(np.array(wanted), abs=0.01)  # metres
    whole = shapely.union_all(cells)
    assert whole.geom_type == "Polygon"
    assert len(whole.interiors) == 0
    assert whole.area == pytest.approx(sum(cell.area for cell in cells), rel=1e-9)
    # The chip's own polygon has four corners and straight edges, so it cuts the bend of its sides.
    assert whole.hausdorff_distance(footprint_wgs84(bounds, zone)) < BEND


def test_patches_across_the_antimeridian_are_cut_like_their_chip():
    """Zone 1 south, Taveuni in Fiji, which 180 degrees cuts in two."""
    x, y = Transformer.from_crs(4326, 32701, always_xy=True).transform(180.0, -16.8)
    bounds = (x - 2500, y - 2500, x + 2620, y + 2620)
    cells = cell_footprints_wgs84(bounds, 32701, rows=4, columns=4)
    kinds = [cell.geom_type for cell in cells]
    assert set(kinds) == {"Polygon", "MultiPolygon"}
    assert all(cell.is_valid for cell in cells)
    whole = footprint_wgs84(bounds, 32701)
    assert shapely.union_all(cells).symmetric_difference(whole).area < 1e-4 * whole.area
    assert sum(cell.area for cell in cells) == pytest.approx(whole.area, rel=1e-4)
    assert shapely.total_bounds(cells).tolist() == pytest.approx(whole.bounds, abs=METRE)
