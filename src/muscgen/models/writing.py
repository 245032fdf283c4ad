"""A card for a checkpoint that came without one."""

from __future__ import annotations

import json
from pathlib import Path

from muscgen.models.folder import read_folder
from muscgen.models.layout import HEARING
from muscgen.models.terms import Stated, Terms


def card_text(terms: Terms, folder: Path) -> str:
    """card.toml for the checkpoint in the folder. Raises CheckpointInvalid where it cannot be read."""
    fields: dict[str, object] = {
        "id": terms.id,
        "license": terms.license,
        "license_url": terms.license_url,
        "attribution": terms.attribution,
        "description": terms.description or f"{terms.id}, as it was brought here.",
        "modes": terms.modes or modes_of(folder),
        "max_duration_s": terms.window,
    }
    stated = [name for name in Stated.model_fields if name != "files"]
    fields |= {name: said for name in stated if (said := getattr(terms, name))}
    lines = [f"{name} = {_toml(value)}" for name, value in fields.items()]
    sampling = [f"{name} = {_toml(value)}" for name, value in terms.sampling.model_dump().items()]
    pinned = [
        f"\n[[files]]\nname = {_toml(file.name)}\nsha256 = {_toml(file.sha256)}"
        for file in terms.files
        if file.sha256 is not None
    ]
    return "\n".join([*lines, "", "[sampling]", *sampling, *pinned, ""])


def modes_of(folder: Path) -> tuple[str, ...]:
    """What a checkpoint can do, by what it holds."""
    weights = read_folder(folder)
    hears = any(name.startswith(HEARING) for name in weights.tensors)
    return (
        "text",
        "unconditional",
        *(("melody",) if weights.config.melody is not None else ()),
        *(("continuation",) if hears else ()),
    )


def _toml(value: object) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
