"""`clay-assets psql`: PostgreSQL's own terminal on the pgvector index, reading only."""

import os
import shutil
import subprocess
from pathlib import Path

import typer

from clay_assets.cli.terminal import HomeOption, clear_errors, settings_of


def psql(context: typer.Context, home: HomeOption = None) -> None:
    """Open psql on the pgvector index, reading only; what follows -- goes to psql."""
    with clear_errors():
        from clay_assets.search import postgres_server
        from clay_assets.search.pgvector_schema import READER

        settings = settings_of(home)
        with postgres_server(settings.postgres_url, settings.postgres_folder) as url:
            done = subprocess.run(
                [_program(), url, *context.args],
                # .psqlrc may want what a reader may not; -X in the arguments leaves it out
                env=os.environ | {"PGOPTIONS": f"-c role={READER}"},
                check=False,
            )
    raise typer.Exit(done.returncode)


def _program() -> str:
    """The psql on the path, else that of the embedded server.

    Raises:
        DatabaseError: there is neither.
    """
    if own := shutil.which("psql"):
        return own
    from clay_assets.search.server_process import server_programs

    return str(Path(server_programs()) / "psql")
