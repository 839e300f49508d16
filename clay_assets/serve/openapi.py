"""The description of the API at `/openapi.json`."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from clay_assets.serve.documents import Problem

ABOUT = """Similarity search over embeddings of satellite imagery.

Every error is `{"error": ..., "next_step": ...}`: 400 for what cannot be asked so, 401 without the
token, 404 for what does not exist, 412 for what somebody else has changed, 413 and 429 for too
much, 503 for a database or store that cannot be reached.
"""
_PROBLEM = {
    "description": "What went wrong and what to do next.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def describe_api(app: FastAPI, *, has_token: bool) -> None:
    """Let `app` describe itself, with the errors and the token that all addresses share."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _description(app, has_token=has_token)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _description(app: FastAPI, *, has_token: bool) -> dict[str, Any]:
    schema = get_openapi(title=app.title, version=app.version, description=ABOUT, routes=app.routes)
    schemas = schema.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = Problem.model_json_schema()
    for name in ("HTTPValidationError", "ValidationError"):  # our errors have another form
        schemas.pop(name, None)
    if has_token:
        schema["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            _complete(operation)
            if has_token and path.startswith(("/api/", "/metrics")):
                operation["security"] = [{"token": []}]
    return schema


def _complete(operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    for code in [code for code in responses if code[0] in "45"]:
        del responses[code]
    for response in responses.values():
        for content in response.get("content", {}).values():
            schema = content.get("schema", {})
            if "$ref" in schema:
                schema.pop("type", None)  # FastAPI calls all but JSON a string
    responses |= {"4XX": _PROBLEM, "5XX": _PROBLEM}
    for parameter in operation.get("parameters", []):
        kinds = (parameter["schema"], *parameter["schema"].get("anyOf", []))
        if any("prefixItems" in kind or kind.get("minItems") == 6 for kind in kinds):
            parameter |= {"style": "form", "explode": False}  # lon,lat in one value
