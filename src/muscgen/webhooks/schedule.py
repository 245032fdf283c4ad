"""When a failed call is tried again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

MINUTE, HOUR = 60.0, 3600.0
# Standard Webhooks: seconds from the first try to each of the next.
TRIES_S = (5.0, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR)
JITTER = 0.1  # of a pause, so that those who failed together do not come back together


def pause_s(failed: int, tries_s: Sequence[float], draw: Callable[[], float]) -> float | None:
    """How long to wait after the try that failed as the `failed`-th (1 is the first); None: no more tries.

    draw: a number from 0 to 1.
    """
    if failed > len(tries_s):
        return None
    pause = tries_s[failed - 1] - (tries_s[failed - 2] if failed > 1 else 0.0)
    return pause * (1 + JITTER * draw())
