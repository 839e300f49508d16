"""What a run has finished of a date, so that the next one need not do it again after a kill."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from clay_assets.chips.manifest import ChipRow, chip_row
from clay_assets.errors import NotFoundError
from clay_assets.store import Store


@dataclass(frozen=True)
class Cut:
    """Chips that were made, and those that were not."""

    rows: tuple[ChipRow, ...] = ()
    """One a chip that was kept."""
    rejected: Counter[str] = field(default_factory=Counter)
    """Chips by the reason why they were rejected."""
    places: Mapping[str, Sequence[Sequence[int]]] = field(default_factory=dict)
    """Number, row and column of those, by reason, as far as they are known."""

    def __add__(self, other: "Cut") -> "Cut":
        """Both together."""
        places = {
            reason: [*self.places.get(reason, ()), *other.places.get(reason, ())]
            for reason in {**self.places, **other.places}
        }
        return Cut(self.rows + other.rows, self.rejected + other.rejected, places)


@dataclass(frozen=True)
class Journal:
    """Finished parts of one date, kept beside its chips until the manifest has them."""

    store: Store
    """Where chips are stored."""
    tile: str
    """MGRS tile id."""
    date: str
    """`YYYY-MM-DD`."""
    inputs: str
    """Fingerprint of all that the date's chips are made from; parts of others are not taken."""

    def read(self, part: str) -> Cut | None:
        """A part that is finished, else None."""
        try:
            content = json.loads(self.store.read_bytes(self._key(part)))
        except NotFoundError:
            return None
        if content["inputs"] != self.inputs:
            return None
        rows = tuple(chip_row(fields) for fields in content["rows"])
        return Cut(rows, Counter(content["rejected"]), content.get("places", {}))

    def write(self, part: str, cut: Cut) -> None:
        """Record a part whose chips are all stored."""
        content = {
            "inputs": self.inputs,
            "rows": [asdict(row) for row in cut.rows],
            "rejected": cut.rejected,
            "places": dict(cut.places),
        }
        self.store.write_bytes(self._key(part), json.dumps(content).encode())

    def _key(self, part: str) -> str:
        return f"chips/{self.tile}/{self.date}/unfinished_{part}.json"
