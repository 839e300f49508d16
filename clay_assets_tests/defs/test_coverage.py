"""The asset `coverage` in the real graph, on a tiny landscape."""

from pathlib import Path

import dagster as dg

from clay_assets.coverage import read_coverage
from clay_assets.definitions import build_defs
from clay_assets.defs.imagery import register_imagery
from clay_assets.ingest import list_tiles
from clay_assets.settings import Settings
from clay_assets.tile_sources import TileSource
from clay_assets_tests.defs.conftest import CHIP_SIZE, CHIPS, DATES


def _pictures(settings: Settings, tile: str) -> dict[str, str]:
    """Etags of the tile's pictures."""
    files = settings.store.files(f"tiles/{tile}")
    pictures = {file.key: file.etag for file in files if file.key.endswith(".png")}
    assert sorted(pictures) == [
        f"tiles/{tile}/{name}.png" for name in ("chip_grid", "quicklook", "sheet")
    ]
    return pictures


def test_coverage_and_chips_show_what_there_is(landscape: Path, tmp_path: Path):
    settings = Settings.from_environment({"CLAY_HOME": str(tmp_path)})
    repository = build_defs(settings).get_repository_def()
    (tile,) = list_tiles(str(landscape))
    with dg.instance_for_test() as instance:
        source = TileSource(tile, str(landscape), chip_size=CHIP_SIZE)
        register_imagery(instance, settings.store, source)
        job = repository.get_job("__ASSET_JOB")
        cut = job.get_subset(asset_selection={dg.AssetKey("tiles"), dg.AssetKey("chips")})
        chips = cut.execute_in_process(instance=instance, partition_key=tile)
        drawn = _pictures(settings, tile)
        cut.execute_in_process(instance=instance, partition_key=tile)
        assert _pictures(settings, tile) == drawn
        whole = job.get_subset(asset_selection={dg.AssetKey("coverage")})
        runs = [whole.execute_in_process(instance=instance) for _ in range(2)]
    first, second = (run.asset_materializations_for_node("coverage")[0].metadata for run in runs)
    assert (first["tiles"].value, first["chips"].value) == (1, CHIPS)
    assert first["tiles chips"].value == 1
    assert first["map"].md_str.startswith("![](data:image/png;base64,")
    assert (first["skipped"].value, second["skipped"].value) == (False, True)
    (row,) = read_coverage(settings.store).itertuples()
    assert (row.mgrs, len(row.dates.split()), row.source) == (tile, DATES, str(landscape))
    planned = chips.asset_materializations_for_node("tiles")[0].metadata
    assert planned["cloud_cover_pct"].value == 0
    shown = chips.asset_materializations_for_node("chips")[0].metadata
    assert shown["chip_grid"].md_str.startswith("![](data:image/png;base64,")
    assert shown["sheet"].md_str.startswith("![](data:image/png;base64,")
    assert shown["cloud_pct"].value == 0
    assert [name for name in shown if name.startswith("cloud_pct 20")] == [
        f"cloud_pct {date}" for date in row.dates.split()
    ]
