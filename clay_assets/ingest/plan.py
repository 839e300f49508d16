"""The `tiles` step: choose the scenes of a tile and write its recipe."""

import time
from dataclasses import asdict, dataclass

import pystac

from clay_assets import __version__
from clay_assets.errors import InvalidValueError
from clay_assets.ingest.catalogues import Catalogue
from clay_assets.ingest.dates import DateRange, parse_dates
from clay_assets.ingest.grid import Grid, PixelWindow, window_of_subset
from clay_assets.ingest.imagery import TileImagery
from clay_assets.ingest.planning import Planner, nothing_usable
from clay_assets.ingest.ready_plan import plan_chips
from clay_assets.ingest.recipe import Recipe, read_recipe_if_any, write_recipe
from clay_assets.ingest.scenes import time_of
from clay_assets.ingest.selection import Choice, Limits, Turn, shortened, turns_of
from clay_assets.provenance import fingerprint
from clay_assets.store import Store

CODE_VERSION = "2"
"""Raised whenever the same imagery gives another recipe."""


@dataclass(frozen=True)
class TileReport:
    """What the `tiles` step did."""

    mgrs: str
    """MGRS tile id."""
    data_version: str
    """Fingerprint of the recipe."""
    skipped: bool
    """Whether everything was up to date."""
    seconds: float
    """Time it took."""
    dates: tuple[str, ...]
    """Days in the datacube, `YYYY-MM-DD`."""
    bands: tuple[str, ...]
    """Its bands; empty for ready chips, which have their own."""
    grid: Grid
    """Pixels of the whole tile."""
    window: PixelWindow
    """The part of it that is wanted."""
    ready_chips: int
    """Chips that exist already; 0 for scenes."""
    choices: tuple[Choice, ...]
    """Every scene that was looked at, and what became of it."""

    @classmethod
    def of(cls, recipe: Recipe, *, skipped: bool, seconds: float) -> "TileReport":
        """What a recipe says."""
        return cls(
            mgrs=recipe.mgrs,
            data_version=recipe.data_version,
            skipped=skipped,
            seconds=seconds,
            dates=recipe.days,
            bands=recipe.bands,
            grid=recipe.grid,
            window=recipe.window,
            ready_chips=len(recipe.chips),
            choices=recipe.choices,
        )


@dataclass(frozen=True)
class Wish:
    """What is asked of the imagery."""

    subset: tuple[int, int, int, int] | None
    """Pixels x0, y0, x1, y1; None for all."""
    ranges: tuple[DateRange, ...]
    """Each gives one date; empty for any."""
    max_dates: int
    """How many dates at most, without ranges."""
    limits: Limits
    """How good a scene must be."""
    items: tuple[str, ...]
    """Ids of the scenes that are wanted; empty for any."""
    seed: int
    """Decides which years are taken, without ranges."""


def plan_tile(
    store: Store,
    imagery: TileImagery,
    *,
    subset: tuple[int, int, int, int] | None = None,
    dates: tuple[str, ...] = (),
    items: tuple[str, ...] = (),
    max_dates: int = 3,
    max_cloud_pct: float = 50.0,
    max_nodata_pct: float = 20.0,
    seed: int = 42,
    run_id: str,
) -> TileReport:
    """Choose scenes for each date, survey their files and write `tiles/{MGRS}/tile.parquet`.

    Args:
        store: where the recipe goes.
        imagery: from `find_imagery`.
        subset: pixels x0, y0, x1, y1 of the tile's grid, the last two excluded; None for all.
        dates: days and ranges; each gives one date, its least cloudy scene that can be used.
            Without any, each calendar year that has scenes gives one, the years in an order that
            `seed` and the tile's id shuffle (`turns_of` says how), up to `max_dates`; a tile with
            fewer years takes a second scene of each, and so on.
        items: ids of the Sentinel-2 items that `imagery` was found by; each gives one date,
            whatever its clouds, and `dates` and `max_dates` say nothing.
        max_dates: how many dates at most, when none are given.
        max_cloud_pct: largest cloud cover of a scene in percent.
        max_nodata_pct: largest share without data of a scene in percent.
        seed: of the order of years.
        run_id: kept in the recipe.

    Raises:
        ImageryError: no scene can be used. One whose files are missing, broken or not what its
            item declares only gives way to the next, and the report says so.
        InvalidValueError: the subset is not within the tile, or is given for ready chips; or a date
            makes no sense.
        UnreachableError: a file or service does not answer.
    """
    started = time.monotonic()
    limits = Limits(max_cloud_pct, max_nodata_pct)
    wish = Wish(subset, parse_dates(dates), max_dates, limits, items, seed)
    inputs = fingerprint(
        CODE_VERSION,
        imagery.mgrs,
        imagery.fingerprint,
        subset,
        dates,
        max_dates,
        asdict(wish.limits),
        items,
        seed,
    )
    recipe = _up_to_date(store, imagery.mgrs, inputs)
    skipped = recipe is not None
    if recipe is None:
        if imagery.catalogue is None:
            recipe, used = _plan_chips(imagery, wish, inputs, run_id)
        else:
            recipe, used = _plan_scenes(imagery, imagery.catalogue, wish, inputs, run_id)
        write_recipe(store, recipe, used)
    return TileReport.of(recipe, skipped=skipped, seconds=time.monotonic() - started)


def _up_to_date(store: Store, tile: str, inputs: str) -> Recipe | None:
    recipe = read_recipe_if_any(store, tile)
    return recipe if recipe and recipe.inputs == inputs else None


def _plan_chips(
    imagery: TileImagery, wish: Wish, inputs: str, run_id: str
) -> tuple[Recipe, list[pystac.Item]]:
    if wish.subset:
        raise InvalidValueError(
            f"{imagery.location} holds ready chips, which a subset cannot cut; leave the subset "
            f"out, got {','.join(map(str, wish.subset))}"
        )
    return plan_chips(imagery, wish.ranges, inputs=inputs, run_id=run_id)


def _plan_scenes(
    imagery: TileImagery, catalogue: Catalogue, wish: Wish, inputs: str, run_id: str
) -> tuple[Recipe, list[pystac.Item]]:
    named = bool(wish.items)
    planner = Planner(catalogue, wish.subset, None if named else wish.limits)
    planner.plan_all(_turns(imagery, wish), None if named or wish.ranges else wish.max_dates)
    choices = shortened(planner.choices)
    if planner.grid is None:
        raise nothing_usable(imagery.mgrs, imagery.location, choices)
    window = window_of_subset(planner.grid, wish.subset)
    dates = tuple(sorted(planner.plans, key=lambda plan: plan.date))
    recipe = Recipe(
        mgrs=imagery.mgrs,
        location=imagery.location,
        grid=planner.grid,
        window=window,
        bands=planner.bands,
        dates=dates,
        chips=(),
        choices=choices,
        data_version=fingerprint(
            asdict(planner.grid), asdict(window), [asdict(plan) for plan in dates]
        ),
        inputs=inputs,
        run_id=run_id,
        package_version=__version__,
    )
    return recipe, list(planner.items.values())


def _turns(imagery: TileImagery, wish: Wish) -> list[Turn]:
    if wish.items:
        return [Turn(scene.id, (scene,)) for scene in sorted(imagery.scenes, key=time_of)]
    return turns_of(imagery.scenes, wish.ranges, tile=imagery.mgrs, seed=wish.seed)
