"""One performance of a song: what is known so far, and what the next step needs."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
from numpy.typing import NDArray

from muscgen.backends.base import Codes, Melody, ModelShape, TextStates
from muscgen.engine.delay import DelayPattern
from muscgen.engine.handle import Handle
from muscgen.engine.randomness import uniforms
from muscgen.engine.song import Song
from muscgen.engine.windows import remaining
from muscgen.errors import DurationTooLong


class Take:
    """A song on its way through the model, window by window. Only the engine's loop writes it.

    `position` counts the steps of this window, `steps_done` those of all.
    """

    def __init__(self, song: Song, shape: ModelShape, known: Codes | None = None) -> None:
        """known: [K, F0], the song's first codes, which are fed instead of drawn.

        Raises DurationTooLong when the slab cannot hold a window, ValueError for codes of another song.
        """
        windows = song.windows(shape)
        _check_room(song, max(window.frames for window in windows), shape)
        self.song, self._shape = song, shape
        self.samples, self.frames = song.samples(shape), song.frames(shape)
        self.unheard = song.unheard_samples(shape)
        self._codes = np.full((shape.codebooks, self.frames), shape.special, np.int32)
        self.certain_frames = 0
        if known is not None:
            _check_known(known, self._codes, shape.vocabulary)
            self.certain_frames = known.shape[1]
            self._codes[:, : self.certain_frames] = known
        self._whole = self.certain_frames == self.frames  # nothing is left to be drawn
        self._windows = remaining(windows, self.certain_frames)
        steps = sum(self._pattern(at).steps for at in range(len(self._windows)))
        self.steps_done, self._steps = 0, 0 if self._whole else steps
        self.handle = Handle(self._steps)
        self.prompts: list[TextStates | None] = []  # one a section
        self.against: list[TextStates | None] = []  # one a section: the negative prompt, or the null text
        self._section_starts = song.section_starts(shape)
        self._decoded_frames = 0
        self.seated_at_s = 0.0
        self._first = np.full(shape.codebooks, shape.special, np.int32)
        self._begin(0)

    @property
    def rows(self) -> int:
        return 2 if self.song.guided else 1

    @property
    def complete(self) -> bool:
        return self._whole or (self._at + 1 == len(self._windows) and self.position == len(self._track))

    @property
    def texts(self) -> list[TextStates | None]:
        """What each row listens to in the next step: conditional, then negative or null."""
        section = self._section_of_window() if self._shape.melody else self._section(self.position)
        return [self.prompts[section], self.against[section]][: self.rows]

    @property
    def melodies(self) -> list[Melody | None]:
        """What each row opens with."""
        return [self.song.melody, None][: self.rows]

    @property
    def begins_window(self) -> bool:
        """Whether the next step is the first of a window, for which the rows begin anew."""
        return self.position == 0 and not self._opened

    @property
    def begins_section(self) -> bool:
        """Whether the next step listens to another prompt than the step before it, in the same window."""
        if self.position <= 0 or self._shape.melody:
            return False
        return self._section(self.position) != self._section(self.position - 1)

    @property
    def known_steps(self) -> int:
        """How many of the next steps draw nothing and listen to the same text."""
        until = min((at for at in self._text_changes if at > self.position), default=len(self._track))
        return max(0, min(until, self._first_draw) - self.position)

    @property
    def tokens(self) -> Codes:
        """What the next step is fed, [K]."""
        return self._track[self.position - 1] if self.position > 0 else self._first

    def next_tokens(self, steps: int) -> Codes:
        """What the next steps are fed, [S, K], as far as codes are known."""
        at = np.arange(self.position, self.position + steps)[:, None]
        return np.where(at > 0, self._track[np.maximum(at[:, 0], 1) - 1], self._first)

    @property
    def uniforms(self) -> NDArray[np.float64]:
        """What the next step draws with, [K]."""
        line: NDArray[np.float64] = self._draws[max(self.position, 0)]
        return line

    def open(self, lead: int) -> None:
        """The window's rows are open, and go `lead` steps before its first code."""
        if self.steps_done == 0:
            self._steps += lead * len(self._windows)  # further windows may differ by some tokens of text
        self._opened, self.position = True, -lead

    def record(self, codes: Codes) -> None:
        """Take what a step drew, [K]; known codes, and the special token where there is none, stay."""
        if self.position >= 0:
            np.copyto(self._track[self.position], codes, where=self._drawn[self.position])
        self.go_on(1)

    def go_on(self, steps: int) -> None:
        """So many steps are behind us, all of whose codes are known."""
        self.steps_done += steps
        self.position += steps
        if self.position > 0:
            self._keep()
        self.handle.advance(self.steps_done, self._steps, self._codes[:, : self.certain_frames])
        if self.position == len(self._track) and self._at + 1 < len(self._windows):
            self._begin(self._at + 1)

    def next_codes(self, chunk_frames: int) -> tuple[Codes, bool] | None:
        """The next chunk's codes [K, F] once they are certain, at the end what is left; whether it is all.

        The same chunks for a song that was resumed: its sound, too, is the same bit for bit.
        """
        start, stop = self._decoded_frames, min(self._decoded_frames + chunk_frames, self.frames)
        if start == stop or stop > self.certain_frames or (stop == self.frames and not self.complete):
            return None
        self._decoded_frames = stop
        return self._codes[:, start:stop].copy(), stop == self.frames

    def codes(self) -> Codes:
        """All codes of a complete take, [K, F]."""
        return self._codes.copy()

    def _begin(self, at: int) -> None:
        """Window `at`: its known codes on their places, the rest to be drawn with numbers of their own."""
        self._at, self.position, self._opened = at, 0, False
        window, pattern = self._windows[at], self._pattern(at)
        frame = pattern.frame_at() + window.start
        self._track = pattern.apply(self._codes[:, window.start : window.stop], self._shape.special)
        self._drawn = pattern.has_code() & (frame >= self.certain_frames)
        draws = self._drawn.any(axis=1)
        self._first_draw = int(draws.argmax()) if draws.any() else len(self._track)
        starts = () if self._shape.melody else self._section_starts
        self._text_changes = [start - window.start for start in starts if start > window.start]
        self._draws = uniforms(self.song.seed, frame, self._shape.codebooks, self.song.attempt)

    def _keep(self) -> None:
        """Move the frames that this step made certain from the track to the song."""
        window, pattern = self._windows[self._at], self._pattern(self._at)
        start, stop = self.certain_frames, window.start + pattern.certain_frames(self.position)
        if stop > start:
            self._codes[:, start:stop] = pattern.frames_of(
                self._track, start - window.start, stop - window.start
            )
            self.certain_frames = stop

    def _pattern(self, at: int) -> DelayPattern:
        return DelayPattern(self._shape.delays, self._windows[at].frames)

    def _section_of_window(self) -> int:
        """A melody model hears one text a window, which never reaches beyond a section's end."""
        return bisect_right(self._section_starts, self._windows[self._at].stop - 1) - 1

    def _section(self, position: int) -> int:
        """The section of the frame whose first code a step of this window yields."""
        return bisect_right(self._section_starts, self._windows[self._at].start + position) - 1


def _check_room(song: Song, frames: int, shape: ModelShape) -> None:
    if frames > shape.max_frames:
        longest_s = shape.max_frames / shape.frame_rate
        long = song.long_form
        name, asked_s = ("duration", song.duration_s) if long is None else ("long_form.window", long.window_s)
        raise DurationTooLong(
            f"{name} is {asked_s:g} s; this model holds up to {longest_s:g} s at once", param=name
        )


def _check_known(known: Codes, song: Codes, vocabulary: int) -> None:
    if known.shape[0] != song.shape[0] or known.shape[1] > song.shape[1]:
        raise ValueError(f"codes of shape {known.shape} do not begin a song of {song.shape}")
    if known.size and not (known.min() >= 0 and known.max() < vocabulary):
        raise ValueError(f"codes are 0..{vocabulary - 1}")
