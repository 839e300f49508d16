"""`clay-assets checkpoint`: import, export, list."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from clay_assets.cli.terminal import HomeOption, clear_errors, console, settings_of

checkpoint_app = typer.Typer(help="Import, export and list checkpoints.", no_args_is_help=True)


@checkpoint_app.command("import")
def import_(
    source: Annotated[str, typer.Argument(help="Path, s3:// or https:// URL.")],
    name: Annotated[str, typer.Option(help="Name that products use.")] = "default",
    home: HomeOption = None,
) -> None:
    """Import a checkpoint through the graph, so that its run is on record."""
    with clear_errors():
        from clay_assets.checkpoints import find_checkpoint
        from clay_assets.definitions import build_defs
        from clay_assets.defs.instance import open_instance
        from clay_assets.defs.partitions import add_checkpoint
        from clay_assets.defs.runs import run_job

        settings = settings_of(home)
        with open_instance() as instance:
            add_checkpoint(instance, name)
            config = {"checkpoints": {"source": source}}
            run_job(
                build_defs(settings), instance, "import_checkpoint", partition=name, config=config
            )
        found = find_checkpoint(settings.store, name)
        console.print(f"Checkpoint {name!r} is {found.id}.")


@checkpoint_app.command("export")
def export(
    name: Annotated[str, typer.Argument(help="Name or id.")],
    path: Annotated[Path, typer.Argument(help="Lightning .ckpt file to write.", dir_okay=False)],
    home: HomeOption = None,
) -> None:
    """Write a Lightning checkpoint that Clay's own code loads."""
    with clear_errors():
        from clay_assets.checkpoints import load_checkpoint
        from clay_assets.models import export_original

        export_original(load_checkpoint(settings_of(home).store, name), path)
        console.print(f"Wrote {path}.")


@checkpoint_app.command("list")
def list_(home: HomeOption = None) -> None:
    """List the checkpoints of the data root."""
    with clear_errors():
        from clay_assets.checkpoints import list_checkpoints

        table = Table("name", "id", "family", "parameters", "from")
        for found in list_checkpoints(settings_of(home).store):
            card = found.card
            table.add_row(
                found.name, found.id, card["family"], f"{card['parameters']:,}", card["source"]
            )
        console.print(table)
