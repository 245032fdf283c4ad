"""The first thing that is wrong with what a person wrote, in the words of the model that read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError


def first_wrong(error: ValidationError, whole: str = "") -> tuple[str, str]:
    """The field with dots, or `whole` where no field of it is to blame; and what is wrong with it."""
    first = error.errors()[0]
    return ".".join(map(str, first["loc"])) or whole, str(first["msg"])
