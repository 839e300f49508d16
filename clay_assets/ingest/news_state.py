"""What is known between two looks for new scenes, and what one look finds."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime


@dataclass(frozen=True)
class NewsCursor:
    """Where a look stopped; the next one goes on from there."""

    since: str = ""
    """Time from which scenes are asked for in this round, ISO 8601, UTC; empty at the start."""
    by: str = ""
    """What of a scene the time is compared with: `updated`, `created` or `datetime`."""
    began: str = ""
    """When this round began; a scene that is updated later may be left to the next round."""
    newest: str = ""
    """Latest time of any scene that was found."""
    group: int = 0
    """Group of tiles that comes next in this round."""
    reached: str = ""
    """Time up to which that group was read; empty for none of it."""
    known: Mapping[str, str] = field(default_factory=dict)
    """Item id -> its time, of scenes that were told already and would be found again."""
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    """Tile -> fingerprint of its items, of catalogues that are read whole."""
    tiles: str = ""
    """Fingerprint of the list of tiles this round goes through."""

    def to_json(self) -> str:
        """As a sensor keeps it; what is empty is left out."""
        return json.dumps({name: value for name, value in asdict(self).items() if value})

    @classmethod
    def from_json(cls, text: str | None) -> "NewsCursor":
        """As a sensor gives it; None at first."""
        return cls(**json.loads(text)) if text else cls()


@dataclass(frozen=True)
class News:
    """What one look found."""

    scenes: Mapping[str, tuple[str, ...]]
    """Tile -> ids of its new or changed Sentinel-2 items, sorted; others are left out."""
    newest: datetime | None
    """Latest `updated` of any scene seen so far; None before the first."""
    cursor: NewsCursor
    """For the next look."""
    is_done: bool
    """Whether all tiles were gone through; if not, look again at once."""
    requests: int
    """Pages that were read."""
    notes: tuple[str, ...] = ()
    """What an operator ought to know, such as that the API cannot be asked by `updated`."""


def iso(time: datetime) -> str:
    """A time as cursors and STAC APIs have it.

    >>> iso(datetime(2024, 5, 1, 12, tzinfo=UTC))
    '2024-05-01T12:00:00.000000Z'
    """
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def moment(text: str) -> datetime:
    """A time of a cursor or item; one that names no zone is UTC.

    Raises:
        ValueError: not ISO 8601.
    """
    time = datetime.fromisoformat(text)
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def in_groups(tiles: Sequence[str], size: int) -> list[list[str]]:
    """Tiles in their order, so many at a time; sorted tiles of a group are neighbours.

    >>> in_groups(["32VKM", "32VKN", "32VLM"], 2)
    [['32VKM', '32VKN'], ['32VLM']]
    """
    return [list(tiles[start : start + size]) for start in range(0, len(tiles), size)]
