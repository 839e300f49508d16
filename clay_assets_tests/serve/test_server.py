import os
import signal
import socket
import subprocess
import sys
import time
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from clay_assets.errors import ServiceError
from clay_assets.serve import check_port


@pytest.fixture
def taken_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_free_port_passes(taken_port):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        free = listener.getsockname()[1]
    check_port("127.0.0.1", free, option="--port")


def test_a_port_in_use_is_named_with_who_holds_it_and_the_way_out(taken_port):
    with pytest.raises(ServiceError) as raised:
        check_port("127.0.0.1", taken_port, option="--dagster-port")
    message = str(raised.value)
    assert f"port {taken_port} on 127.0.0.1 is in use by" in message
    assert f"(process {os.getpid()})" in message
    assert "choose another port with --dagster-port" in message


def test_a_port_that_does_not_exist_is_refused():
    with pytest.raises(ServiceError, match="port 70000 does not exist; choose one from 1 to 65535"):
        check_port("127.0.0.1", 70_000, option="--port")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may use every port")
def test_a_reserved_port_says_to_go_above_1023():
    with pytest.raises(ServiceError, match=r"port 80 on 127\.0\.0\.1 may not be used by you"):
        check_port("127.0.0.1", 80, option="--port")


def test_an_address_of_another_machine_is_refused():
    # 192.0.2.0/24 is reserved for documentation, RFC 5737
    with pytest.raises(ServiceError, match=r"cannot listen on 192\.0\.2\.1: .*with --host"):
        check_port("192.0.2.1", 8765, option="--port")


def test_the_server_answers_until_it_is_told_to_stop(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    code = (
        "from clay_assets.serve import run_server\n"
        "from clay_assets.settings import Settings\n"
        f"settings = Settings.from_environment({{'CLAY_HOME': {str(tmp_path)!r}}})\n"
        f"run_server(settings, '127.0.0.1', {port})\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    try:
        assert health_of(port) == 200
        with pytest.raises(ServiceError, match=f"port {port} on 127.0.0.1 is in use by python"):
            check_port("127.0.0.1", port, option="--port")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) in (0, -signal.SIGTERM)
    finally:
        process.kill()
    check_port("127.0.0.1", port, option="--port")


def health_of(port: int) -> int:
    """HTTP code of the server, which takes a while to start."""
    deadline = time.monotonic() + 60
    while True:
        try:
            with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
                return answer.status
        except URLError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
