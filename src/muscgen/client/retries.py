"""When a request is sent again, and after how long."""

from __future__ import annotations

import random
from dataclasses import dataclass

import httpx

from muscgen.client.flows import Ask
from muscgen.client.problems import problem_of

_AGAIN = frozenset({429, 502, 503, 504})
_FIRST_S, _LONGEST_S = 0.5, 8.0


@dataclass(frozen=True, slots=True)
class Retries:
    """most: tries after the first. longest_s: a service that asks for a longer pause is not waited for."""

    most: int = 4
    longest_s: float = 60.0

    def pause_s(self, tried: int, ask: Ask, outcome: httpx.Response | httpx.TransportError) -> float | None:
        """Seconds until the next try; None where there is none."""
        if tried >= self.most or not ask.safe:
            return None
        wish_s: float | None = None
        if isinstance(outcome, httpx.Response):
            if outcome.status_code not in _AGAIN:
                return None
            wish_s = problem_of(outcome).retry_after_s
        if wish_s is not None:
            return wish_s if wish_s <= self.longest_s else None
        # Clients that were cut off together come back apart.
        apart = random.uniform(0.5, 1.0)  # noqa: S311  # nosec B311
        return min(_LONGEST_S, _FIRST_S * 2.0**tried) * apart
