"""Which Sentinel-2 scenes are new or were processed anew: what a sensor asks at each tick."""

from collections.abc import Sequence
from datetime import UTC, datetime

from clay_assets.errors import InvalidValueError
from clay_assets.ingest.api_catalogue import ApiCatalogue
from clay_assets.ingest.catalogues import StaticCatalogue
from clay_assets.ingest.locations import open_location
from clay_assets.ingest.news_api import ApiLook
from clay_assets.ingest.news_state import News, NewsCursor
from clay_assets.ingest.news_static import compare_items
from clay_assets.mgrs import parse_tile

__all__ = ["News", "NewsCursor", "scenes_since"]


def scenes_since(
    location: str,
    tiles: Sequence[str],
    since: datetime,
    *,
    cursor: NewsCursor | None = None,
    pages: int = 20,
    now: datetime | None = None,
) -> News:
    """Sentinel-2 scenes of some tiles that were updated since a time or since the last look.

    A STAC API is asked for 100 tiles at a time, by what its items say: `updated`, else `created`,
    else the time they were taken, in which case a note says that scenes processed anew go unseen.
    Each round asks from a little before the last one on, as scenes appear later than they say,
    and leaves out what was told already; so nothing is missed, not in the same second either, and
    nothing told twice. A catalogue that is read whole is compared tile by tile.

    Args:
        location: a STAC API, or a static catalogue or stac-geoparquet file.
        tiles: MGRS tile ids.
        since: for the first look; what was updated at least an hour before is no news.
        cursor: from the last look; None at first.
        pages: how many pages with news an API is asked for at most; where they were not enough,
            `is_done` is false and the next look goes on. An API that cannot sort gives all of a
            group of tiles at once.
        now: the time; None for this machine's clock, which may be an hour wrong.

    Returns:
        What is new. A scene that was told of and changes again is told of again.

    Raises:
        ImageryError: the location cannot be read.
        InvalidValueError: it holds ready chips, `pages` is less than 1, or `since` has no zone.
        TileError: not a tile that exists.
        UnreachableError: it does not answer; the same cursor may be used again.
    """
    if pages < 1:
        raise InvalidValueError(f"pages must be 1 or more, got {pages}")
    if since.tzinfo is None:
        raise InvalidValueError(f"since must have a time zone, got {since.isoformat()}")
    names = sorted({parse_tile(tile) for tile in tiles})
    cursor, now = cursor or NewsCursor(), now or datetime.now(UTC)
    catalogue = open_location(location)
    if isinstance(catalogue, ApiCatalogue):
        collection = catalogue.collections["optical"][0]
        look = ApiLook(catalogue.url, catalogue.client, collection, names, cursor, pages)
        return look.go(since, now)
    if isinstance(catalogue, StaticCatalogue):
        return compare_items(catalogue.items, names, since, cursor, now)
    raise InvalidValueError(
        f"{location} holds ready chips, which have no items; let the sensor `new_objects` watch it"
    )
