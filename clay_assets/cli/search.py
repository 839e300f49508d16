"""`clay-assets search` and `clay-assets trace`."""

from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from clay_assets.cli.answers import Output, output_of, print_hits, write_hits
from clay_assets.cli.places import parse_box, parse_circle, parse_place, read_polygon
from clay_assets.cli.terminal import HomeOption, clear_errors, console, settings_of
from clay_assets.cli.vectors import check_width, read_vector

if TYPE_CHECKING:
    from clay_assets.search import Hits, Query
    from clay_assets.settings import Settings

__all__ = ["print_hits", "search", "trace"]


class Engine(StrEnum):
    """Which index answers."""

    duckdb = "duckdb"
    pgvector = "pgvector"


class Mode(StrEnum):
    """How several examples make one score."""

    max = "max"
    mean = "mean"
    rocchio = "rocchio"
    ridge = "ridge"


_example = partial(typer.Option, rich_help_panel="Examples")
_where = partial(typer.Option, rich_help_panel="Where")

Texts = list[str] | None
ProductOption = Annotated[
    str | None, typer.Option(help="Embedding product; default the first declared.")
]


def search(
    chip: Annotated[
        Texts,
        _example(
            "--chip",
            "--like",
            help="Chips like this one, by id, or patches, by chip_id/row/col; may be repeated.",
        ),
    ] = None,
    unlike: Annotated[Texts, _example(help="But not like this one; may be repeated.")] = None,
    lon: Annotated[float | None, _example(help="Chips like the one at this longitude")] = None,
    lat: Annotated[float | None, _example(help="and latitude, degrees.")] = None,
    image: Annotated[
        Path | None,
        _example(
            help="Chips like this GeoTIFF, PNG or JPEG; then --lon and --lat are a place in it.",
            dir_okay=False,
        ),
    ] = None,
    vector: Annotated[
        Path | None,
        _example(
            help="Chips like this embedding: a .npy file, or numbers as JSON or text.",
            dir_okay=False,
        ),
    ] = None,
    mode: Annotated[Mode, _example(help="How several examples are taken.")] = Mode.max,
    box: Annotated[
        str | None,
        _where(help="Only within two lat,lon corners.", metavar="lat,lon,lat,lon"),
    ] = None,
    polygon: Annotated[
        Path | None, _where(help="Only within this GeoJSON file.", dir_okay=False)
    ] = None,
    circle: Annotated[
        str | None,
        _where(help="Only within so many metres of a place.", metavar="lat,lon,metres"),
    ] = None,
    tile: Annotated[str | None, _where(help="Only in this MGRS tile.")] = None,
    since: Annotated[str | None, typer.Option(help="Not before this day, YYYY-MM-DD.")] = None,
    until: Annotated[str | None, typer.Option(help="Not after this day, YYYY-MM-DD.")] = None,
    max_cloud: Annotated[
        float | None, typer.Option(help="Only with at most this share of cloud, 0 to 1.")
    ] = None,
    min_score: Annotated[float | None, typer.Option(help="Only with at least this score.")] = None,
    exclude: Annotated[Texts, typer.Option(help="Never this one, by id; may be repeated.")] = None,
    include_query: Annotated[
        bool, typer.Option("--include-query", help="The examples may be found themselves.")
    ] = False,
    k: Annotated[int, typer.Option("-k", help="How many neighbours.", min=1)] = 10,
    offset: Annotated[int, typer.Option(help="Pass over so many of the best.", min=0)] = 0,
    exact: Annotated[
        bool, typer.Option("--exact", help="Score every chip, however many there are.")
    ] = False,
    product: ProductOption = None,
    engine: Annotated[Engine, typer.Option(help="Which index answers.")] = Engine.duckdb,
    output: Annotated[
        Output | None, typer.Option(help="Default by the file's suffix, else a table.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option(help="File to write: .geojson or .parquet.", dir_okay=False)
    ] = None,
    home: HomeOption = None,
) -> None:
    """Find the chips that look most like some chips, a place, a picture or a vector."""
    with clear_errors():
        from clay_assets.embeddings import load_products
        from clay_assets.search import Query

        settings, place = settings_of(home), parse_place(lon, lat)
        name = product or next(iter(load_products(settings.products_file)))
        query = Query(
            product=name,
            k=k,
            lonlat=place if image is None else None,
            vector=_vector(settings, name, vector, image, place),
            positives=tuple(chip or ()),
            negatives=tuple(unlike or ()),
            mode=mode.value,
            bbox_wgs84=parse_box(box),
            area=None if polygon is None else read_polygon(polygon),
            circle=parse_circle(circle),
            dates=(since, until) if since or until else None,
            mgrs=tile,
            max_cloud_share=max_cloud,
            min_score=min_score,
            excluded=tuple(exclude or ()),
            include_query=include_query,
            offset=offset,
        )
        hits, stale = _ask(settings, engine.value, query, vector, exact=exact)
        write_hits(hits, output or output_of(to), to, offset=offset)
        if stale:
            typer.secho(f"Note: {stale}.", fg="yellow", err=True)


def trace(
    chip: Annotated[str, typer.Argument(help="Chip or patch id, of a search result.")],
    product: ProductOption = None,
    home: HomeOption = None,
) -> None:
    """Print a chip's way back: product, checkpoint, chip, scenes, run."""
    with clear_errors():
        from clay_assets.embeddings import load_products
        from clay_assets.search import trace as trace_chip

        settings = settings_of(home)
        product = product or next(iter(load_products(settings.products_file)))
        found = trace_chip(settings.store, product, chip)
        table = Table(show_header=False, box=None)
        for name, value in found.lines():
            table.add_row(f"[bold]{name}[/]", value)
        console.print(table)


def _vector(
    settings: "Settings",
    product: str,
    vector: Path | None,
    image: Path | None,
    place: tuple[float, float] | None,
) -> tuple[float, ...] | None:
    """The vector of a file, or what the product's encoder gives a picture."""
    if vector is not None and image is not None:
        raise typer.BadParameter(
            f"give --vector or --image, not both, got {vector} and {image}; ask twice"
        )
    if vector is not None:
        return read_vector(vector, product)
    if image is None:
        return None
    from clay_assets.search.opening import picture_vector

    return picture_vector(settings, product, image, place)


def _ask(
    settings: "Settings", engine: str, query: "Query", vector: Path | None, *, exact: bool
) -> tuple["Hits", str | None]:
    """The answer, and a word about tiles that the index holds an older state of."""
    from clay_assets.search import open_index
    from clay_assets.search.freshness import stale_tiles, stale_words

    with open_index(settings, engine) as index:
        if vector is not None:
            check_width(vector, query, index)
        hits = index.search(query, exact=exact)
        stale = stale_tiles(settings.store, index, query.product)
    return hits, stale_words(stale, engine) if stale else None
