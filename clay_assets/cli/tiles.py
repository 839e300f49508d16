"""`clay-assets tiles`: which MGRS tiles an area takes, and registering them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from clay_assets.cli.terminal import (
    HomeOption,
    clear_errors,
    console,
    error_console,
    settings_of,
)
from clay_assets.errors import ClayAssetsError, InvalidValueError, UnreachableError
from clay_assets.tile_sources import DEFAULT_CHIP_SIZE, TileSource

if TYPE_CHECKING:
    from clay_assets.settings import Settings

_SHOWN = 20


def tiles(
    aoi: Annotated[
        str,
        typer.Option(
            help="GeoJSON or another vector file, CSV with lon and lat, or a box in degrees.",
            metavar="FILE-OR-WEST,SOUTH,EAST,NORTH",
        ),
    ],
    every: Annotated[
        bool,
        typer.Option("--every", help="Every tile that touches the area, not only those it takes."),
    ] = False,
    add: Annotated[
        bool, typer.Option("--add", help="Register the tiles, with their imagery where it is set.")
    ] = False,
    imagery: Annotated[
        str | None,
        typer.Option(
            help="With --add: where the imagery is; default $CLAY_IMAGERY.",
            metavar="PATH-OR-STAC-URL",
        ),
    ] = None,
    dates: Annotated[
        str | None,
        typer.Option(help="With --add: days or ranges, one datacube each.", metavar="DATES"),
    ] = None,
    chip_size: Annotated[
        int, typer.Option(help="With --add: side of a chip in pixels.")
    ] = DEFAULT_CHIP_SIZE,
    to: Annotated[
        Path | None, typer.Option(help="Write the tiles' outlines to this vector file.")
    ] = None,
    home: HomeOption = None,
) -> None:
    """List the MGRS tiles of an area; with --add, register them."""
    with clear_errors():
        from clay_assets.cli.app import parse_list
        from clay_assets.ingest.aoi import read_area, tiles_of_area, write_outlines

        if (imagery or dates) and not add:
            raise InvalidValueError("--imagery and --dates go with --add")
        found = tiles_of_area(read_area(aoi), every=every)
        _show(found)
        if to is not None:
            write_outlines(found, to)
            error_console.print(f"The outlines of {len(found)} tiles are in {to}.")
        if add:
            settings = settings_of(home)
            place = imagery or settings.imagery
            wanted = parse_list(dates)
            if place is None:
                _add_only(found)
            else:
                _register(
                    settings, [TileSource(tile, place, wanted, None, chip_size) for tile in found]
                )


def _show(found: Sequence[str]) -> None:
    """A table for a person, plain ids for the next program."""
    from clay_assets.mgrs import tile_box, tile_centre_wgs84

    if not console.is_terminal:
        for tile in found:
            typer.echo(tile)
        return
    table = Table("tile", "EPSG", "middle, lon lat", title=f"{len(found)} tiles")
    for tile in found:
        lon, lat = tile_centre_wgs84(tile)
        table.add_row(tile, str(tile_box(tile).epsg), f"{lon:.3f} {lat:.3f}")
    console.print(table)


def _add_only(found: list[str]) -> None:
    from clay_assets.defs.instance import open_instance
    from clay_assets.defs.partitions import add_tiles

    with open_instance() as instance:
        add_tiles(instance, found)
    error_console.print(
        f"{len(found)} tiles are partitions now, without imagery; name it with --imagery or "
        "CLAY_IMAGERY and run this again."
    )


def _register(settings: "Settings", sources: Sequence[TileSource]) -> None:
    """Register each tile that has imagery, and say of the others why not.

    Raises:
        UnreachableError: the imagery does not answer; what was registered before stays.
    """
    from clay_assets.defs.imagery import register_imagery
    from clay_assets.defs.instance import open_instance

    place = sources[0].location
    offered = _tiles_of(place)
    skipped: list[str] = []
    with open_instance() as instance, error_console.status("Registering") as status:
        for number, source in enumerate(sources, start=1):
            status.update(f"Registering {source.mgrs}, {number} of {len(sources)}")
            if offered is not None and source.mgrs not in offered:
                skipped.append(f"{source.mgrs}: {place} has nothing of this tile")
                continue
            try:
                register_imagery(instance, settings.store, source)
            except UnreachableError:
                raise
            except ClayAssetsError as error:
                skipped.append(f"{source.mgrs}: {error}")
    done = len(sources) - len(skipped)
    error_console.print(f"{done} of {len(sources)} tiles are registered with their imagery.")
    for line in skipped[:_SHOWN]:
        error_console.print(f"[yellow]skipped[/] {line}", highlight=False, soft_wrap=True)
    if len(skipped) > _SHOWN:
        error_console.print(f"[yellow]skipped[/] {len(skipped) - _SHOWN} more")
    if not done:
        raise typer.Exit(1)


def _tiles_of(location: str) -> set[str] | None:
    """Tiles there is imagery of; None for a STAC API, which is asked tile by tile."""
    from clay_assets.ingest import list_tiles

    try:
        return set(list_tiles(location))
    except InvalidValueError:
        return None
