"""Codes to sound, chunk by chunk, in a thread of its own, while the language model goes on."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from muscgen.audio import Audio, join
from muscgen.backends.base import CodecStream, Codes, Samples
from muscgen.engine.failures import failure
from muscgen.engine.lane import Lane
from muscgen.engine.song import Made
from muscgen.engine.take import Take
from muscgen.errors import InternalError


class Decoding:
    """The sound of one take: the codec's stream, cut at the song's exact length."""

    def __init__(self, take: Take, sample_rate: int) -> None:
        self.take = take
        self._sample_rate = sample_rate
        self._stream: CodecStream | None = None
        self._came = 0  # samples, of which the first `unheard` are kept back

    def push(self, codes: Codes, open_codec: Callable[[], CodecStream], *, last: bool) -> None:
        """Decode the next codes [K, F] and hand the sound to the song's handle."""
        if self._stream is None:
            self._stream = open_codec()
        samples = self._cut(self._stream.push(codes, last=last))
        if samples.shape[1]:
            self.take.handle.hear(Audio(samples, self._sample_rate))
        if last:
            self._finish()

    def _cut(self, samples: Samples) -> Samples:
        samples = samples[:, : self.take.samples - self._came]
        unheard = max(0, self.take.unheard - self._came)
        self._came += samples.shape[1]
        return samples[:, unheard:]

    def _finish(self) -> None:
        take, handle = self.take, self.take.handle
        if self._came != take.samples or handle.first_audio_at_s is None:
            raise InternalError(f"the codec gave {self._came} of {take.samples} samples")
        made = Made(
            codes=take.codes(),
            audio=join(handle.sound()),
            steps=take.steps_done,
            compute_s=time.monotonic() - take.seated_at_s,
            time_to_first_audio_s=handle.first_audio_at_s - handle.submitted_at_s,
        )
        handle.succeed(made)


class Piece(NamedTuple):
    """Codes [K, F] that became certain."""

    decoding: Decoding
    codes: Codes
    last: bool


class Decoder:
    """The codec thread. What fails here fails its own song only."""

    def __init__(self, open_codec: Callable[[], CodecStream]) -> None:
        self._open_codec = open_codec
        self._lane: Lane[Piece] = Lane("muscgen-codec", self._decode)

    def put(self, piece: Piece) -> None:
        """Decode soon. Pieces of all songs are taken in the order in which they became certain."""
        self._lane.put(piece)

    def close(self, timeout_s: float) -> None:
        """End the thread. Pieces of songs that are final already are dropped."""
        self._lane.close(timeout_s)

    def _decode(self, piece: Piece) -> None:
        handle = piece.decoding.take.handle
        if handle.done:
            return
        try:
            piece.decoding.push(piece.codes, self._open_codec, last=piece.last)
        except Exception as error:  # noqa: BLE001  (whatever a codec raises belongs to this song)
            handle.fail(failure("decoding", error))
