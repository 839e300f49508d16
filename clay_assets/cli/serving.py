"""`clay-assets serve`: the search page and the Dagster UI, until Ctrl-C."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from clay_assets.cli.terminal import HomeOption, clear_errors, console, settings_of
from clay_assets.settings import Settings

DEFAULT_PORT = 8765
DEFAULT_DAGSTER_PORT = 3000
STOP_TIMEOUT_S = 20
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def serve(
    port: Annotated[int, typer.Option(help="Port of the search page.")] = DEFAULT_PORT,
    dagster_port: Annotated[
        int, typer.Option(help="Port of the Dagster UI.")
    ] = DEFAULT_DAGSTER_PORT,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    dagster: Annotated[bool, typer.Option(help="Start the Dagster UI too.")] = True,
    origin: Annotated[
        list[str] | None,
        typer.Option(help="Another site whose pages may ask the API; may be given again."),
    ] = None,
    rate: Annotated[
        str | None, typer.Option(help="Most questions a minute and client.", metavar="N")
    ] = None,
    max_upload_mb: Annotated[
        str | None, typer.Option(help="Most megabytes of one request.", metavar="N")
    ] = None,
    basemap: Annotated[
        str | None,
        typer.Option(help="Web map under the footprints, https://host/{z}/{x}/{y}.png."),
    ] = None,
    home: HomeOption = None,
) -> None:
    """Open the search page and the Dagster UI.

    Each option of the API stands for a variable, CLAY_API_ORIGINS and so on. CLAY_API_TOKEN, the
    secret that clients must show, has no option: other users could read it among the processes.
    """
    given = {
        "CLAY_API_ORIGINS": ",".join(origin or []),
        "CLAY_API_RATE": rate,
        "CLAY_API_MAX_UPLOAD_MB": max_upload_mb,
        "CLAY_BASEMAP_URL": basemap,
    }
    os.environ.update({name: value for name, value in given.items() if value})
    with clear_errors():
        serve_until_interrupted(settings_of(home), port, host, dagster_port if dagster else None)


def serve_until_interrupted(
    settings: Settings,
    port: int,
    host: str = "127.0.0.1",
    dagster_port: int | None = DEFAULT_DAGSTER_PORT,
) -> None:
    """Serve both pages; returns after Ctrl-C or a SIGTERM, with nothing left running.

    Raises:
        ServiceError: a port is in use.
    """
    from clay_assets.serve import check_port, run_server

    check_port(host, port, option="--port")
    if dagster_port is not None:
        check_port(host, dagster_port, option="--dagster-port")
    with dagster_ui(host, dagster_port) as dagster_url:
        console.print(f"Search page  [link]http://{host}:{port}[/link]")
        if dagster_url:
            console.print(f"Dagster UI   [link]{dagster_url}[/link] (ready in about half a minute)")
        if settings.api.token is None and host not in LOOPBACK:
            console.print(
                f"[yellow]Whoever reaches {host} can search and change label sets; set "
                "CLAY_API_TOKEN to ask for a token.[/yellow]"
            )
        console.print("Ctrl-C stops both.")
        run_server(settings, host, port, dagster_url=dagster_url)


@contextmanager
def dagster_ui(host: str, port: int | None) -> Iterator[str | None]:
    """Dagster's web server and daemon while the block runs; None for no port."""
    if port is None:
        yield None
        return
    from clay_assets.defs.instance import prepare_dagster_home

    home = prepare_dagster_home()
    command = [sys.executable, "-m", "dagster", "dev", "--module-name", "clay_assets.definitions"]
    with (home / "dagster-dev.log").open("w") as log:
        process = subprocess.Popen(
            [*command, "--host", host, "--port", str(port)],
            cwd=home,
            env=os.environ | {"DAGSTER_HOME": str(home)},
            stdout=log,
            stderr=log,
        )
        try:
            yield f"http://{host}:{port}"
        finally:
            process.send_signal(signal.SIGINT)  # dagster dev then stops its own processes
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
