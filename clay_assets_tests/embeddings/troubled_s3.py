"""A proxy in front of an S3 server that makes trouble for chosen objects."""

import http.client
import socket
import struct
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlparse

NEVER_S = 60


class TroubledProxy(ThreadingHTTPServer):
    """Passes requests on; objects whose URL has a text get their trouble first, so many times.

    Trouble is `503`, `reset` (the connection breaks), `half` (it breaks inside the body) or `hang`
    (nothing comes).
    """

    daemon_threads = True

    def __init__(self, endpoint: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind = urlparse(endpoint).netloc
        self.trouble: dict[str, tuple[str, int]] = {}
        self.asked: Counter[str] = Counter()
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def trouble_of(self, path: str) -> str:
        for text, (kind, times) in self.trouble.items():
            if text in path:
                self.asked[text] += 1
                return kind if self.asked[text] <= times else ""
        return ""

    def handle_error(self, *_) -> None:
        """Clients that lost patience are no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        trouble = self.server.trouble_of(self.path) if self.command == "GET" else ""
        if trouble == "hang":
            self.server.closing.wait(NEVER_S)
        if trouble in ("hang", "reset"):
            return self._break()
        status, headers, body = self._ask()
        if trouble == "503":
            status, headers, body = 503, [("Content-Type", "application/xml")], b"<Error/>"
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        length = dict(headers).get("Content-Length") if self.command == "HEAD" else len(body)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if trouble == "half":
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            time.sleep(0.05)  # so that the client has begun to read
            return self._break()
        if self.command != "HEAD":
            self.wfile.write(body)
        return None

    do_PUT = do_HEAD = do_DELETE = do_POST = do_GET

    def _ask(self) -> tuple[int, list[tuple[str, str]], bytes]:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        behind = http.client.HTTPConnection(self.server.behind)
        try:
            behind.request(self.command, self.path, body, dict(self.headers))
            answer = behind.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            behind.close()

    def _break(self) -> None:
        """Reset the connection instead of closing it."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def log_message(self, *_) -> None:
        """Quiet."""
