"""Settings from the environment."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from muscgen.errors import ConfigurationError
from muscgen.settings.fields import Settings
from muscgen.settings.places import home_of

PREFIX = "MUSCGEN_"
FILE = "_FILE"
# What commands that ask a service are told by; no settings of one.
CLIENT = ("MUSCGEN_SERVER", "MUSCGEN_API_KEY", "MUSCGEN_KEY")
_LISTS = (
    "api_keys",
    "watermark_keys",
    "webhook_secrets",
    "prompt_lists",
    "sensitive_uses",
    "blocklists",
    "link_keys",
    "models",
    "preload",
    "mcp_origins",
)


def load(environment: Mapping[str, str] | None = None, **overrides: object) -> Settings:
    """Settings from the environment, overridden by arguments that are not None.

    An unknown MUSCGEN_ name is an error. Raises ConfigurationError naming the variable, what was wrong and
    what is allowed.
    """
    source = _with_files(os.environ if environment is None else environment)
    given: dict[str, Any] = {"home": home_of(source)} | {
        name.removeprefix(PREFIX).lower(): value
        for name, value in source.items()
        if name.startswith(PREFIX) and name not in CLIENT and value
    }
    for name in _LISTS:
        if name in given:
            given[name] = tuple(key.strip() for key in given[name].split(",") if key.strip())
    given |= {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        if first["type"] == "extra_forbidden":
            raise _unknown(name) from error
        raise ConfigurationError(f"{PREFIX}{name.upper()}: {first['msg']}", param=name) from error


def _with_files(environment: Mapping[str, str]) -> dict[str, str]:
    """MUSCGEN_X_FILE=path stands for MUSCGEN_X with the file's text: how containers are handed secrets."""
    found = dict(environment)
    for name, path in environment.items():
        field = name.removesuffix(FILE).removeprefix(PREFIX).lower()
        if not (name.startswith(PREFIX) and name.endswith(FILE)) or field not in Settings.model_fields:
            continue
        if name.removesuffix(FILE) in environment:
            raise ConfigurationError(f"{name} and {name.removesuffix(FILE)} are both set", param=field)
        try:
            found[name.removesuffix(FILE)] = Path(path).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{name}: {path} cannot be read: {error}", param=field) from error
        del found[name]
    return found


def _unknown(name: str) -> ConfigurationError:
    near = difflib.get_close_matches(name, Settings.model_fields, n=1)
    known = ", ".join(PREFIX + field.upper() for field in near or Settings.model_fields)
    return ConfigurationError(f"there is no setting {PREFIX}{name.upper()}", param=name, suggestion=known)
