"""The `chips` step: from a tile's recipe to its chips and their manifest."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from clay_assets.chips.cutting import DateCutter
from clay_assets.chips.journal import Cut, Journal
from clay_assets.chips.manifest import DateRecord, manifest_key, read_manifest, write_manifest
from clay_assets.chips.previous import Previous
from clay_assets.chips.ready import ReadyChips
from clay_assets.errors import ChipError, InvalidValueError
from clay_assets.ingest.recipe import Recipe, read_recipe
from clay_assets.provenance import fingerprint
from clay_assets.store import Store

CODE_VERSION = "2"
"""Raised whenever the same recipe gives other chips."""
MIN_CHIP_SIZE = 16


@dataclass(frozen=True)
class ChipsReport:
    """What the `chips` step did."""

    mgrs: str
    """MGRS tile id."""
    data_version: str
    """Fingerprint of the chips' ids and content."""
    skipped: bool
    """Whether everything was up to date."""
    seconds: float
    """Time it took."""
    chips: int
    """Chips the tile has now."""
    chips_by_date: dict[str, int]
    """The same for each date."""
    kept_dates: tuple[str, ...]
    """Dates that had not changed and were left alone."""
    rejected: dict[str, int]
    """Chips that were not kept, by reason."""
    chip_size: int
    """Side of a chip in pixels."""
    bands: tuple[str, ...]
    """Bands of the chips; empty when none was kept."""


def cut_tile(store: Store, tile: str, *, chip_size: int = 512, run_id: str) -> ChipsReport:
    """Cut the chips of a tile and write `chips/{MGRS}/chips.parquet`.

    Dates that have not changed are left alone; a run that was killed goes on where it stopped.
    Chips that no longer belong to the tile are deleted.

    Args:
        store: where recipe and chips lie.
        tile: MGRS tile id.
        chip_size: side of a chip in pixels; ready chips keep their own.
        run_id: kept in chips and manifest.

    Raises:
        ChipError: the area is smaller than a chip, or a ready chip breaks the chip contract.
        ImageryError: a scene's file cannot be read.
        InvalidValueError: `chip_size` is too small.
        NotFoundError: the tile has no recipe.
        StoreError: the disk is full or the store cannot be written.
    """
    started = time.monotonic()
    if chip_size < MIN_CHIP_SIZE:
        raise InvalidValueError(
            f"chip_size must be at least {MIN_CHIP_SIZE} pixels, got {chip_size}"
        )
    recipe = read_recipe(store, tile)
    inputs = fingerprint(CODE_VERSION, recipe.data_version, chip_size)
    of_dates = {date: _inputs_of_date(recipe, date, chip_size) for date in recipe.days}
    previous = Previous.read(store, tile)
    held = {date: previous.still_holds(date, of_date) for date, of_date in of_dates.items()}
    kept = {date: cut for date, cut in held.items() if cut is not None}
    fresh = {
        date: _cut_date(store, recipe, chip_size, Journal(store, tile, date, of_date), run_id)
        for date, of_date in of_dates.items()
        if date not in kept
    }
    cuts = kept | fresh
    skipped = not fresh and previous.inputs == inputs
    if not skipped:
        records = {
            date: DateRecord(of_dates[date], cut.rejected, cut.places) for date, cut in cuts.items()
        }
        total = sum(cuts.values(), Cut())
        write_manifest(
            store,
            tile,
            total.rows,
            inputs=inputs,
            run_id=run_id,
            chip_size=_chip_size_of(total, chip_size),
            rejected=total.rejected,
            source=recipe.location,
            dates=records,
        )
        _delete_others(store, tile, total)
    return _report(store, tile, cuts, skipped, tuple(kept), time.monotonic() - started)


def _inputs_of_date(recipe: Recipe, date: str, chip_size: int) -> str:
    """Fingerprint of all that the chips of one date are made from."""
    if recipe.chips:
        chips = [asdict(chip) for chip in recipe.chips if chip.name.date == date]
        return fingerprint(CODE_VERSION, asdict(recipe.grid), chips)
    return fingerprint(
        CODE_VERSION,
        chip_size,
        recipe.bands,
        asdict(recipe.grid),
        asdict(recipe.window),
        asdict(recipe.date_plan(date)),
    )


def _cut_date(store: Store, recipe: Recipe, chip_size: int, journal: Journal, run_id: str) -> Cut:
    if recipe.chips:
        chips = [chip for chip in recipe.chips if chip.name.date == journal.date]
        return ReadyChips(store, recipe, chips, run_id).take(journal)
    plan = recipe.date_plan(journal.date)
    return DateCutter(store, recipe, plan, chip_size, run_id).cut(journal)


def _chip_size_of(cut: Cut, asked: int) -> int:
    """The one size all chips have."""
    sizes = {row.chip_size: row.path for row in cut.rows}
    if len(sizes) > 1:
        listed = ", ".join(f"{path} has {size}" for size, path in sorted(sizes.items()))
        raise ChipError(
            f"chips of one tile must have one size in pixels: {listed}; keep them in two places"
        )
    return next(iter(sizes), asked)


def _delete_others(store: Store, tile: str, cut: Cut) -> None:
    """Delete every file of the tile that is neither its manifest nor one of its chips."""
    wanted = {row.path for row in cut.rows} | {manifest_key(tile)}
    found = {file.key for file in store.files(f"chips/{tile}")}
    store.delete(sorted(found - wanted))


def _report(
    store: Store,
    tile: str,
    cuts: Mapping[str, Cut],
    skipped: bool,
    kept: tuple[str, ...],
    seconds: float,
) -> ChipsReport:
    meta = read_manifest(store, tile).meta
    rows = [row for cut in cuts.values() for row in cut.rows]
    return ChipsReport(
        mgrs=tile,
        data_version=meta["data_version"],
        skipped=skipped,
        seconds=seconds,
        chips=len(rows),
        chips_by_date={date: len(cut.rows) for date, cut in sorted(cuts.items())},
        kept_dates=kept,
        rejected=meta["rejected"],
        chip_size=meta["chip_size"],
        bands=rows[0].bands if rows else (),
    )
