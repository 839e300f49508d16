"""What Dagster must know of a tile's materialization to tell later whether it is out of date.

In a run of one tile it writes these tags itself; in a ranged run each tile's own event brings them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import dagster as dg
from dagster import DagsterEventType
from dagster._core.definitions.data_version import (
    CODE_VERSION_TAG,
    DATA_VERSION_IS_USER_PROVIDED_TAG,
    DATA_VERSION_TAG,
    DEFAULT_DATA_VERSION,
    NULL_EVENT_POINTER,
    get_input_data_version_tag,
    get_input_event_pointer_tag,
)


@dataclass(frozen=True)
class Upstream:
    """One asset that a step reads, as it was when the step began."""

    key: dg.AssetKey
    """The asset."""
    pointer: str
    """Id of its newest event; what comes after it makes the tile stale."""
    newest: str
    """Data version of that event."""
    of_tiles: Mapping[str, str]
    """Tile -> data version, where it is partitioned by tile."""

    def tags(self, tile: str) -> dict[str, str]:
        """The tags of one tile."""
        return {
            get_input_data_version_tag(self.key): self.of_tiles.get(tile, self.newest),
            get_input_event_pointer_tag(self.key): self.pointer,
        }


@dataclass(frozen=True)
class TileLineage:
    """Code version and inputs of one step over many tiles."""

    code_version: str
    """Of the asset's code."""
    upstream: tuple[Upstream, ...]
    """The assets it reads."""

    @classmethod
    def of_run(cls, context: dg.AssetExecutionContext, tiles: Sequence[str]) -> "TileLineage":
        """Ask once for all tiles, before the first of them is read."""
        parents = sorted(context.assets_def.asset_deps[context.asset_key], key=str)
        code_version = context.assets_def.code_versions_by_key.get(context.asset_key) or ""
        return cls(code_version, tuple(_upstream(context.instance, key, tiles) for key in parents))

    def tags(self, tile: str, data_version: str) -> dict[str, str]:
        """Tags of the tile's materialization."""
        tags = {
            DATA_VERSION_TAG: data_version,
            CODE_VERSION_TAG: self.code_version,
            DATA_VERSION_IS_USER_PROVIDED_TAG: "true",
        }
        for upstream in self.upstream:
            tags |= upstream.tags(tile)
        return tags


def _upstream(instance: dg.DagsterInstance, key: dg.AssetKey, tiles: Sequence[str]) -> Upstream:
    records = instance.fetch_materializations(key, limit=1).records
    if not records:
        return Upstream(key, NULL_EVENT_POINTER, DEFAULT_DATA_VERSION.value, {})
    tags = instance.event_log_storage.get_latest_tags_by_partition(
        key, DagsterEventType.ASSET_MATERIALIZATION, [DATA_VERSION_TAG], list(tiles)
    )
    newest = (records[0].event_log_entry.tags or {}).get(DATA_VERSION_TAG)
    return Upstream(
        key,
        str(records[0].storage_id),
        newest or DEFAULT_DATA_VERSION.value,
        {tile: of_tile[DATA_VERSION_TAG] for tile, of_tile in tags.items()},
    )
