"""The embedded server's life, with real processes that are really killed."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from clay_assets.errors import DatabaseError
from clay_assets.search.embedded_postgres import EmbeddedPostgres
from clay_assets.search.server_account import SERVER_UID
from clay_assets.search.server_process import server_programs

IS_ROOT = os.geteuid() == 0
CHECKOUT = Path(__file__).parents[2]
HOLDER = """
import sys, time, pathlib, psycopg
from clay_assets.search.embedded_postgres import EmbeddedPostgres
folder, action = sys.argv[1:]
with EmbeddedPostgres(pathlib.Path(folder)).running() as url:
    with psycopg.connect(url) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(1)")
        connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
        connection.execute("INSERT INTO kept VALUES (1)")
    print(url, flush=True)
    if action == "hold":
        sys.stdin.readline()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder of a server that is not left running, however the test ends."""
    yield tmp_path / "postgres"
    process = postmaster(tmp_path / "postgres")
    if process:
        process.send_signal(signal.SIGQUIT)


def postmaster(folder: Path) -> psutil.Process | None:
    """The live server of a folder."""
    try:
        process = psutil.Process(int((folder / "data/postmaster.pid").read_text().split()[0]))
        return None if process.status() == psutil.STATUS_ZOMBIE else process
    except (FileNotFoundError, psutil.NoSuchProcess):
        return None


def start_holder(folder: Path, action: str = "hold", *prefix: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*prefix, sys.executable, "-c", HOLDER, str(folder), action],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
    )


def rows_kept(url: str) -> int:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT count(*) FROM kept").fetchone()[0]


def leave(holder: subprocess.Popen[str]) -> None:
    _, errors = holder.communicate("\n", timeout=60)
    assert holder.returncode == 0, errors


def test_server_runs_inside_the_block_only(folder: Path) -> None:
    with EmbeddedPostgres(folder).running() as url, psycopg.connect(url) as connection:
        connection.execute("CREATE EXTENSION vector")
        version = connection.execute(
            "SELECT extversion FROM pg_extension WHERE extname = 'vector'"
        ).fetchone()[0]
        assert tuple(map(int, version.split("."))) >= (0, 8, 5)
        assert postmaster(folder)
    assert postmaster(folder) is None
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)


def test_data_outlives_the_server(folder: Path) -> None:
    for count in (1, 2):
        leave(start_holder(folder, "leave"))
        with EmbeddedPostgres(folder).running() as url:
            assert rows_kept(url) == count


def test_last_holder_stops_the_server(folder: Path) -> None:
    with EmbeddedPostgres(folder).running() as url:
        other = start_holder(folder)
        assert other.stdout
        assert other.stdout.readline().strip() == url
        first = postmaster(folder)
    assert postmaster(folder) == first  # the other still holds it
    leave(other)
    assert postmaster(folder) is None


def test_blocks_may_nest_in_one_process(folder: Path) -> None:
    server = EmbeddedPostgres(folder)
    with server.running() as outer:
        with server.running() as inner:
            assert inner == outer
        assert postmaster(folder)
    assert postmaster(folder) is None


def test_killed_holder_is_forgotten(folder: Path) -> None:
    holder = start_holder(folder)
    assert holder.stdout
    assert holder.stdout.readline()
    left_behind = postmaster(folder)
    holder.kill()
    holder.wait()
    assert left_behind
    assert left_behind.is_running()
    with EmbeddedPostgres(folder).running() as url:
        assert postmaster(folder) == left_behind  # taken over
        assert rows_kept(url) == 1
    assert postmaster(folder) is None


def test_committed_rows_outlive_a_killed_server(folder: Path) -> None:
    holder = start_holder(folder)
    assert holder.stdout
    assert holder.stdout.readline()
    process = postmaster(folder)
    assert process
    process.kill()
    with EmbeddedPostgres(folder).running() as url:
        assert postmaster(folder) != process
        assert rows_kept(url) == 1
        leave(holder)
        assert rows_kept(url) == 1  # the first holder's end did not stop the new server


def test_backend_that_outlives_its_server_is_waited_for(folder: Path) -> None:
    """It may still write; PostgreSQL refuses to start beside it."""
    with EmbeddedPostgres(folder).running() as url:
        connection = psycopg.connect(url)
        backend = psutil.Process(connection.info.backend_pid)
        process = postmaster(folder)
        assert process
        backend.suspend()
        process.kill()
        wake_up = threading.Timer(1.5, backend.resume)
        wake_up.start()
        with EmbeddedPostgres(folder).running() as again, psycopg.connect(again) as other:
            assert other.execute("SELECT 1").fetchone() == (1,)
        wake_up.join()
        connection.close()


def test_process_number_taken_by_another_does_not_stop_a_start(folder: Path) -> None:
    holder = start_holder(folder)
    assert holder.stdout
    assert holder.stdout.readline()
    process = postmaster(folder)
    assert process
    process.kill()
    holder.kill()
    holder.wait()
    file = folder / "data/postmaster.pid"
    _, _, rest = file.read_text().partition("\n")
    # A live process of the server's own user that is no server.
    prefix = ["setpriv", f"--reuid={SERVER_UID}", "--clear-groups"] if IS_ROOT else []
    stranger = subprocess.Popen([*prefix, "sleep", "60"])
    try:
        file.write_text(f"{stranger.pid}\n{rest}")
        with EmbeddedPostgres(folder).running() as url:
            assert rows_kept(url) == 1
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_lost_socket_is_made_again(folder: Path) -> None:
    with EmbeddedPostgres(folder).running() as url:
        host = Path(psycopg.conninfo.conninfo_to_dict(url)["host"])
        (host / ".s.PGSQL.5432").unlink()
        with EmbeddedPostgres(folder).running() as again, psycopg.connect(again) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_unfinished_setup_is_begun_again(folder: Path) -> None:
    (folder / "data.partial-dead").mkdir(parents=True)
    (folder / "data.partial-dead/PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(folder).running() as url:
        assert psycopg.connect(url)
    assert not list(folder.glob("data.partial-*"))


def test_holders_that_come_and_go_at_once_never_clash(folder: Path) -> None:
    holders = [start_holder(folder, "leave") for _ in range(6)]
    for holder in holders:
        leave(holder)
    assert postmaster(folder) is None
    with EmbeddedPostgres(folder).running() as url:
        assert rows_kept(url) == len(holders)


@pytest.mark.parametrize("name", ["a b", 'it\'s "$HOME"', "ü", "long" * 30, "comma, semi;"])
def test_any_folder_name_will_do(tmp_path: Path, name: str) -> None:
    for _ in range(2):  # the second time it finds its data
        with EmbeddedPostgres(tmp_path / name).running() as url, psycopg.connect(url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert postmaster(tmp_path / name) is None


def test_socket_is_open_to_its_owner_only(folder: Path) -> None:
    with EmbeddedPostgres(folder).running() as url:
        host = Path(psycopg.conninfo.conninfo_to_dict(url)["host"])
        assert stat.S_IMODE(host.stat().st_mode) == 0o700
        assert host.stat().st_uid == (SERVER_UID if IS_ROOT else os.geteuid())


def test_socket_folder_that_others_can_enter_is_refused(folder: Path) -> None:
    with EmbeddedPostgres(folder).running():
        pass
    (folder / "socket").mkdir()
    (folder / "socket").chmod(0o777)
    with (
        pytest.raises(DatabaseError, match=r"socket must be .* mode 700, found .* mode 777"),
        EmbeddedPostgres(folder).running(),
    ):
        pass


def test_server_that_does_not_start_says_why(folder: Path) -> None:
    with EmbeddedPostgres(folder).running():
        pass
    (folder / "data/PG_VERSION").write_text("12\n")
    with (
        pytest.raises(DatabaseError, match=r"did not start: .*version 12.*delete that folder"),
        EmbeddedPostgres(folder).running(),
    ):
        pass
    assert postmaster(folder) is None


def test_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(DatabaseError, match=r"file.*Not a directory.*CLAY_HOME"),
        EmbeddedPostgres(tmp_path / "file/postgres").running(),
    ):
        pass


def test_errors_of_the_block_pass_unchanged(folder: Path) -> None:
    with (
        pytest.raises(PermissionError, match="mine"),
        EmbeddedPostgres(folder).running(),
    ):
        raise PermissionError("mine")
    assert postmaster(folder) is None


def test_newest_programs_are_taken() -> None:
    assert server_programs().parent.name == "pginstall18"


@pytest.mark.skipif(not IS_ROOT, reason="needs root")
class TestAsRoot:
    def test_works_below_a_closed_folder_and_opens_nothing(self, tmp_path: Path) -> None:
        home = tmp_path / "home"
        home.mkdir(mode=0o700)
        with EmbeddedPostgres(home / "clay/postgres").running() as url:
            assert psycopg.connect(url)
            process = postmaster(home / "clay/postgres")
            assert process
            assert process.uids().real == SERVER_UID
        assert stat.S_IMODE(home.stat().st_mode) == 0o700

    def test_server_has_no_capability_where_it_needs_none(self) -> None:
        with tempfile.TemporaryDirectory(dir="/tmp") as name:
            Path(name).chmod(0o755)
            with EmbeddedPostgres(Path(name) / "postgres").running():
                process = postmaster(Path(name) / "postgres")
                assert process
                status = Path(f"/proc/{process.pid}/status").read_text()
        assert "CapEff:\t0000000000000000" in status

    def test_server_of_an_ordinary_user_stays_that_users(self) -> None:
        nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
        python = [*nobody, sys.executable, "-c", "import clay_assets"]
        if subprocess.run(python, cwd=CHECKOUT, capture_output=True, check=False).returncode:
            pytest.skip("the checkout is closed to ordinary users")
        name = Path(tempfile.mkdtemp(dir="/tmp"))
        os.chown(name, 65534, 65534)
        try:
            leave(start_holder(name / "postgres", "leave", *nobody))
            with EmbeddedPostgres(name / "postgres").running() as url:  # now as root
                assert rows_kept(url) == 1
                process = postmaster(name / "postgres")
                assert process
                assert process.uids().real == 65534
            leave(start_holder(name / "postgres", "leave", *nobody))
        finally:
            shutil.rmtree(name)

    def test_ordinary_user_is_told_whose_server_it_is(self) -> None:
        nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
        name = Path(tempfile.mkdtemp(dir="/tmp"))
        name.chmod(0o755)
        try:
            leave(start_holder(name / "postgres", "leave"))
            holder = start_holder(name / "postgres", "leave", *nobody)
            _, errors = holder.communicate()
            if "No module named" in errors:
                pytest.skip("the checkout is closed to ordinary users")
            assert "DatabaseError" in errors
            assert "holders.lock: Permission denied; run as the user who made it" in errors
        finally:
            shutil.rmtree(name)

    def test_missing_setpriv_says_what_to_install(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", "/nowhere")
        with (
            pytest.raises(DatabaseError, match=r"`setpriv`.*not on the PATH; install util-linux"),
            EmbeddedPostgres(folder).running(),
        ):
            pass
