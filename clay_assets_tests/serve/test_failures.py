import pytest
from fastapi import FastAPI, HTTPException
from fastapi.testclient import TestClient

from clay_assets import errors
from clay_assets.errors import ClayAssetsError
from clay_assets.serve.failures import ANSWERS, handle_failures


def client_that_fails_with(error: Exception) -> TestClient:
    app = FastAPI()
    handle_failures(app)

    @app.get("/fail")
    def fail(number: int = 0) -> None:
        raise error

    return TestClient(app, raise_server_exceptions=False)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (errors.SearchError, 400),
        (errors.TileError, 400),
        (errors.InvalidValueError, 400),
        (errors.UnusableIndexError, 503),
        (errors.NotFoundError, 404),
        (errors.DatabaseError, 503),
        (errors.StoreError, 503),
        (errors.ChipError, 500),
        (errors.CheckpointError, 500),
    ],
)
def test_each_error_has_its_code_its_own_words_and_a_next_step(kind, status):
    answer = client_that_fails_with(kind("k must be 1 to 25000, got 0")).get("/fail")
    assert answer.status_code == status
    assert answer.json()["error"] == "k must be 1 to 25000, got 0"
    assert answer.json()["next_step"].endswith(".")


def test_the_table_answers_every_error_of_the_package():
    assert ANSWERS[-1][0] is ClayAssetsError


def test_a_wrong_parameter_is_named():
    answer = client_that_fails_with(ValueError()).get("/fail?number=many")
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("number: Input should be a valid integer")


def test_an_unknown_address_has_the_same_shape():
    answer = client_that_fails_with(HTTPException(404)).get("/nowhere")
    assert answer.status_code == 404
    assert answer.json().keys() == {"error", "next_step"}


def test_a_bug_is_logged_and_keeps_its_inside_to_itself(caplog):
    answer = client_that_fails_with(ZeroDivisionError("secret")).get("/fail")
    assert answer.status_code == 500
    assert answer.json()["error"] == "ZeroDivisionError in /fail"
    assert "secret" not in answer.text
    assert "GET /fail failed" in caplog.text
