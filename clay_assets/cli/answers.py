"""Answers of a search on the terminal and in files."""

from enum import StrEnum
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.table import Table

from clay_assets.cli.terminal import console

if TYPE_CHECKING:
    from clay_assets.search import Hits

_WAYS = {"sketch": "by sketch, then scored exactly", "hnsw": "by HNSW, then scored exactly"}


class Output(StrEnum):
    """How the answer is written."""

    table = "table"
    geojson = "geojson"
    geoparquet = "geoparquet"


def write_hits(hits: "Hits", output: Output, to: Path | None, *, offset: int = 0) -> None:
    """Write an answer to a file, or to the terminal.

    Raises:
        typer.BadParameter: GeoParquet without a file to write.
    """
    if output is Output.table and to is None:
        print_hits(hits, offset=offset)
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
    console.print(f"Wrote {how_found(hits)[:-1]} to {to}.")


def print_hits(hits: "Hits", *, offset: int = 0) -> None:
    """Print an answer as a table; ranks go on from those of the pages before."""
    # No lines: an id then fits whole into 80 columns.
    row_name = "patch" if "patch_row" in hits.frame else "chip"
    table = Table("#", row_name, "score", "date", "lon", "lat", "cloud", box=None, pad_edge=False)
    table.padding = (0, 1, 0, 0)
    for rank, row in enumerate(hits.frame.itertuples(), start=offset + 1):
        centre = row.geometry.centroid
        table.add_row(
            str(rank),
            row.id,
            f"{row.score:.4f}",
            str(row.date)[:10],
            f"{centre.x:.4f}",
            f"{centre.y:.4f}",
            "" if isnan(row.cloud_share) else f"{row.cloud_share:.0%}",
        )
    console.print(table)
    console.print(how_found(hits), style="dim", highlight=False)


def how_found(hits: "Hits") -> str:
    """How many there are, and how they were found, as one sentence."""
    count = len(hits.frame)
    name = ("patch", "patches") if "patch_row" in hits.frame else ("chip", "chips")
    found = f"{count} {name[count != 1]} by {hits.engine}"
    if hits.exact:
        return f"{found}, exact."
    expected = hits.expected_recall
    share = "not measured" if expected is None else f"{expected:.1%}"
    return f"{found}, {_WAYS[hits.how]}; expected recall {share}."


def output_of(to: Path | None) -> Output:
    """How to write a file, by its suffix; a table without one."""
    suffixes = {".geojson": Output.geojson, ".json": Output.geojson}
    suffixes |= {".parquet": Output.geoparquet, ".geoparquet": Output.geoparquet}
    return suffixes.get(to.suffix, Output.table) if to else Output.table
