"""The imagery of a tile: outside, and only registered here."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import dagster as dg

from clay_assets.defs.partitions import add_tiles, mgrs_tiles
from clay_assets.ingest import find_imagery
from clay_assets.store import Store
from clay_assets.tile_sources import TileSource, write_source

OWNERS = ["team:clay-assets"]

imagery = dg.AssetSpec(
    "imagery",
    description="Scenes or ready chips available for one MGRS tile, wherever they lie.",
    partitions_def=mgrs_tiles,
    group_name="imagery",
    kinds={"stac", "geotiff"},
    owners=OWNERS,
)


def register_imagery(instance: dg.DagsterInstance, store: Store, source: TileSource) -> str:
    """Add a tile as a partition and report its imagery, when it is new or has changed.

    Returns:
        The data version of the imagery, a hash of every (href, etag).

    Raises:
        ClayAssetsError: there is no imagery of that tile, or it cannot be reached.
    """
    found = find_imagery(source.location, source.mgrs, dates=source.dates, items=source.items)
    write_source(store, replace(source, location=found.location))
    add_tiles(instance, [source.mgrs])
    if _known_version(instance, source.mgrs) != found.fingerprint:
        metadata = {"location": source.location, "items": len(found.items)}
        for event in imagery_events(source.mgrs, found.fingerprint, metadata):
            instance.report_runless_asset_event(event)
    return found.fingerprint


def imagery_events(
    tile: str, version: str, metadata: Mapping[str, Any]
) -> list[dg.AssetObservation | dg.AssetMaterialization]:
    """What tells Dagster that the imagery of a tile is new.

    It needs both: the materialization starts automation, the observation marks what lies
    downstream as stale. In this order: an observation after the event that a run has read would
    look like news.
    """
    facts: dict[str, Any] = {
        "partition": tile,
        "metadata": dict(metadata),
        "tags": {"dagster/data_version": version},
    }
    return [dg.AssetObservation("imagery", **facts), dg.AssetMaterialization("imagery", **facts)]


def _known_version(instance: dg.DagsterInstance, tile: str) -> str | None:
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=dg.AssetKey("imagery"), asset_partitions=[tile]), limit=1
    ).records
    if not records or records[0].asset_materialization is None:
        return None
    return (records[0].asset_materialization.tags or {}).get("dagster/data_version")
