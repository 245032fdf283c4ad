"""The published schema. The gate reads the body of POST /generate, so FastAPI must be told of it."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from muscgen.request import GenerateRequest

# Under a prefix of their own: what may be left out of a wish is always there in an answer.
_PREFIX = "Wish."
GENERATE_REQUEST = f"#/components/schemas/{_PREFIX}GenerateRequest"


def install(app: FastAPI) -> None:
    """Make `app.openapi()` complete."""
    generated = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = generated()
            schema["components"]["schemas"].update(_wishes())
            schema["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
            schema["security"] = [{"key": []}, {}]  # {}: a service without keys is open
        return generated()

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way


def _wishes() -> dict[str, Any]:
    schema = GenerateRequest.model_json_schema(
        by_alias=True, ref_template=f"#/components/schemas/{_PREFIX}{{model}}"
    )
    parts = schema.pop("$defs")
    return {f"{_PREFIX}{name}": part for name, part in (parts | {"GenerateRequest": schema}).items()}
