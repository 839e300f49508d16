"""The demo: the same definitions an operator runs, started one after the other for one small area.

It registers one tile and runs the graph's jobs in this process. There is no second code path: what
is up to date is recognised by the assets themselves.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import dagster as dg

from clay_assets.checkpoints import has_checkpoint
from clay_assets.chips import read_manifest
from clay_assets.definitions import build_defs
from clay_assets.defs.imagery import register_imagery
from clay_assets.defs.instance import open_instance
from clay_assets.defs.partitions import add_checkpoint
from clay_assets.defs.runs import close_dead_runs, run_job
from clay_assets.embeddings import Product, load_products
from clay_assets.ingest import list_tiles
from clay_assets.mgrs import parse_tile
from clay_assets.search import Hits, Query, open_index
from clay_assets.search.postgres import postgres_server
from clay_assets.settings import Settings
from clay_assets.synthetic import generate
from clay_assets.tile_sources import DEFAULT_CHIP_SIZE, TileSource

FIRST_K = 5


@dataclass(frozen=True)
class DemoRequest:
    """What the demo is asked to run on; None means the default."""

    imagery: str | None = None
    """Path or STAC URL; None for the synthetic landscape."""
    tile: str | None = None
    """MGRS tile; None for the imagery's first."""
    subset: tuple[int, int, int, int] | None = None
    """Pixels x0, y0, x1, y1."""
    dates: tuple[str, ...] = ()
    """Days or ranges."""
    items: tuple[str, ...] = ()
    """Ids of the STAC items to use; empty for any."""
    chip_size: int = DEFAULT_CHIP_SIZE
    """Side of a chip in pixels."""
    checkpoint: str | None = None
    """Path or URL of a Clay checkpoint; None to train a small one."""
    train_seconds: float = 60.0
    """Time for training, where there is no checkpoint yet."""


@dataclass(frozen=True)
class DemoResult:
    """What the demo made."""

    tile: str
    """The tile."""
    product: str
    """The embedding product that was searched."""
    chip_id: str
    """The chip that the first question was about."""
    hits: Hits
    """The chips most like it."""


def run_demo(settings: Settings, request: DemoRequest, say: Callable[[str], None]) -> DemoResult:
    """Materialise the whole graph for one area and ask it a first question.

    Raises:
        ClayAssetsError: some input or this machine is not as it must be; the message says what.
    """
    definitions = build_defs(settings)
    with (
        open_instance() as instance,
        postgres_server(settings.postgres_url, settings.postgres_folder),
    ):
        for run_id in close_dead_runs(instance):
            say(f"Run {run_id[:8]} was cut short last time; what it finished is kept.")
        source = choose_source(settings, request, say)
        say(f"Registering the imagery of tile {source.mgrs}.")
        register_imagery(instance, settings.store, source)
        run_job(definitions, instance, "cut_chips", partition=source.mgrs)
        products = [
            product
            for product in load_products(settings.products_file).values()
            if product.input == "chips"
        ]
        make_checkpoints(settings, definitions, instance, products, request, say)
        if any(product.has_projection for product in products):
            run_job(definitions, instance, "fit_projections")
        run_job(definitions, instance, "one_tile", partition=source.mgrs)
        run_job(definitions, instance, "build_indexes")
        chip_id = _middle_chip(settings, source.mgrs)
        product = next(product.name for product in products if product.is_one_vector)
        with open_index(settings, "duckdb") as index:
            hits = index.search(Query(product=product, chip_id=chip_id, k=FIRST_K))
        return DemoResult(source.mgrs, product, chip_id, hits)


def choose_source(
    settings: Settings, request: DemoRequest, say: Callable[[str], None]
) -> TileSource:
    """The tile and imagery that the request means; generates the synthetic landscape if need be.

    Raises:
        ClayAssetsError: the imagery cannot be read or offers no tile.
    """
    location = request.imagery or settings.imagery
    if location is None:
        say("No imagery was named: using a synthetic landscape, generated here; no real place.")
        location = str(generate(settings.synthetic_folder))
    tile = request.tile or list_tiles(location)[0]
    return TileSource(
        mgrs=parse_tile(tile),
        location=location,
        dates=request.dates,
        subset=request.subset,
        chip_size=request.chip_size,
        items=request.items,
    )


def make_checkpoints(
    settings: Settings,
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    products: Sequence[Product],
    request: DemoRequest,
    say: Callable[[str], None],
) -> None:
    """Import or train the checkpoints that the products name; one that exists is kept."""
    for name in sorted({product.checkpoint for product in products}):
        if request.checkpoint is None and has_checkpoint(settings.store, name):
            say(f"Checkpoint {name!r} exists and is kept.")
            continue
        add_checkpoint(instance, name)
        config = {"source": request.checkpoint, "max_seconds": request.train_seconds}
        run_job(
            definitions,
            instance,
            "make_checkpoint",
            partition=name,
            config={"checkpoints": config},
        )


def _middle_chip(settings: Settings, tile: str) -> str:
    """The chip in the middle of the tile's list."""
    chips = read_manifest(settings.store, tile).rows["chip_id"]
    return str(chips.iloc[len(chips) // 2])
