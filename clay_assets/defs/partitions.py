"""Partitions: MGRS tiles, and checkpoints and image sets by name."""

import dagster as dg

from clay_assets.images.sets import check_set_name
from clay_assets.mgrs import parse_tile

mgrs_tiles = dg.DynamicPartitionsDefinition(name="mgrs_tile")
checkpoint_names = dg.DynamicPartitionsDefinition(name="checkpoint")
image_sets = dg.DynamicPartitionsDefinition(name="image_set")

KEYS_A_CALL = 5_000
"""SQLite takes at most 32,766 variables in a statement."""


def add_tiles(instance: dg.DagsterInstance, tiles: list[str]) -> list[str]:
    """Add MGRS tiles as partitions, sorted so that ranges are neighbours; known ones stay.

    Raises:
        TileError: one of them is not a tile that exists; then none is added.
    """
    names = sorted({parse_tile(tile) for tile in tiles})
    for start in range(0, len(names), KEYS_A_CALL):
        instance.add_dynamic_partitions("mgrs_tile", names[start : start + KEYS_A_CALL])
    return names


def add_checkpoint(instance: dg.DagsterInstance, name: str) -> None:
    """Add a checkpoint name as a partition; a known one stays."""
    instance.add_dynamic_partitions("checkpoint", [name])


def add_image_set(instance: dg.DagsterInstance, name: str) -> None:
    """Add an image set as a partition; a known one stays.

    Raises:
        InvalidValueError: it cannot be a partition key.
    """
    instance.add_dynamic_partitions("image_set", [check_set_name(name)])
