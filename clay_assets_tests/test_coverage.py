"""The table of all tiles says what there is of each, and reads only what has changed."""

from pathlib import Path

import geopandas
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clay_assets.chips.manifest import ChipRow, write_manifest
from clay_assets.coverage import COVERAGE_KEY, read_coverage, update_coverage
from clay_assets.errors import NotFoundError
from clay_assets.store import Store
from clay_assets.tile_sources import TileSource, write_source


def _chip(tile: str, number: int, date: str, cloud_share: float | None) -> ChipRow:
    return ChipRow(
        chip_id=f"{tile}_{date}_{number}",
        mgrs=tile,
        date=date,
        number=number,
        row=0,
        col=0,
        path=f"chips/{tile}/{number}.tif",
        epsg=32632,
        bounds=(300_000.0, 6_700_000.0, 305_120.0, 6_705_120.0),
        gsd_m=10.0,
        chip_size=512,
        bands=("B02",),
        cloud_share=cloud_share,
        nodata_share=0.0,
        scenes=("S2A",),
        content_hash=f"{number:016d}",
    )


def _write_chips(store: Store, tile: str, clouds: dict[str, list[float | None]], rejected=None):
    rows = [
        _chip(tile, number, date, share)
        for date, shares in clouds.items()
        for number, share in enumerate(shares, 1)
    ]
    return write_manifest(
        store,
        tile,
        rows,
        inputs="i",
        run_id="r",
        chip_size=512,
        rejected=rejected or {},
        source="https://stac.example",
    )


def _embed(store: Store, product: str, tile: str, rows: int) -> None:
    key = f"embeddings/{product}/{tile}_20230612_20240103_v001.gpq"
    with store.writing(key) as path:
        pq.write_table(pa.table({"row": list(range(rows))}), path)


def _row(store: Store, tile: str):
    return read_coverage(store).set_index("mgrs").loc[tile]


@pytest.fixture
def four_tiles(store: Store) -> Store:
    """One tile in each state."""
    write_source(store, TileSource("29RKH", "s3://bucket/scenes"))
    store.write_bytes("tiles/32VKN/tile.parquet", b"recipe")
    clouds = {"2023-06-12": [0.0, 0.1], "2024-01-03": [0.25, None]}
    _write_chips(store, "32VKM", clouds, {"cloud": 3, "no elevation": 1})
    _write_chips(store, "01KAB", {"2023-06-12": [0.2]})
    _embed(store, "clay", "01KAB", 1)
    return store


def test_each_tile_has_a_row_with_its_state(four_tiles: Store):
    report = update_coverage(four_tiles, run_id="r1")
    table = read_coverage(four_tiles)
    assert dict(zip(table["mgrs"], table["state"], strict=True)) == {
        "01KAB": "embedded",
        "29RKH": "registered",
        "32VKM": "chips",
        "32VKN": "planned",
    }
    assert report.by_state == {"registered": 1, "planned": 1, "chips": 1, "embedded": 1}
    assert (report.chips, report.embeddings) == (5, {"clay": 1})


def test_a_row_tells_dates_chips_and_clouds(four_tiles: Store):
    version = _write_chips(four_tiles, "32VKP", {"2024-01-03": [0.1, 0.2], "2023-06-12": [0.3]})
    update_coverage(four_tiles, run_id="r1")
    row = _row(four_tiles, "32VKP")
    assert row["dates"] == "2023-06-12 2024-01-03"
    assert (row["first_date"], row["last_date"]) == ("2023-06-12", "2024-01-03")
    assert row["cloud_share"] == pytest.approx(0.2)
    assert (row["chips"], row["embeddings_clay"]) == (3, 0)
    assert (row["source"], row["chips_data_version"]) == ("https://stac.example", version)
    row = _row(four_tiles, "32VKM")
    assert row["rejected"] == 4
    assert row["cloud_share"] == pytest.approx(0.35 / 3)  # of the chips with a classification
    assert _row(four_tiles, "29RKH")["source"] == "s3://bucket/scenes"


