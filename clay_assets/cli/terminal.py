"""What every command shares: the home folder, errors as one clear line, progress bars."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from clay_assets import progress
from clay_assets.errors import ClayAssetsError
from clay_assets.settings import Settings

console = Console()
error_console = Console(stderr=True)

HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home", help="Home folder; default $CLAY_HOME, else ~/.clay_assets.", file_okay=False
    ),
]
INTERRUPTED = 130


def settings_of(home: Path | None) -> Settings:
    """Settings of the environment, with another home if one is named.

    The home goes into the environment too: Dagster's own processes read it there.
    """
    if home is not None:
        os.environ["CLAY_HOME"] = str(home.expanduser().absolute())
    return Settings.from_environment()


@contextmanager
def clear_errors() -> Iterator[None]:
    """Print an error that a person can act on as one message, without a stack trace."""
    # Dagster's note to authors of definitions, nothing a user could do about.
    warnings.filterwarnings("ignore", message="Parameter `backfill_policy`")
    try:
        yield
    except ClayAssetsError as error:
        error_console.print(
            f"[bold red]Error:[/] {escape(str(error))}", highlight=False, soft_wrap=True
        )
        raise typer.Exit(1) from error
    except KeyboardInterrupt as error:
        error_console.print("Stopped. Run the same command again to go on from here.")
        raise typer.Exit(INTERRUPTED) from error


@contextmanager
def progress_bars() -> Iterator[None]:
    """A progress bar for each long step inside the block."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=console) as bars:

        def show(now: progress.Progress) -> None:
            if now.step not in tasks:
                tasks[now.step] = bars.add_task(now.step, total=now.total)
            bars.update(tasks[now.step], completed=now.done, total=now.total)

        with progress.listening(show):
            yield
