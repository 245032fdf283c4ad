"""How much one tenant may ask for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Limits:
    """None is no limit.

    per_minute: jobs accepted in any 60 s. seconds_per_day: seconds of music accepted in any 24 h.
    concurrency: songs made at once, and queue_depth: jobs that wait, both counted for each model.
    """

    per_minute: int | None = None
    concurrency: int | None = None
    queue_depth: int | None = None
    seconds_per_day: float | None = None

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        return cls(**fields)

    def to_dict(self) -> dict[str, int | float | None]:
        return asdict(self)


UNLIMITED = Limits()
