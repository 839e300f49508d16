"""The description of the API, and what a fuzzer makes of it."""

from dataclasses import replace

import jsonschema_rs
import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings

from clay_assets.serve import create_app
from clay_assets.settings import ApiSettings

TRIES = 6
"""Questions for each way to ask: a minute of fuzzing finds more, a test must be quick."""


@pytest.fixture
def description(client: TestClient) -> dict:
    return client.get("/openapi.json").json()


@pytest.fixture
def api(client: TestClient) -> schemathesis.BaseSchema:
    schema = schemathesis.openapi.from_asgi("/openapi.json", client.app)
    # What a schema cannot say (west before east, an example at all) is 400; 412 another version.
    schema.config.checks.positive_data_acceptance.expected_statuses = [
        "2XX", "3XX", "400", "404", "412", "503",
    ]  # fmt: skip
    # A database that is not there is 503 with words, which no schema can prevent.
    schema.config.checks.not_a_server_error.expected_statuses = ["2XX", "3XX", "4XX", "503"]
    schema.config.checks.negative_data_rejection.expected_statuses = ["4XX", "503"]
    return schema


def test_every_address_says_what_it_is_for_and_shows_an_example(description):
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation["description"], where
            assert {"4XX", "5XX"} <= operation["responses"].keys(), where
            assert "422" not in operation["responses"], where


def test_the_examples_of_answers_fit_their_own_schemas(description):
    shown = 0
    for name, schema in description["components"]["schemas"].items():
        if "example" in schema:
            whole = {"$ref": f"#/components/schemas/{name}"}
            whole |= {"components": description["components"]}
            jsonschema_rs.validate(whole, schema["example"])
            shown += 1
    assert shown > 5


def test_true_answers_fit_the_description(client: TestClient, description):
    schemas = {"components": description["components"]}
    feature = client.get("/api/footprints").json()["features"][0]
    chip = feature["properties"]["chips"][0]["chip_id"]
    for address, model in (
        ("/api/products", "ProductList"),
        ("/api/footprints", "FootprintCollection"),
        (f"/api/search?chip_id={chip}", "HitCollection"),
        ("/api/labels", "LabelList"),
        ("/readyz", "Readiness"),
    ):
        answer = client.get(address)
        assert answer.status_code == 200
        jsonschema_rs.validate({"$ref": f"#/components/schemas/{model}"} | schemas, answer.json())


def test_a_token_is_described_where_it_is_asked_for(installation, description):
    assert "securitySchemes" not in description["components"]
    settings = replace(installation.settings, api=ApiSettings(token="secret"))
    asking = create_app(settings).openapi()
    assert asking["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert "security" in asking["paths"]["/api/search"]["get"]
    assert "security" not in asking["paths"]["/healthz"]["get"]


def test_a_fuzzer_finds_nothing(api, subtests):
    for found in api.get_all_operations():
        operation = found.ok()
        with subtests.test(operation.label):
            fuzz(operation)


def fuzz(operation: schemathesis.APIOperation) -> None:
    @given(case=operation.as_strategy())
    @settings(
        max_examples=TRIES,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )
    def ask(case: schemathesis.Case) -> None:
        for part in (case.query, case.body):
            if isinstance(part, dict) and part.get("engine") == "pgvector":
                part["engine"] = "duckdb"  # the other one would start a server of its own
        case.call_and_validate(timeout=60)  # seconds; the first one imports scikit-learn

    ask()
