"""Whether an answer is of the shape that the documentation shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any


def differences(shown: str, printed: str) -> list[str]:
    """What a shown JSON document has that the real one has not, or has otherwise.

    What is shown may be shortened: keys may be missing. Texts with digits or an ellipsis, and numbers, stand
    for others of their kind; words stand for themselves.
    """
    return list(_differences(json.loads(shown), json.loads(printed), ""))


def _differences(shown: Any, real: Any, where: str) -> Iterator[str]:
    if isinstance(shown, dict) and isinstance(real, dict):
        yield from _of_objects(shown, real, where)
    elif isinstance(shown, list) and isinstance(real, list):
        if len(shown) > len(real):
            yield f"{where} has {len(real)} entries"
        for index, (one, other) in enumerate(zip(shown, real, strict=False)):
            yield from _differences(one, other, f"{where}[{index}]")
    elif not _alike(shown, real):
        yield f"{where} is {real!r}"


def _of_objects(shown: dict[str, Any], real: dict[str, Any], where: str) -> Iterator[str]:
    for name, value in shown.items():
        if name == "…":
            continue
        if name in real:
            yield from _differences(value, real[name], f"{where}.{name}")
        else:
            yield f"{where}.{name} is not in the answer, which has {', '.join(real)}"


def _alike(shown: Any, real: Any) -> bool:
    if isinstance(shown, str) and isinstance(real, str):
        return shown == real or "…" in shown or any(letter.isdigit() for letter in shown)
    if isinstance(shown, bool) or shown is None:
        return shown is real
    return isinstance(shown, (int, float)) and isinstance(real, (int, float)) and not isinstance(real, bool)
