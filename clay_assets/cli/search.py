"""`clay-assets search` and `clay-assets trace`."""

from enum import StrEnum
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from clay_assets.cli.terminal import HomeOption, clear_errors, console, settings_of

if TYPE_CHECKING:
    from clay_assets.search import Hits


class Engine(StrEnum):
    """Which index answers."""

    duckdb = "duckdb"
    pgvector = "pgvector"


class Output(StrEnum):
    """How the answer is written."""

    table = "table"
    geojson = "geojson"
    geoparquet = "geoparquet"


def search(
    chip: Annotated[str | None, typer.Option(help="Chips like this one, by chip id.")] = None,
    lon: Annotated[float | None, typer.Option(help="Chips like the one at this longitude")] = None,
    lat: Annotated[float | None, typer.Option(help="and latitude, degrees.")] = None,
    k: Annotated[int, typer.Option("-k", help="How many neighbours.", min=1)] = 10,
    box: Annotated[
        str | None,
        typer.Option(help="Only within two lat,lon corners.", metavar="lat,lon,lat,lon"),
    ] = None,
    since: Annotated[str | None, typer.Option(help="Not before this day, YYYY-MM-DD.")] = None,
    until: Annotated[str | None, typer.Option(help="Not after this day, YYYY-MM-DD.")] = None,
    tile: Annotated[str | None, typer.Option(help="Only in this MGRS tile.")] = None,
    max_cloud: Annotated[
        float | None, typer.Option(help="Only with at most this share of cloud, 0 to 1.")
    ] = None,
    product: Annotated[
        str | None, typer.Option(help="Embedding product; default the first declared.")
    ] = None,
    engine: Annotated[Engine, typer.Option(help="Which index answers.")] = Engine.duckdb,
    output: Annotated[
        Output | None, typer.Option(help="Default by the file's suffix, else a table.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option(help="File to write: .geojson or .parquet.", dir_okay=False)
    ] = None,
    home: HomeOption = None,
) -> None:
    """Find the chips that look most like a chip or a place."""
    with clear_errors():
        from clay_assets.embeddings import load_products
        from clay_assets.search import Query, open_index

        settings = settings_of(home)
        query = Query(
            product=product or next(iter(load_products(settings.products_file))),
            k=k,
            chip_id=chip,
            lonlat=parse_place(lon, lat),
            bbox_wgs84=parse_box(box),
            dates=(since, until) if since or until else None,
            mgrs=tile,
            max_cloud_share=max_cloud,
        )
        with open_index(settings, engine.value) as index:
            hits = index.search(query)
        write_hits(hits, output or _output_of(to), to)


def trace(
    chip: Annotated[str, typer.Argument(help="Chip id, of a search result.")],
    product: Annotated[
        str | None, typer.Option(help="Embedding product; default the first declared.")
    ] = None,
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


def write_hits(hits: "Hits", output: Output, to: Path | None) -> None:
    """Write an answer to a file, or to the terminal.

    Raises:
        typer.BadParameter: GeoParquet without a file to write.
    """
    if output is Output.table and to is None:
        print_hits(hits)
        return
    frame = hits.frame
    if output is Output.geoparquet:
        if to is None:
            raise typer.BadParameter("--output geoparquet needs a file, --to hits.parquet")
        frame.to_parquet(to)
    elif output is Output.geojson:
        text = frame.assign(date=frame["date"].astype(str)).to_json()
        if to is None:
            typer.echo(text)
            return
        to.write_text(text)
    else:
        raise typer.BadParameter(f"a table goes to the terminal, not to {to}; try .geojson")
    console.print(f"Wrote {len(frame)} chips to {to}.")


def print_hits(hits: "Hits") -> None:
    """Print an answer as a table."""
    # No lines: a chip id then fits whole into 80 columns.
    table = Table("#", "chip", "score", "date", "lon", "lat", "cloud", box=None, pad_edge=False)
    table.padding = (0, 1, 0, 0)
    for rank, row in enumerate(hits.frame.itertuples(), start=1):
        centre = row.geometry.centroid
        table.add_row(
            str(rank),
            row.chip_id,
            f"{row.score:.4f}",
            str(row.date)[:10],
            f"{centre.x:.4f}",
            f"{centre.y:.4f}",
            "" if isnan(row.cloud_share) else f"{row.cloud_share:.0%}",
        )
    console.print(table)
    how = "exact" if hits.exact else "approximate"
    console.print(f"{len(hits.frame)} chips by {hits.engine}, {how}.", style="dim")


def parse_place(lon: float | None, lat: float | None) -> tuple[float, float] | None:
    """(lon, lat), or None when neither is given.

    Raises:
        typer.BadParameter: only one of them is given.
    """
    if lon is None and lat is None:
        return None
    if lon is None or lat is None:
        raise typer.BadParameter("--lon and --lat go together")
    return lon, lat


def parse_box(text: str | None) -> tuple[float, float, float, float] | None:
    """Two lat,lon corners as (west, south, east, north).

    >>> parse_box("46.1,11.5,46.9,10.8")
    (10.8, 46.1, 11.5, 46.9)

    Raises:
        typer.BadParameter: not four numbers.
    """
    if text is None:
        return None
    try:
        lat0, lon0, lat1, lon1 = (float(part) for part in text.split(","))
    except ValueError as error:
        raise typer.BadParameter(
            f"--box must be two corners lat,lon,lat,lon in degrees, got {text!r}"
        ) from error
    return min(lon0, lon1), min(lat0, lat1), max(lon0, lon1), max(lat0, lat1)


def _output_of(to: Path | None) -> Output:
    suffixes = {".geojson": Output.geojson, ".json": Output.geojson}
    suffixes |= {".parquet": Output.geoparquet, ".geoparquet": Output.geoparquet}
    return suffixes.get(to.suffix, Output.table) if to else Output.table
