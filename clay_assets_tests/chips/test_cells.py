import json

import pyarrow.parquet as pq

from clay_assets.chips import GridCell, cut_tile, grid_cells
from clay_assets.chips.manifest import write_manifest
from clay_assets.ingest import find_imagery, plan_tile
from clay_assets_tests.chips.making import make_row
from clay_assets_tests.ingest.making import SIDE, elevation, optical, radar, save_catalogue

TILE, DAY = "32VKM", "2021-05-10"
MANIFEST = f"chips/{TILE}/chips.parquet"


def cut(store, folder, **kwargs):
    """Radar for 40 of 64 columns: of four chips in a row, two lack it, wholly or in part."""
    items = [optical(folder, DAY), radar(folder, columns=(0, 40)), elevation(folder)]
    location = str(save_catalogue(folder, items))
    plan_tile(store, find_imagery(location, TILE), run_id="r", **kwargs)
    return cut_tile(store, TILE, chip_size=16, run_id="r")


def test_every_place_has_a_cell_that_tells_its_fault(store, tmp_path):
    cut(store, tmp_path / "imagery")
    cells = grid_cells(store, TILE)
    assert list(cells) == [DAY]
    assert [cell.number for cell in cells[DAY]] == list(range(1, 17))
    faults = [cell.fault for cell in cells[DAY][:4]]
    assert faults == [None, None, "no Sentinel-1 data", "no Sentinel-1 data"]
    assert cells[DAY][6] == GridCell(7, 16, 32, 16, "no Sentinel-1 data")


def test_cells_of_a_subset_lie_in_the_tiles_grid(store, tmp_path):
    cut(store, tmp_path / "imagery", subset=(10, 20, 58, SIDE))
    cells = grid_cells(store, TILE)[DAY]
    assert [(cell.row, cell.col) for cell in cells] == [
        (row, col) for row in (20, 36) for col in (10, 26, 42)
    ]
    assert [cell.fault is None for cell in cells] == [True, False, False] * 2


def test_cells_of_a_date_that_is_kept_are_kept(store, tmp_path):
    folder = tmp_path / "imagery"
    cut(store, folder)
    first = grid_cells(store, TILE)[DAY]
    old = find_imagery(str(folder / "catalog.json"), TILE).catalogue.items
    new = [optical(folder, "2022-06-01"), radar(folder, "2022-06-01T17:00:00")]
    location = str(save_catalogue(folder, [*old, *new]))
    plan_tile(store, find_imagery(location, TILE), run_id="r")
    report = cut_tile(store, TILE, chip_size=16, run_id="r")
    assert report.kept_dates == (DAY,)
    cells = grid_cells(store, TILE)
    assert cells[DAY] == first
    assert all(cell.fault is None for cell in cells["2022-06-01"])


def test_an_older_manifest_has_cells_of_kept_chips_only(store):
    write_manifest(
        store,
        TILE,
        [make_row(2), make_row(1)],
        inputs="in",
        run_id="r",
        chip_size=32,
        rejected={"cloud": 1},
        source="x",
    )
    path = store.local_path(MANIFEST)
    table = pq.read_table(path)
    metadata = table.schema.metadata
    meta = json.loads(metadata[b"clay_assets"])
    meta["dates"] = {"2023-06-12": {"inputs": "in", "rejected": {"cloud": 1}}}
    metadata[b"clay_assets"] = json.dumps(meta).encode()
    pq.write_table(table.replace_schema_metadata(metadata), path)
    assert grid_cells(store, TILE) == {
        "2023-06-12": (GridCell(1, 0, 0, 32, None), GridCell(2, 0, 32, 32, None))
    }