def test_the_outline_is_the_tiles_own(four_tiles: Store):
    update_coverage(four_tiles, run_id="r1")
    table = geopandas.read_parquet(four_tiles.url(COVERAGE_KEY)).set_index("mgrs")
    assert table.crs == "OGC:CRS84"
    # ESA's grid, by github.com/maawoo/sentinel-2-grid-geoparquet; degrees
    expected = (3.56356414, 59.34365366, 5.648484, 60.39170098)
    assert table.geometry["32VKM"].bounds == pytest.approx(expected, abs=1e-7)
    assert table.geometry["01KAB"].geom_type == "MultiPolygon"


def test_nothing_is_read_or_written_when_nothing_changed(four_tiles: Store):
    first = update_coverage(four_tiles, run_id="r1")
    written = four_tiles.stat(COVERAGE_KEY).etag
    again = update_coverage(four_tiles, run_id="r2")
    assert (first.skipped, first.tiles_read) == (False, 4)
    assert (again.skipped, again.tiles_read) == (True, 0)
    assert four_tiles.stat(COVERAGE_KEY).etag == written
    assert (again.data_version, again.by_state) == (first.data_version, first.by_state)


def test_only_what_changed_is_read_again(four_tiles: Store):
    update_coverage(four_tiles, run_id="r1")
    untouched = _row(four_tiles, "01KAB")
    _embed(four_tiles, "other", "32VKM", 4)
    report = update_coverage(four_tiles, run_id="r2")
    assert report.tiles_read == 1
    assert report.embeddings == {"clay": 1, "other": 4}
    assert _row(four_tiles, "32VKM")["state"] == "embedded"
    after = _row(four_tiles, "01KAB")
    for column in (
        "dates",
        "chips",
        "cloud_share",
        "source",
        "chips_data_version",
        "embeddings_clay",
    ):
        assert after[column] == untouched[column]


def test_a_tile_that_went_has_no_row(four_tiles: Store):
    first = update_coverage(four_tiles, run_id="r1")
    four_tiles.delete(["embeddings/clay/01KAB_20230612_20240103_v001.gpq"])
    assert update_coverage(four_tiles, run_id="r2").embeddings == {}
    assert "embeddings_clay" not in read_coverage(four_tiles)
    four_tiles.delete(["imagery/29RKH.json"])
    report = update_coverage(four_tiles, run_id="r3")
    assert report.tiles == first.tiles - 1
    assert "29RKH" not in set(read_coverage(four_tiles)["mgrs"])


def test_the_same_chips_written_anew_leave_the_data_version(four_tiles: Store):
    first = update_coverage(four_tiles, run_id="r1")
    _write_chips(four_tiles, "01KAB", {"2023-06-12": [0.2]})
    again = update_coverage(four_tiles, run_id="r2")
    assert again.tiles_read == 1
    assert again.data_version == first.data_version


def test_a_tile_whose_chips_were_all_rejected_is_there(store: Store):
    _write_chips(store, "32VKM", {}, {"cloud": 16})
    update_coverage(store, run_id="r1")
    row = _row(store, "32VKM")
    assert (row["state"], row["chips"], row["rejected"]) == ("chips", 0, 16)


def test_an_empty_store_has_an_empty_table(store: Store):
    with pytest.raises(NotFoundError, match=r"coverage\.parquet"):
        read_coverage(store)
    report = update_coverage(store, run_id="r1")
    assert (report.tiles, report.skipped) == (0, False)
    assert len(read_coverage(store)) == 0
    assert update_coverage(store, run_id="r2").skipped


def test_coverage_is_read_from_s3(s3_bucket: str, tmp_path: Path):
    store = Store(f"s3://{s3_bucket}/clay", tmp_path / "cache")
    _write_chips(store, "32VKM", {"2023-06-12": [0.0]})
    _embed(store, "clay", "32VKM", 1)
    assert update_coverage(store, run_id="r1").by_state == {"embedded": 1}
    assert update_coverage(store, run_id="r2").skipped
