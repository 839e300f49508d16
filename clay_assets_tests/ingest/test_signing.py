import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from clay_assets.errors import ImageryError
from clay_assets.ingest import asking, signing

HREF = "https://sentinel2l2a01.blob.core.windows.net/sentinel2-l2/47/X/ML/B02.tif"


@pytest.fixture
def asked(monkeypatch):
    """(path, subscription key) a token server was asked for; it knows one container."""
    requests = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            requests.append((self.path, self.headers.get("Ocp-Apim-Subscription-Key")))
            place = self.path.removeprefix("/token/")
            if place not in ("sentinel2l2a01/sentinel2-l2", "odd/container", "html/container"):
                return self.send_error(404 if "other" in place else 500)
            content = {"msft:expiry": "2100-01-01T00:00:00Z", "token": f"sig={len(requests)}"}
            data = json.dumps({} if "odd" in place else content).encode()
            data = b"<html>" if "html" in place else data
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            return self.wfile.write(data)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("PC_SDK_SAS_URL", f"http://127.0.0.1:{server.server_port}/token")
    monkeypatch.setattr(signing, "_tokens", {})
    monkeypatch.setattr(asking, "_BACKOFF_S", 0)
    yield requests
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_file_of_the_planetary_computer_gets_a_token_which_is_kept(asked):
    assert signing.signed(HREF) == f"{HREF}?sig=1"
    assert signing.signed(HREF.replace("B02", "B03")).endswith("B03.tif?sig=1")
    assert asked == [("/token/sentinel2l2a01/sentinel2-l2", None)]


def test_a_subscription_key_is_sent(asked, monkeypatch):
    monkeypatch.setenv("PC_SDK_SUBSCRIPTION_KEY", "mine")
    signing.signed(HREF)
    assert asked == [("/token/sentinel2l2a01/sentinel2-l2", "mine")]


def test_a_token_about_to_expire_is_renewed(asked, monkeypatch):
    signing.signed(HREF)
    monkeypatch.setattr(signing, "_RENEW_BEFORE_S", 10**10)
    assert signing.signed(HREF) == f"{HREF}?sig=2"


def test_a_token_that_is_refused_is_dropped(asked):
    signing.signed(HREF)
    assert signing.signed_anew(HREF) == f"{HREF}?sig=2"
    assert signing.signed(HREF) == f"{HREF}?sig=2"
    assert signing.signed_anew(f"{HREF}?se=2024-04-19&sig=of-a-saved-item") == f"{HREF}?sig=3"


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


def test_a_token_server_that_fails_is_asked_again_and_then_named(asked):
    message = r"/token/broken/container answered 500 Internal Server Error 5 times; it is overload"
    with pytest.raises(ImageryError, match=message):
        signing.signed("https://broken.blob.core.windows.net/container/B02.tif")
    assert len(asked) == 5


def test_an_answer_that_is_no_json_is_told(asked):
    with pytest.raises(ImageryError, match=r"/token/html/container answered what is not JSON: Exp"):
        signing.signed("https://html.blob.core.windows.net/container/B02.tif")


def test_an_answer_without_a_token_is_told(asked):
    with pytest.raises(ImageryError, match=r"/token/odd/container answered without a token and"):
        signing.signed("https://odd.blob.core.windows.net/container/B02.tif")


def test_a_token_server_that_is_down_is_named(monkeypatch):
    monkeypatch.setenv("PC_SDK_SAS_URL", "http://127.0.0.1:9/token")
    monkeypatch.setattr(asking, "_BACKOFF_S", 0)
    with pytest.raises(ImageryError, match=r"refused.*; check the address and the network"):
        signing.signed("https://down.blob.core.windows.net/container/B02.tif")
