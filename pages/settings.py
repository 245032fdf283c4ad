"""docs/reference/settings.md: every setting, from the class that reads them."""

from __future__ import annotations

import types
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen
from pydantic.fields import FieldInfo

from muscgen.settings import PREFIX, Settings
from pages.markdown import code, table

HEAD = """# Settings

Written by `python -m pages` from `src/muscgen/settings`. Each is a variable of the environment; the commands'
own options ([command line](cli.md)) win over it. `{prefix}<NAME>_FILE` names a file with the value: how
containers are handed secrets. An empty variable is not set, and one that nobody knows is an error that says
which name was meant. Lists are separated by commas. Names end in their unit: `_S` seconds, `_BYTES` bytes.
"""
# A setting stands under the heading that names the beginning of its name, the longest counting.
GROUPS = {
    "The service": ("host", "port", "home", "log_format", "drain", "require_worker", "max_body"),
    "The queue": ("redis", "queue", "lease", "max_attempts", "max_queue", "cache"),
    "Models": ("default_model", "models", "preload", "model_", "memory", "fetch", "deployment"),
    "What computes a song": ("backend", "device", "precision", "kv", "slots", "threads"),
    "Files": ("artifacts", "hot", "link"),
    "Sound from outside": ("max_upload", "upload", "blocklists", "sensitive"),
    "Words": ("prompt",),
    "Who may ask": ("api_keys", "verify"),
    "What a song carries": ("watermark", "tags", "aigc", "credentials", "receipts", "signing", "trust"),
    "What was done": ("audit",),
    "Webhooks": ("webhook",),
    "Seeing it": ("otlp", "metrics"),
    "More": ("",),
}
WORDS = {bool: "true, false", int: "a number", float: "a number", str: "text", Path: "a path"}
HOME = "~/.local/share/muscgen"  # Settings' own default, which follows XDG_DATA_HOME


def page() -> str:
    parts = [HEAD.format(prefix=PREFIX)]
    groups: dict[str, list[str]] = {heading: [] for heading in GROUPS}
    for name in Settings.model_fields:
        groups[_heading(name)].append(name)
    for heading, names in groups.items():
        if names:
            parts.append(f"## {heading}\n\n{table(('variable', 'values', 'default', ''), map(_row, names))}")
    return "\n".join(parts)


def _heading(name: str) -> str:
    found = [
        (len(start), heading)
        for heading, starts in GROUPS.items()
        for start in starts
        if name.startswith(start)
    ]
    return max(found, key=lambda one: one[0])[1]


def _row(name: str) -> tuple[str, str, str, str]:
    field = Settings.model_fields[name]
    return code(PREFIX + name.upper()), _values(field), _default(name, field), field.description or ""


def _values(field: FieldInfo) -> str:
    kinds = [kind for kind in _alternatives(field.annotation) if kind is not type(None)]
    words = " or ".join(_kind(kind) for kind in kinds)
    return f"{words} {_range(field)}".strip()


def _alternatives(kind: object) -> tuple[object, ...]:
    return get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)


def _kind(kind: object) -> str:
    if get_origin(kind) is Literal:
        return ", ".join(code(value) for value in get_args(kind))
    if get_origin(kind) is tuple:
        return f"several: {_kind(get_args(kind)[0])}"
    return WORDS[kind]  # type: ignore[index]  # a kind without a word is a fault of this page


def _range(field: FieldInfo) -> str:
    return " ".join(_limits(field.metadata))


def _limits(metadata: list[object]) -> Iterator[str]:
    for one in metadata:
        match one:
            case Ge(ge=least):
                yield f"from {least:,}"
            case Gt(gt=least):
                yield f"above {least:,}"
            case Le(le=most):
                yield f"to {most:,}"
            case Lt(lt=most):
                yield f"below {most:,}"
            case MaxLen(max_length=most):
                yield f"up to {most} characters"


def _default(name: str, field: FieldInfo) -> str:
    if name == "home":
        return code(HOME)
    value = field.default
    if value is None or value in ((), ""):
        return ""
    return code(str(value).lower() if isinstance(value, bool) else value)
