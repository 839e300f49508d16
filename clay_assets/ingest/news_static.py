"""New scenes of a catalogue that is read whole: a fingerprint of each tile's items is compared."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

import pystac

from clay_assets.errors import ImageryError
from clay_assets.ingest.collections import sensor_of
from clay_assets.ingest.news_state import News, NewsCursor, iso, moment
from clay_assets.ingest.scenes import tile_of_scene, updated
from clay_assets.provenance import fingerprint


def compare_items(
    items: Iterable[pystac.Item],
    tiles: Sequence[str],
    since: datetime,
    cursor: NewsCursor,
    now: datetime,
) -> News:
    """What has changed in the items of some tiles since the last look.

    Of a tile that was not looked at before, the scenes updated since then are news, so far as
    they say when; of one that was, those updated since the last look or, when none says so, all.
    A tile whose last scene is gone is told of without ids. A file that is overwritten while its
    item stays as it is goes unseen.

    Args:
        items: of all sensors and tiles.
        tiles: MGRS tile ids.
        since: what was updated before is no news.
        cursor: from the last look.
        now: time of this look.
    """
    by_tile: dict[str, list[pystac.Item]] = {tile: [] for tile in tiles}
    notes: list[str] = []
    for item in items:
        if sensor_of(item) == "optical":
            try:
                by_tile.get(tile_of_scene(item), []).append(item)
            except ImageryError as error:
                notes.append(f"{item.id} is left out: {error}")
    news: dict[str, tuple[str, ...]] = {}
    fingerprints: dict[str, str] = {}
    start = cursor.since or iso(since)
    for tile, scenes in by_tile.items():
        fingerprints[tile] = _fingerprint(scenes)
        before = cursor.fingerprints.get(tile)
        late = tuple(sorted(scene.id for scene in scenes if _updated(scene) >= start))
        if before is None and late:
            news[tile] = late
        elif before is not None and before != fingerprints[tile]:
            news[tile] = late or tuple(sorted(scene.id for scene in scenes))
    times = [_updated(scene) for scenes in by_tile.values() for scene in scenes]
    newest = max([cursor.newest, *times])
    after = replace(cursor, since=iso(now), newest=newest, fingerprints=fingerprints)
    return News(news, moment(newest) if newest else None, after, True, 1, tuple(notes))


def _fingerprint(scenes: Sequence[pystac.Item]) -> str:
    said = sorted((scene.id, _content(scene)) for scene in scenes)
    return fingerprint(said)


def _content(scene: pystac.Item) -> str:
    return fingerprint(scene.to_dict(include_self_link=False, transform_hrefs=False))


def _updated(scene: pystac.Item) -> str:
    """When a scene was updated; empty when it does not say so in a way that is understood."""
    try:
        return iso(moment(updated(scene)))
    except ValueError:
        return ""
