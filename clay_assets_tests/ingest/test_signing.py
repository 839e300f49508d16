import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from clay_assets.errors import ImageryError
from clay_assets.ingest import signing

HREF = "https://sentinel2l2a01.blob.core.windows.net/sentinel2-l2/47/X/ML/B02.tif"


@pytest.fixture
def asked(monkeypatch):
    """Paths a token server was asked for; it knows one container."""
    paths = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            paths.append(self.path)
            if self.path != "/token/sentinel2l2a01/sentinel2-l2":
                return self.send_error(404 if "other" in self.path else 500)
            content = {"msft:expiry": "2100-01-01T00:00:00Z", "token": f"sig={len(paths)}"}
            data = json.dumps(content).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            return self.wfile.write(data)

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setattr(signing, "_TOKENS_URL", f"http://127.0.0.1:{server.server_port}/token")
    monkeypatch.setattr(signing, "_tokens", {})
    yield paths
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_file_of_the_planetary_computer_gets_a_token_which_is_kept(asked):
    assert signing.signed(HREF) == f"{HREF}?sig=1"
    assert signing.signed(HREF.replace("B02", "B03")).endswith("B03.tif?sig=1")
    assert asked == ["/token/sentinel2l2a01/sentinel2-l2"]


def test_a_token_about_to_expire_is_renewed(asked, monkeypatch):
    signing.signed(HREF)
    monkeypatch.setattr(signing, "_RENEW_BEFORE_S", 10**10)
    assert signing.signed(HREF) == f"{HREF}?sig=2"


@pytest.mark.parametrize(
    "href",
    [
        "/images/B02.tif",
        "s3://bucket/B02.tif",
        "https://sentinel-cogs.s3.us-west-2.amazonaws.com/B02.tif",
        f"{HREF}?sv=own&sig=token",
    ],
)
def test_other_files_stay_as_they_are_and_nobody_is_asked(asked, href):
    assert signing.signed(href) == href
    assert asked == []


def test_storage_of_somebody_else_gets_no_token(asked):
    href = "https://other.blob.core.windows.net/container/B02.tif"
    assert signing.signed(href) == signing.signed(href) == href
    assert len(asked) == 1


def test_a_token_server_that_fails_is_named(asked):
    with pytest.raises(
        ImageryError, match="/token/broken/container did not answer: HTTP Error 500"
    ):
        signing.signed("https://broken.blob.core.windows.net/container/B02.tif")


def test_a_token_server_that_is_down_is_named(monkeypatch):
    monkeypatch.setattr(signing, "_TOKENS_URL", "http://127.0.0.1:9/token")
    with pytest.raises(ImageryError, match=r"refused.*; check the address and the network"):
        signing.signed("https://down.blob.core.windows.net/container/B02.tif")
