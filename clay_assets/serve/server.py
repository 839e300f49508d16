"""Starting the server, and a clear word when its port is taken."""

import errno
import socket
from typing import Any

import psutil
import uvicorn

from clay_assets.errors import ServiceError
from clay_assets.serve.app import create_app
from clay_assets.settings import Settings

SHUTDOWN_TIMEOUT_S = 5


def run_server(settings: Settings, host: str, port: int, *, dagster_url: str | None = None) -> None:
    """Serve the page and the API until Ctrl-C or a SIGTERM.

    Args:
        settings: which data root, products and database are served.
        host: address to listen on.
        port: port to listen on.
        dagster_url: where the Dagster UI is, for links to runs; None for no links.

    Raises:
        ServiceError: the port is in use.
    """
    check_port(host, port, option="--port")
    config = uvicorn.Config(
        create_app(settings, dagster_url=dagster_url),
        host=host,
        port=port,
        log_level="warning",
        timeout_graceful_shutdown=SHUTDOWN_TIMEOUT_S,
    )
    uvicorn.Server(config).run()


def check_port(host: str, port: int, *, option: str) -> None:
    """Make sure that a port is free.

    Args:
        host: address to listen on.
        port: port to listen on.
        option: the command's option that chooses another one, for the error.

    Raises:
        ServiceError: it is in use or may not be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As uvicorn does: a port of a server that has just stopped is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            raise ServiceError(_port_message(host, port, option, error)) from error


def _port_message(host: str, port: int, option: str, error: Exception) -> str:
    if isinstance(error, OverflowError):
        return f"port {port} does not exist; choose one from 1 to 65535 with {option}"
    if isinstance(error, PermissionError):
        return f"port {port} on {host} may not be used by you; choose one above 1023 with {option}"
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        holder = _holder_of(port) or "another program"
        return (
            f"port {port} on {host} is in use by {holder}; stop it, or choose another port with "
            f"{option}"
        )
    return f"cannot listen on {host}: {error}; choose an address of this machine with --host"


def _holder_of(port: int) -> str | None:
    """Name and process id of who listens on a port; None when that cannot be told."""
    try:
        connections: list[Any] = psutil.net_connections("tcp")
    except psutil.AccessDenied:  # another user's process, on some systems
        return None
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
            return _name_of(connection.pid) if connection.pid else None
    return None


def _name_of(pid: int) -> str | None:
    try:
        return f"{psutil.Process(pid).name()} (process {pid})"
    except psutil.NoSuchProcess:
        return None
