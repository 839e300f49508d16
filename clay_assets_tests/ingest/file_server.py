"""Files over HTTP with ranges, on this machine, and what may go wrong on the way."""

import re
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlparse

RANGE = re.compile(r"bytes=(\d+)-(\d*)")


@dataclass
class FileServer:
    """What is served, what is asked for, and what goes wrong."""

    folder: Path
    url: str = ""
    asked: list[str] = field(default_factory=list)
    """`METHOD path?query`, a line for each request."""
    refuse: str = ""
    """Requests with this in their path or query are answered 403."""
    statuses: list[int] = field(default_factory=list)
    """Answers to the next requests."""
    cut: int = 0
    """How many answers break off in the middle."""
    reset: int = 0
    """How many requests get a reset connection instead of an answer."""


@contextmanager
def serving_files(folder: Path) -> Iterator[FileServer]:
    """A folder over HTTP; as a proxy it has the same files under any host."""
    state = FileServer(folder)

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self._answer()

        def do_GET(self):
            self._answer()

        def _answer(self):
            target = urlparse(self.path)
            asked = f"{target.path}?{target.query}" if target.query else target.path
            state.asked.append(f"{self.command} {asked}")
            path = state.folder / target.path.lstrip("/")
            if state.reset:
                state.reset -= 1
                self.connection.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                )
                self.close_connection = True
            elif state.statuses:
                self._say(state.statuses.pop(0), b"")
            elif state.refuse and state.refuse in asked:
                self._say(403, b"")
            elif path.is_file():
                self._send(path.read_bytes())
            else:
                self._say(404, b"")

        def _send(self, data):
            part = RANGE.match(self.headers.get("Range", ""))
            if not part:
                return self._say(200, data)
            first, last = int(part[1]), int(part[2] or len(data) - 1)
            whole, data = len(data), data[first : last + 1]
            return self._say(206, data, f"bytes {first}-{first + len(data) - 1}/{whole}")

        def _say(self, status, data, span=None):
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Accept-Ranges", "bytes")
            if span:
                self.send_header("Content-Range", span)
            self.end_headers()
            if self.command == "HEAD":
                return
            if state.cut:
                state.cut -= 1
                data = data[: len(data) // 2]
            self.wfile.write(data)

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()
