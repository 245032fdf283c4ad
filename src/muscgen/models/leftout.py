"""muscgen's own model without its weights: the API needs none, and its image leaves them out."""

from __future__ import annotations

from pathlib import Path

from muscgen.models.terms import Terms, shipped

BUILTIN = Path(__file__).parent / "builtin"
WEIGHTS = "model.safetensors"


def left_out(folder: Path) -> Terms | None:
    """The shipped terms, which pin the weights; None of a folder that has, or must have, its own."""
    if folder.parent != BUILTIN or (folder / WEIGHTS).exists():
        return None
    terms = shipped().get(folder.name)
    return terms if terms is not None and _pin(terms) else None


def revision_left_out(folder: Path) -> str | None:
    """SHA-256 of the weights that were left out, hex; None where none were."""
    terms = left_out(folder)
    return _pin(terms) if terms is not None else None


def _pin(terms: Terms) -> str | None:
    return next((file.sha256 for file in terms.files if file.name == WEIGHTS), None)
