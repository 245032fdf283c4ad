"""What a caller holds while a song is made: its sound so far, its progress, its one final state."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from threading import Condition
from typing import cast

from muscgen.audio import Audio
from muscgen.backends.base import Codes
from muscgen.engine.song import Made, Progress
from muscgen.errors import Cancelled, MuscgenError

_log = logging.getLogger("muscgen.engine")


class Handle:
    """A song under way. Any thread may read, wait or cancel; the engine writes.

    The first of succeed, fail and cancel wins; whatever comes later changes nothing.
    """

    def __init__(self, steps_total: int) -> None:
        self.submitted_at_s = time.monotonic()
        self.first_audio_at_s: float | None = None
        self._steps_total = steps_total
        self._steps_done = 0
        self._codes: Codes | None = None
        self._chunks: list[Audio] = []
        self._outcome: Made | MuscgenError | None = None
        self._callbacks: list[Callable[[Handle], object]] = []
        self._changed = Condition()

    @property
    def done(self) -> bool:
        """Whether the song has reached its final state."""
        return self._outcome is not None

    @property
    def progress(self) -> Progress:
        with self._changed:
            heard_s = sum(chunk.duration_s for chunk in self._chunks)
            return Progress(self._steps_done, self._steps_total, heard_s)

    @property
    def codes(self) -> Codes | None:
        """The codes [K, F] that are certain by now: what `Engine.submit` goes on from. None before any."""
        codes = self._codes
        return None if codes is None else codes.copy()

    def cancel(self) -> None:
        """End the song now; its slot is free within one step. Without effect on a finished song."""
        self._end(Cancelled("the song was cancelled"))

    def result(self, timeout_s: float | None = None) -> Made:
        """Wait for the song. Raises Cancelled, what made it fail, or TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.done, timeout_s):
                raise TimeoutError(f"the song was not done within {timeout_s:g} s")
        return self._made()

    def chunks(self, timeout_s: float | None = None) -> Iterator[Audio]:
        """The sound from its beginning, as it becomes certain. Every reader gets all of it.

        Raises like `result` after the last chunk; TimeoutError when the next takes longer than timeout_s.
        """
        heard = 0
        while (chunk := self._chunk(heard, timeout_s)) is not None:
            yield chunk
            heard += 1
        self._made()

    def add_done_callback(self, call: Callable[[Handle], object]) -> None:
        """Call with this handle once the song is final: at once if it is, else in the thread that ends it."""
        with self._changed:
            if not self.done:
                self._callbacks.append(call)
                return
        self._notify(call)

    def advance(self, steps_done: int, steps_total: int, codes: Codes) -> None:
        """The engine's: so many steps are behind us, and these codes [K, F], a view, will not change."""
        self._steps_done, self._steps_total, self._codes = steps_done, max(steps_done, steps_total), codes

    def hear(self, chunk: Audio) -> None:
        """The engine's: the next piece of sound."""
        with self._changed:
            if self.done:
                return
            if self.first_audio_at_s is None:
                self.first_audio_at_s = time.monotonic()
            self._chunks.append(chunk)
            self._changed.notify_all()

    def sound(self) -> list[Audio]:
        """All chunks so far."""
        with self._changed:
            return list(self._chunks)

    def succeed(self, made: Made) -> None:
        """The engine's: the song is whole."""
        self._end(made)

    def fail(self, error: MuscgenError) -> None:
        """The engine's: there will be no song."""
        self._end(error)

    def _end(self, outcome: Made | MuscgenError) -> None:
        with self._changed:
            if self.done:
                return
            self._outcome = outcome
            callbacks, self._callbacks = self._callbacks, []
            self._changed.notify_all()
        for call in callbacks:
            self._notify(call)

    def _notify(self, call: Callable[[Handle], object]) -> None:
        try:
            call(self)
        except Exception:  # noqa: BLE001  (a caller's mistake must not stop the thread that serves all songs)
            _log.exception("engine.callback_failed")

    def _chunk(self, index: int, timeout_s: float | None) -> Audio | None:
        with self._changed:
            if not self._changed.wait_for(lambda: self.done or len(self._chunks) > index, timeout_s):
                raise TimeoutError(f"no sound came within {timeout_s:g} s")
            return self._chunks[index] if len(self._chunks) > index else None

    def _made(self) -> Made:
        if isinstance(self._outcome, MuscgenError):
            raise self._outcome
        return cast("Made", self._outcome)  # only asked once done
