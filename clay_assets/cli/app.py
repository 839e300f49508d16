"""The commands. What they import is heavy, so each imports its own when it is called."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from clay_assets import __version__
from clay_assets.cli.analysis import analysis_app
from clay_assets.cli.checkpoints import checkpoint_app
from clay_assets.cli.embeddings import embeddings_app
from clay_assets.cli.images import images_app
from clay_assets.cli.psql import psql
from clay_assets.cli.search import search, trace
from clay_assets.cli.serving import DEFAULT_PORT, serve, serve_until_interrupted
from clay_assets.cli.terminal import (
    HomeOption,
    clear_errors,
    console,
    progress_bars,
    settings_of,
)
from clay_assets.cli.tiles import tiles

app = typer.Typer(
    help="Satellite imagery in, searchable and traceable embeddings out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(checkpoint_app, name="checkpoint")
app.add_typer(embeddings_app, name="embeddings")
app.add_typer(images_app, name="images")
app.add_typer(analysis_app, name="analysis")
app.command()(search)
app.command()(trace)
app.command()(serve)
app.command(context_settings={"allow_extra_args": True})(psql)
app.command()(tiles)

ImageryOption = Annotated[
    str | None,
    typer.Option(
        help="STAC API or catalogue URL, an item or catalogue file, or a folder or s3:// prefix of "
        "ready chips; default $CLAY_IMAGERY, else a synthetic landscape.",
        metavar="PATH-OR-STAC-URL",
    ),
]
SubsetOption = Annotated[
    str | None, typer.Option(help="Only these pixels of the tile.", metavar="x0,y0,x1,y1")
]
DatesOption = Annotated[
    str | None,
    typer.Option(
        help="Days or ranges, one datacube each: 2024-05-01,2024-06-01/2024-08-31.",
        metavar="DATES",
    ),
]
ChipSizeOption = Annotated[int, typer.Option(help="Side of a chip in pixels.")]


@app.callback(invoke_without_command=True)
def main(
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    """Satellite imagery in, searchable and traceable embeddings out."""
    if version:
        console.print(__version__)
        raise typer.Exit


@app.command()
def demo(
    imagery: ImageryOption = None,
    tile: Annotated[
        str | None, typer.Option(help="MGRS tile; default the imagery's first.", metavar="MGRS")
    ] = None,
    subset: SubsetOption = None,
    dates: DatesOption = None,
    chip_size: ChipSizeOption = 512,
    checkpoint: Annotated[
        str | None,
        typer.Option(
            help="Clay v0 checkpoint to import; default: train a small one on the chips.",
            metavar="PATH-OR-URL",
        ),
    ] = None,
    train_seconds: Annotated[
        float, typer.Option(help="Time for training, where there is no checkpoint yet.")
    ] = 60.0,
    home: HomeOption = None,
    with_pages: Annotated[
        bool, typer.Option("--serve", help="Open the search page and the Dagster UI at the end.")
    ] = False,
    port: Annotated[
        int, typer.Option(help="Port of the search page, with --serve.")
    ] = DEFAULT_PORT,
) -> None:
    """Run the whole graph for one small area and ask it a first question."""
    with clear_errors():
        from clay_assets.cli.search import print_hits
        from clay_assets.defs.demo import DemoRequest, run_demo

        settings = settings_of(home)
        console.print(f"Home [bold]{settings.home}[/], data {settings.data_root}")
        request = DemoRequest(
            imagery=imagery,
            tile=tile,
            subset=parse_subset(subset),
            dates=parse_list(dates),
            chip_size=chip_size,
            checkpoint=checkpoint,
            train_seconds=train_seconds,
        )
        with progress_bars():
            result = run_demo(settings, request, console.print)
        console.print(f"\nChips most like [bold]{result.chip_id}[/]:")
        print_hits(result.hits)
        console.print(where_to_look(result.chip_id, home, with_pages=with_pages), soft_wrap=True)
        if with_pages:
            serve_until_interrupted(settings, port)


@app.command()
def add(
    tile: Annotated[str, typer.Argument(help="MGRS tile, 32VKM.")],
    imagery: ImageryOption = None,
    subset: SubsetOption = None,
    dates: DatesOption = None,
    items: Annotated[
        str | None,
        typer.Option(help="Ids of the STAC items to use, and no others.", metavar="ID,ID"),
    ] = None,
    chip_size: ChipSizeOption = 512,
    home: HomeOption = None,
) -> None:
    """Register a tile and its imagery, so that it can be materialised in the Dagster UI."""
    with clear_errors():
        from clay_assets.defs.demo import DemoRequest, choose_source
        from clay_assets.defs.imagery import register_imagery
        from clay_assets.defs.instance import open_instance

        settings = settings_of(home)
        request = DemoRequest(
            imagery, tile, parse_subset(subset), parse_list(dates), parse_list(items), chip_size
        )
        with progress_bars(), open_instance() as instance:
            source = choose_source(settings, request, console.print)
            version = register_imagery(instance, settings.store, source)
        console.print(f"Tile {source.mgrs} is registered; its imagery has version {version}.")


@app.command()
def doctor(home: HomeOption = None) -> None:
    """Tell what is missing or misconfigured on this machine, and the remedy."""
    with clear_errors():
        from clay_assets.doctor import examine

        colours = {"ok": "green", "note": "yellow", "wrong": "red"}
        table = Table("what", "", "found", "remedy")
        findings = list(examine(settings_of(home)))
        for finding in findings:
            grade = f"[{colours[finding.grade]}]{finding.grade}[/]"
            table.add_row(finding.name, grade, finding.found, finding.remedy)
        console.print(table)
    if any(finding.grade == "wrong" for finding in findings):
        raise typer.Exit(1)


def parse_subset(text: str | None) -> tuple[int, int, int, int] | None:
    """`x0,y0,x1,y1` as numbers.

    >>> parse_subset("0,512,1024,1536")
    (0, 512, 1024, 1536)
    """
    if text is None:
        return None
    try:
        x0, y0, x1, y1 = (int(part) for part in text.split(","))
    except ValueError as error:
        raise typer.BadParameter(f"--subset must be x0,y0,x1,y1 in pixels, got {text!r}") from error
    return x0, y0, x1, y1


def parse_list(text: str | None) -> tuple[str, ...]:
    """What a comma-separated list holds.

    >>> parse_list("2024-05-01, 2024-06-01/2024-08-31")
    ('2024-05-01', '2024-06-01/2024-08-31')
    """
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def where_to_look(chip_id: str, home: Path | None, *, with_pages: bool) -> str:
    """What to do next, as text."""
    ending = f" --home {home}" if home else ""
    lines = ["", "Where to look next:"]
    if not with_pages:
        lines.append(f"  clay-assets serve{ending}    # the search page and the Dagster UI")
    lines += [
        f"  clay-assets search --chip {chip_id}{ending}",
        f"  clay-assets trace {chip_id}{ending}",
    ]
    return "\n".join(lines)
