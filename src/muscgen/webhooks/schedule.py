"""When a failed call is tried again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

MINUTE, HOUR = 60.0, 3600.0
# After each failure: the example of Standard Webhooks, cut where a day is over.
PAUSES_S = (5.0, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 6 * HOUR + 25 * MINUTE - 5)
JITTER = 0.1  # of a pause, so that those who failed together do not come back together
LONGEST_WISH_S = HOUR  # that a receiver's Retry-After is heeded


def pause_s(
    failed: int, pauses_s: Sequence[float], draw: Callable[[], float], wish_s: float = 0.0
) -> float | None:
    """How long to wait after the try that failed as the `failed`-th (1 is the first); None: no more tries.

    draw: a number from 0 to 1. wish_s: the receiver's Retry-After, which may make it longer.
    """
    if failed > len(pauses_s):
        return None
    return max(pauses_s[failed - 1], min(wish_s, LONGEST_WISH_S)) * (1 + JITTER * draw())
