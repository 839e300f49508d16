"""Automation: what is made anew when what it was made from has changed, without a person.

It launches backfills, so that many tiles share a run, as `BackfillPolicy` says. Assets report one
event a tile; nothing is made twice for the same inputs.
"""

import dagster as dg

from clay_assets.defs.sensors import DEFAULT_WATCH_SECONDS, status_of
from clay_assets.settings import Settings

FOLLOW = (
    (dg.AutomationCondition.newly_missing() | dg.AutomationCondition.any_deps_updated()).since(
        dg.AutomationCondition.newly_requested() | dg.AutomationCondition.newly_updated()
    )
    & ~dg.AutomationCondition.any_deps_missing()
    & ~dg.AutomationCondition.any_deps_in_progress()
    & ~dg.AutomationCondition.in_progress()
).with_label("follow")
"""Of a tile: as soon as its inputs are there, and when they change. Not `eager`, which leaves out
tiles that were registered before automation was switched on. A tile that fails is not tried again
before its inputs change."""

REFRESH = (
    dg.AutomationCondition.any_deps_updated().since_last_handled()
    & ~dg.AutomationCondition.any_deps_in_progress()
    & ~dg.AutomationCondition.in_progress()
).with_label("refresh")
"""Of an asset over all tiles: once no tile is being worked on. `eager` would wait for ever for a
tile without embeddings."""


def automation_sensor(settings: Settings) -> dg.AutomationConditionSensorDefinition:
    """The sensor that evaluates the conditions of all assets."""
    return dg.AutomationConditionSensorDefinition(
        "automation",
        target=dg.AssetSelection.all(),
        description="Makes anew what is out of date, from the tiles to the indexes.",
        minimum_interval_seconds=min(30, settings.watch_seconds or DEFAULT_WATCH_SECONDS),
        default_status=status_of(wanted=settings.watch_seconds is not None),
    )
