"""docs/reference/api.md: every call of the API, from the schema that the service publishes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from muscgen.api import create_app
from muscgen.artifacts import DirectoryStore
from muscgen.jobs import Queue, connect
from muscgen.models.registry import Registry
from muscgen.settings import Settings
from pages.markdown import anchor, code, table

HEAD = """# API reference

Written by `python -m pages` from the schema that every service publishes at `/openapi.json`, and shows at
`/docs`. What holds for all of it, and what the errors mean, stands in [the API](../api.md).

Any call may be answered with a [ProblemDocument](#problemdocument); below stand the answers that are its own.
Names that begin with `Wish.` are of requests, where what is left out has a default; in answers it is there.
"""
NOWHERE = "redis://127.0.0.1:1"  # nothing is asked of it
FRAMEWORK_SAYS = ("Successful Response", "Validation Error")
METHODS = ("get", "post", "put", "patch", "delete")
Schema = dict[str, Any]


def schema() -> Schema:
    """The published schema, of a service that is not running."""
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home))
        app = create_app(
            settings,
            queue=Queue(connect(NOWHERE)),
            store=DirectoryStore(Path(home) / "artifacts"),
            registry=Registry(settings.models_path),
        )
        return app.openapi()


def page(published: Schema | None = None) -> str:
    published = published or schema()
    operations = [
        (method.upper(), path, operation)
        for path, methods in published["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    ]
    tags = dict.fromkeys(operation.get("tags", ["more"])[0] for _, _, operation in operations)
    parts = [HEAD]
    for tag in tags:
        parts.append(f"## {tag.capitalize()}\n")
        parts += [_operation(*one) for one in operations if one[2].get("tags", ["more"])[0] == tag]
    parts.append("## Documents\n")
    named = published["components"]["schemas"]
    parts += [_document(name, named[name]) for name in sorted(named, key=str.lower)]
    return "\n".join(parts)


def _operation(method: str, path: str, operation: Schema) -> str:
    parts = [f"### {method} {path}\n", f"{operation.get('description') or operation.get('summary', '')}\n"]
    if parameters := operation.get("parameters"):
        parts.append(table(("parameter", "in", "", ""), map(_parameter, parameters)))
    if body := operation.get("requestBody"):
        parts.append(_body(body))
    parts.append(table(("status", "answer", ""), _answers(operation["responses"])))
    return "\n".join(parts)


def _parameter(one: Schema) -> tuple[str, str, str, str]:
    needed = "" if one.get("required") else ", may be left out"
    text = one.get("description") or one["schema"].get("description", "")
    return code(one["name"]), one["in"] + needed, _kind(one["schema"]), text


def _body(body: Schema) -> str:
    kinds = [
        f"{code(media)}: {_kind(content.get('schema', {}))}" for media, content in body["content"].items()
    ]
    text = (
        "Body"
        + ("" if body.get("required") else ", which may be left out")
        + ": "
        + "; or ".join(kinds)
        + ".\n"
    )
    for media, content in body["content"].items():
        if properties := content.get("schema", {}).get("properties"):
            text += f"\n{code(media)}:\n\n" + table(("part", "", ""), _fields(content["schema"], properties))
    return text


def _answers(answers: Schema) -> Iterator[tuple[str, str, str]]:
    for status, answer in answers.items():
        if status == "default":
            continue
        kinds = dict.fromkeys(
            f"{code(media)} {_kind(content['schema']) if content.get('schema') else ''}".strip()
            for media, content in answer.get("content", {}).items()
        )
        text = answer.get("description", "")
        yield status, ", ".join(kinds), "" if text in FRAMEWORK_SAYS else text


def _document(name: str, one: Schema) -> str:
    parts = [f"### {name}\n"]
    if text := one.get("description"):
        parts.append(f"{' '.join(text.split())}\n")
    if properties := one.get("properties"):
        parts.append(table(("field", "", ""), _fields(one, properties)))
    else:
        parts.append(f"{_kind(one)}\n")
    return "\n".join(parts)


def _fields(one: Schema, properties: Schema) -> Iterator[tuple[str, str, str]]:
    needed = one.get("required", [])
    for name, field in properties.items():
        notes = [field.get("description", "").rstrip(".")]
        if name not in needed and "default" in field and field["default"] is not None:
            notes.append(f"default: {_default(field['default'])}")
        elif name not in needed and "default" not in field:
            notes.append("may be missing")
        yield code(name), _kind(field), "; ".join(filter(None, notes))


def _default(value: object) -> str:
    if value in ({}, [], ""):
        return "empty"
    if isinstance(value, dict):
        return "those of its fields"
    return code(str(value).lower() if isinstance(value, bool) else value)


def _kind(field: Schema) -> str:
    """In words, with its limits; the name of a document leads to it."""
    if reference := field.get("$ref"):
        name = reference.rpartition("/")[2]
        return f"[{name}](#{anchor(name)})"
    for key in ("anyOf", "oneOf", "allOf"):
        if key in field:
            return " or ".join(dict.fromkeys(map(_kind, field[key])))
    if "enum" in field:
        return ", ".join(code(value) for value in field["enum"])
    if "const" in field:
        return code(field["const"])
    return _plain(field)


def _plain(field: Schema) -> str:
    kind = field.get("type", "anything")
    if kind == "array":
        return f"list of {_kind(field.get('items', {}))}{_limits(field, 'Items')}"
    if kind == "string":
        return f"{field.get('format', 'text')}{_limits(field, 'Length')}"
    if kind in ("integer", "number"):
        return kind + _limits(field, "imum")
    return str(kind)


def _limits(field: Schema, of: str) -> str:
    below, above = ("minimum", "maximum") if of == "imum" else (f"min{of}", f"max{of}")
    found = []
    if below in field:
        found.append(f"from {field[below]:,}")
    if "exclusiveMinimum" in field and of == "imum":
        found.append(f"above {field['exclusiveMinimum']:,}")
    if above in field:
        found.append(f"to {field[above]:,}")
    unit = {"Items": " entries", "Length": " characters", "imum": ""}[of]
    return f", {' '.join(found)}{unit}" if found else ""
