"""A song longer than the model's window, window by window. Policy only: no tensors.

The last (window - stride) frames of a window are the prompt of the next, as in audiocraft's extend_stride.
For a window of 10 frames and a stride of 6, a song of 20 frames:

    frame      0         6     10  12    16  18  20
    window 0   [ new                 ]                      `new` codes are drawn, `known` ones are fed
    window 1             [ known  ][ new     ]              again from position 0, so that the model
    window 2                       [ known ][ new   ]       remembers what it has to continue

Each window is one sequence with a delay pattern of its own, and the codec hears the frames 0..20 as one
stream, so nothing is joined. Which codes were drawn where does not matter to a window: a song resumes in the
first window that is not wholly known, and the windows before it are never looked at again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Window:
    """The frames start..stop-1 of a song, which the model sees at once."""

    start: int
    stop: int

    @property
    def frames(self) -> int:
        return self.stop - self.start


def windows(ends: Sequence[int], window: int, known: int) -> tuple[Window, ...]:
    """The windows of a song, each of at most `window` frames, of which at most `known` repeat the one before.

    ends: the frames that a window ends at in any case, the song's last one; of a melody model, which hears
    one text a window, also the ends of its sections.
    """
    found: list[Window] = []
    stop = 0
    for end in ends:
        while stop < end:
            start = max(0, stop - known)
            stop = min(start + window, end)
            found.append(Window(start, stop))
    return tuple(found)


def remaining(all_windows: tuple[Window, ...], known_frames: int) -> tuple[Window, ...]:
    """Those a song still goes through when its first `known_frames` frames are given; at least the last."""
    return tuple(window for window in all_windows[:-1] if window.stop > known_frames) + all_windows[-1:]
