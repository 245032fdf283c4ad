"""The published schema. The gate reads the body of POST /generate, so FastAPI must be told of it."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from muscgen.api.problems import MEDIA_TYPE as PROBLEM
from muscgen.request import ConsentWish, GenerateRequest

# Under a prefix of their own: what may be left out of a wish is always there in an answer.
_PREFIX = "Wish."
GENERATE_REQUEST = f"#/components/schemas/{_PREFIX}GenerateRequest"
CONSENT_WISH = f"#/components/schemas/{_PREFIX}ConsentWish"


def install(app: FastAPI) -> None:
    """Make `app.openapi()` complete."""
    generated = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = generated()
            schema["components"]["schemas"].update(_wishes())
            _tell_of_problems(schema)
            schema["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
            schema["security"] = [{"key": []}, {}]  # {}: a service without keys is open
        return generated()

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way


def _tell_of_problems(schema: dict[str, Any]) -> None:
    """Every operation may answer a problem, and none answers FastAPI's own kind of one."""
    schemas = schema["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    problem = {"content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}}
    for operation in (operation for path in schema["paths"].values() for operation in path.values()):
        answers = operation["responses"]
        for status in [status for status in answers if status >= "4"]:
            if not answers[status].get("content") or _is_problem(answers[status]):
                answers[status] = {"description": answers[status]["description"], **problem}
        answers.setdefault("default", {"description": "A problem, after RFC 9457.", **problem})


def _is_problem(answer: dict[str, Any]) -> bool:
    """FastAPI knows one media type for every answer, and its own 422."""
    refs = [str(kind["schema"].get("$ref", "")) for kind in answer["content"].values() if "schema" in kind]
    return any(ref.endswith(("/ProblemDocument", "/HTTPValidationError")) for ref in refs)


def _wishes() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for kind in (GenerateRequest, ConsentWish):
        schema = kind.model_json_schema(
            by_alias=True, ref_template=f"#/components/schemas/{_PREFIX}{{model}}"
        )
        found |= schema.pop("$defs") | {kind.__name__: schema}
    return {f"{_PREFIX}{name}": part for name, part in found.items()}
