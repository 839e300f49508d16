"""What the last run left of a tile's chips, and which dates of it still hold."""

from collections import Counter
from dataclasses import dataclass

from clay_assets.chips.journal import Cut
from clay_assets.chips.manifest import DateRecord, manifest_rows, read_manifest
from clay_assets.errors import NotFoundError
from clay_assets.store import Store


@dataclass(frozen=True)
class Previous:
    """The manifest there is, and the files beside it."""

    inputs: str
    """Fingerprint of what the manifest was made from; empty when there is none."""
    dates: dict[str, DateRecord]
    """What the manifest knows of each date."""
    cuts: dict[str, Cut]
    """Chips of each date."""
    files: frozenset[str]
    """Keys of all files of the tile's chips."""

    @classmethod
    def read(cls, store: Store, tile: str) -> "Previous":
        """Read what there is; that may be nothing."""
        files = frozenset(file.key for file in store.files(f"chips/{tile}"))
        try:
            manifest = read_manifest(store, tile)
        except NotFoundError:
            return cls("", {}, {}, files)
        dates = {date: DateRecord(**fields) for date, fields in manifest.meta["dates"].items()}
        rows = manifest_rows(manifest)
        cuts = {
            date: Cut(
                tuple(row for row in rows if row.date == date),
                Counter(record.rejected),
                record.places,
            )
            for date, record in dates.items()
        }
        return cls(manifest.meta["inputs"], dates, cuts, files)

    def still_holds(self, date: str, inputs: str) -> Cut | None:
        """The chips of a date, if they were made from the same and are all there; else None."""
        if date not in self.dates or self.dates[date].inputs != inputs:
            return None
        stored = {row.path for row in self.cuts[date].rows if row.path.startswith("chips/")}
        return self.cuts[date] if stored <= self.files else None
