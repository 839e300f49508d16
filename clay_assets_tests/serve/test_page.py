import re

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from clay_assets.errors import ServiceError
from clay_assets.serve import page
from clay_assets.serve.page import STATIC_FOLDER, add_page, maplibre_folder


@pytest.fixture
def client() -> TestClient:
    app = FastAPI()
    add_page(app)
    return TestClient(app)


def test_every_file_the_page_names_is_served(client: TestClient):
    html = client.get("/").text
    named = re.findall(r'(?:href|src)="([^"#]+)', html)
    assert "static/main.js" in named
    assert "maplibre/maplibre-gl.js" in named
    for address in named:
        assert client.get(f"/{address}").status_code == 200, address


def test_every_module_that_is_imported_exists():
    for module in STATIC_FOLDER.glob("*.js"):
        for imported in re.findall(r'from "\./([^"]+)"', module.read_text()):
            assert (STATIC_FOLDER / imported).is_file(), f"{module.name} imports {imported}"


def test_every_icon_that_is_used_is_drawn():
    drawn = set(re.findall(r'<symbol id="([^"]+)"', (STATIC_FOLDER / "icons.svg").read_text()))
    used = set()
    for file in STATIC_FOLDER.glob("*.js"):
        used |= set(re.findall(r'\bicon\("([^"]+)"\)', file.read_text()))
    assert used
    assert used <= drawn


def test_nothing_is_loaded_from_another_host(client: TestClient):
    policy = client.get("/").headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "http" not in policy
    for file in STATIC_FOLDER.iterdir():
        addresses = set(re.findall(r"https?://[^\s\"')]+", file.read_text()))
        assert addresses <= {"http://www.w3.org/2000/svg"}, file.name


def test_only_the_base_maps_host_is_allowed_as_well():
    app = FastAPI()
    add_page(app, "https://tiles.example/{z}/{x}/{y}.png#Tiles by nobody")
    policy = TestClient(app).get("/").headers["content-security-policy"]
    parts = dict(part.split(" ", 1) for part in policy.split("; "))
    allowed = {name for name, sources in parts.items() if "https://tiles.example" in sources}
    assert allowed == {"img-src", "connect-src"}
    assert parts["default-src"] == "'self'"
    assert "nobody" not in policy


def test_files_are_asked_for_anew_and_cost_nothing_when_unchanged(client: TestClient):
    first = client.get("/static/main.js")
    assert first.headers["cache-control"] == "no-cache"
    again = client.get("/static/main.js", headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 304


def test_a_missing_maplibre_is_an_error_that_says_what_to_install(monkeypatch):
    assert (maplibre_folder() / "maplibre-gl.css").is_file()
    monkeypatch.setattr(page, "find_spec", lambda name: None)
    with pytest.raises(ServiceError, match=r"needs the package maplibre.*pip install maplibre"):
        maplibre_folder()
