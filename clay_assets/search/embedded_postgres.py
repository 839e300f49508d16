"""The embedded PostgreSQL server: started by who needs it first, stopped by who leaves last.

A holder keeps a shared lock on a file. The kernel takes the lock back however the holder ends, so
a killed process is forgotten at once and its number may be used again.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from clay_assets.errors import DatabaseError
from clay_assets.search.server_process import ServerProcess


@dataclass(frozen=True)
class EmbeddedPostgres:
    """The server of one folder."""

    folder: Path
    """Holds its data, socket and locks."""

    @contextmanager
    def running(self) -> Iterator[str]:
        """URL of the server, which runs while anyone is in this block, in any process.

        A server that its last holder left behind, killed, is taken over by the next.

        Raises:
            DatabaseError: the server cannot be made, started or stopped.
        """
        folder = self.folder.absolute()
        server = ServerProcess(folder)
        with _clear_errors(folder):
            # 711: a server made by root must pass; what lies within is its own, mode 700
            folder.mkdir(parents=True, exist_ok=True, mode=0o700 if os.geteuid() else 0o711)
            holders = (folder / "holders.lock").open("ab")
        with holders:
            try:
                with _clear_errors(folder), _alone(folder):
                    fcntl.flock(holders, fcntl.LOCK_SH)
                    server.ensure_started()
                yield server.url
            finally:
                with _clear_errors(folder), _alone(folder):
                    if _is_last(holders):
                        server.stop()
                    # Closing is not enough: a forked child may have the file open too.
                    fcntl.flock(holders, fcntl.LOCK_UN)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Only one process or thread is in this block."""
    with (folder / "transition.lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)


def _is_last(holders: BinaryIO) -> bool:
    """Whether no one else holds the lock; the caller's own hold ends either way."""
    try:
        fcntl.flock(holders, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _clear_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if isinstance(error, DatabaseError):
            raise
        raise DatabaseError(
            f"embedded PostgreSQL cannot use {error.filename or folder}: {error.strerror}; run as "
            "the user who made it, or set CLAY_HOME to another folder"
        ) from error
