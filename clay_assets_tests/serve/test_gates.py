"""What stands before the routes: token, limits, other sites, counters."""

import http.client
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from fastapi.testclient import TestClient

from clay_assets.serve import create_app
from clay_assets.settings import Settings

TOKEN = "open-sesame"
BEARER = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def client_with(tmp_path):
    def start(**environ: str) -> TestClient:
        settings = Settings.from_environment({"CLAY_HOME": str(tmp_path)} | environ)
        return TestClient(create_app(settings))

    return start


def test_data_is_only_for_those_who_show_the_token(client_with):
    client = client_with(CLAY_API_TOKEN=TOKEN)
    for shown in ({}, {"authorization": "Bearer wrong"}, {"authorization": f"Basic {TOKEN}"}):
        refused = client.get("/api/products", headers=shown)
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"] == "Bearer"
        assert "asks for a token" in refused.json()["error"]
    assert client.get("/metrics").status_code == 401
    assert client.get("/api/products", headers=BEARER).status_code == 200
    assert client.get("/healthz").status_code == 200


def test_a_person_signs_in_once_on_the_page(client_with):
    client = client_with(CLAY_API_TOKEN=TOKEN)
    asked = client.get("/?labels=farms")
    assert (asked.status_code, "Token of this server" in asked.text) == (401, True)
    wrong = client.post("/?labels=farms", data={"token": "guess"})
    assert (wrong.status_code, "not the token" in wrong.text) == (401, True)
    right = client.post("/?labels=farms", data={"token": TOKEN}, follow_redirects=False)
    assert (right.status_code, right.headers["location"]) == (303, "?labels=farms")
    cookie = right.headers["set-cookie"]
    assert TOKEN not in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert client.get("/?labels=farms").status_code == 200
    assert client.get("/api/products").status_code == 200


def test_a_made_up_cookie_opens_nothing(client_with):
    client = client_with(CLAY_API_TOKEN=TOKEN)
    for value in (TOKEN, "", "x" * 64):
        client.cookies.set("clay_session", value)
        assert client.get("/api/products").status_code == 401


def test_without_a_token_nobody_is_asked(client_with):
    assert client_with().get("/api/products").status_code == 200


def test_questions_beyond_the_rate_wait(client_with):
    client = client_with(CLAY_API_RATE="3")
    codes = [client.get("/api/products").status_code for _ in range(4)]
    assert codes == [200, 200, 200, 429]
    refused = client.get("/api/products")
    assert "at most 3 questions a minute are answered" in refused.json()["error"]
    assert refused.headers["retry-after"] == "20"
    assert client.get("/healthz").status_code == 200


def test_a_picture_is_a_twentieth_of_a_question(client_with):
    client = client_with(CLAY_API_RATE="1")
    codes = [client.get("/api/chips/x/thumbnail.png").status_code for _ in range(21)]
    assert codes == [404] * 20 + [429]


def test_guessing_tokens_is_limited_too(client_with):
    client = client_with(CLAY_API_TOKEN=TOKEN, CLAY_API_RATE="2")
    codes = [client.post("/", data={"token": str(guess)}).status_code for guess in range(3)]
    assert codes == [401, 401, 429]


def test_pages_of_named_sites_may_ask_and_no_others(client_with):
    client = client_with(CLAY_API_ORIGINS="https://maps.example", CLAY_API_TOKEN=TOKEN)

    def allowed(origin: str) -> str | None:
        answer = client.get("/api/products", headers={"origin": origin})
        return answer.headers.get("access-control-allow-origin")

    assert allowed("https://maps.example") == "https://maps.example"
    assert allowed("https://other.example") is None
    asked_first = client.options(
        "/api/labels/farms",
        headers={
            "origin": "https://maps.example",
            "access-control-request-method": "PUT",
            "access-control-request-headers": "authorization,if-match",
        },
    )
    assert asked_first.status_code == 200


@pytest.fixture
def port(tmp_path) -> Iterator[int]:
    """A real server, as the test client hands over bodies whole."""
    settings = Settings.from_environment({"CLAY_HOME": str(tmp_path)})
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(create_app(settings), log_level="warning")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join()


def test_an_upload_of_100_mb_is_refused_before_it_is_sent(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.putrequest("POST", "/api/search/image")
    connection.putheader("content-length", str(100_000_000))
    connection.putheader("content-type", "multipart/form-data; boundary=x")
    connection.endheaders()
    started = time.monotonic()
    answer = connection.getresponse()  # nothing of the body was sent
    assert answer.status == 413
    assert b"at most 16 MB, got 100.0 MB or more" in answer.read()
    assert time.monotonic() - started < 10


def test_a_body_without_a_length_is_cut_off_at_the_limit(port):
    sent = 0

    def chunks() -> Iterator[bytes]:
        nonlocal sent
        for sent in range(1, 1_001):  # noqa: B007
            yield b" " * 100_000

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("POST", "/api/search", chunks(), encode_chunked=True)
    except (BrokenPipeError, ConnectionResetError):  # the server hung up, as it should
        pass
    assert sent < 1_000
    answer = connection.getresponse()
    assert answer.status == 413
    assert b"at most 16 MB, got 16." in answer.read()


def test_prometheus_reads_what_was_asked(client_with):
    client = client_with()
    client.get("/api/chips/clay/nothing")
    client.get("/nowhere")
    text = client.get("/metrics").text
    counted = 'clay_requests_total{method="GET",route="%s",status="404"} 1.0'
    assert counted % "/api/chips/{product}/{row_id:path}" in text
    assert counted % "other" in text
    assert 'clay_request_seconds_count{method="GET",route="other"} 1.0' in text
    assert "clay_requests_in_progress 1.0" in text


def test_a_server_without_an_index_is_alive_and_not_ready(client_with):
    client = client_with()
    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "materialise duckdb_index first" in answer.json()["error"]


def test_a_server_with_an_index_is_ready_and_counts_searches(client, installation):
    ready = client.get("/readyz").json()
    assert ready["status"] == "ready"
    assert ready["products"]["clay"] > 0
    client.get("/api/search", params={"vector": "1"})
    lonlat = client.get("/api/footprints").json()["features"][0]["geometry"]["coordinates"][0][0]
    client.get("/api/search", params={"lonlat": f"{lonlat[0]},{lonlat[1]}"})
    text = client.get("/metrics").text
    assert 'clay_search_seconds_count{engine="duckdb",how="exact"}' in text
