"""Chips that are read, put together with others of their kind, whichever tile they are of."""

from dataclasses import dataclass, field

from clay_assets.chips import Chip, ChipRow
from clay_assets.embeddings.in_hand import TileInHand
from clay_assets.embeddings.suiting import kind_of
from clay_assets.models.token_encoder import ChipKind

_PATIENCE = 8
"""Batches of others after which one that has not filled up goes as it is."""


@dataclass(frozen=True, eq=False)
class WantedChip:
    """A chip of a tile in hand that is to go through the encoder."""

    hand: TileInHand | None
    """Its tile; None for one of which nothing is to be done."""
    row: ChipRow | None
    """The chip; None where none is missing."""

    @property
    def is_wanted(self) -> bool:
        """Whether its tile has not failed."""
        return self.hand is not None and self.hand.error is None


@dataclass(frozen=True)
class ReadChip:
    """A chip that was read."""

    hand: TileInHand
    """Its tile."""
    row: ChipRow
    """As the manifest lists it."""
    chip: Chip
    """Its pixels."""

    @property
    def key(self) -> tuple[str, ChipKind]:
        """Chips with the same go through one encoder."""
        return self.hand.work.checkpoint_id, kind_of(self.row)


Batch = list[ReadChip]


@dataclass
class Batches:
    """Chips that wait for others of their kind."""

    size: int
    _waiting: dict[tuple[str, ChipKind], Batch] = field(default_factory=dict)
    _since: dict[tuple[str, ChipKind], int] = field(default_factory=dict)
    _count: int = 0

    def add(self, read: ReadChip) -> list[Batch]:
        """Take a chip; batches that are full now, or have waited long enough."""
        self._count += 1
        self._since.setdefault(read.key, self._count)
        self._waiting.setdefault(read.key, []).append(read)
        longest = _PATIENCE * self.size
        return [
            self._take(key)
            for key, batch in list(self._waiting.items())
            if len(batch) == self.size or self._count - self._since[key] >= longest
        ]

    def rest(self) -> list[Batch]:
        """What has not filled up."""
        return [self._take(key) for key in list(self._waiting)]

    def _take(self, key: tuple[str, ChipKind]) -> Batch:
        del self._since[key]
        return self._waiting.pop(key)
