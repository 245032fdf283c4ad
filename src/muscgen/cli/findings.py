"""What `muscgen doctor` finds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from muscgen.errors import MuscgenError

State = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. warning: songs are made without it."""

    name: str
    state: State
    detail: str
    suggestion: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def tried(name: str, look: Callable[[], Check]) -> Check:
    """What the look finds; what it raises is a finding too."""
    try:
        return look()
    except MuscgenError as error:
        return Check(name, "failed", error.detail, error.suggestion)
    except Exception as error:  # noqa: BLE001  a doctor does not die of a disease
        return Check(name, "failed", f"{type(error).__name__}: {error}")
