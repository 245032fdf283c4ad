"""Prompts to text states, in a thread of its own, so that a new song does not hold up those that run."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from muscgen.backends.base import Backend, TextStates
from muscgen.engine.failures import failure
from muscgen.engine.lane import Lane
from muscgen.engine.take import Take
from muscgen.errors import PromptTooLong

KEPT_PROMPTS = 4  # the outputs of one request arrive together and share a prompt; states may be large


class Preparer:
    """The text thread: takes go in, and come out at `ready` in the same order with their texts."""

    def __init__(self, backend: Backend, ready: Callable[[Take], None]) -> None:
        self._encode = lru_cache(KEPT_PROMPTS)(backend.encode_text)
        self._null = backend.null_text
        self._ready = ready
        self._lane: Lane[Take] = Lane("muscgen-text", self._prepare)

    def put(self, take: Take) -> None:
        self._lane.put(take)

    def close(self, timeout_s: float) -> None:
        self._lane.close(timeout_s)

    def _prepare(self, take: Take) -> None:
        if take.handle.done:
            return
        try:
            self._read(take)
        except Exception as error:  # noqa: BLE001  (whatever an encoder raises belongs to this song)
            take.handle.fail(failure("reading the prompt of", error))
        else:
            self._ready(take)

    def _read(self, take: Take) -> None:
        song = take.song
        for at, prompt in enumerate(song.prompts):
            take.prompts.append(self._states(f"sections.{at}.prompt" if song.sections else "prompt", prompt))
        against = self._states("negative_prompt", song.negative_prompt)
        take.against = [self._null(prompt) if against is None else against for prompt in take.prompts]

    def _states(self, name: str, text: str | None) -> TextStates | None:
        """None, the null text, stays None."""
        try:
            return None if text is None else self._encode(text)
        except PromptTooLong as error:  # a backend does not know which prompt it read
            raise PromptTooLong(error.detail, param=name, suggestion=error.suggestion) from error
