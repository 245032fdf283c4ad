"""The songs that run now, as arrays: made anew when somebody comes or goes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from muscgen.backends.base import Backend, Drawing, Songs
from muscgen.engine.sampling import draw, guide, knobs_of
from muscgen.engine.slots import Slots
from muscgen.engine.take import Take


class Batch:
    """S takes in R rows."""

    def __init__(self, slots: Slots[Take], vocabulary: int) -> None:
        self.takes: Sequence[Take] = tuple(slots)
        place = {take: at for at, take in enumerate(self.takes)}
        self._song_of_row = np.array([place[take] for take in slots.owners])  # [R]
        self._songs = Songs(
            conditional=np.array([slots.rows_of(take)[0] for take in self.takes]),
            null=np.array([slots.rows_of(take)[-1] for take in self.takes]),
        )
        self._knobs = knobs_of([take.song.sampling for take in self.takes], vocabulary)

    def step(self, backend: Backend) -> list[Take]:
        """One step of all songs. Returns those whose logits were not finite, which did not advance."""
        tokens = np.stack([take.tokens for take in self.takes])[self._song_of_row]
        positions = np.array([take.position for take in self.takes], np.int32)[self._song_of_row]
        uniforms = np.stack([take.uniforms for take in self.takes])
        if isinstance(backend, Drawing):
            codes, sound = backend.step_and_draw(tokens, positions, self._songs, self._knobs, uniforms)
        else:
            logits = backend.step(tokens, positions)
            guided = guide(logits, self._songs.conditional, self._songs.null, self._knobs.scale)
            codes, sound = draw(guided, self._knobs, uniforms)
        for take, drawn, usable in zip(self.takes, codes, sound.tolist(), strict=True):
            if usable:
                take.record(drawn)
        return [take for take, usable in zip(self.takes, sound.tolist(), strict=True) if not usable]
