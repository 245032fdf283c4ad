"""Codes to sound in pieces of any size: which frames go through which half of the decoder, and when.

codes    ──mirror at both ends──► first convolution ─► LSTM ──► hidden frames ──window──► samples
         waits for 3 frames ahead        state carried over     waits for `reach` frames ahead

Both halves are a backend's; that the pieces join without a seam is decided here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from muscgen.backends.base import Codes, Samples
from muscgen.models.config import CodecConfig

State = TypeVar("State")
Hidden = NDArray[np.float32]  # [C, H, F]
WINDOW_FRAMES = (
    64  # samples are made from so many frames at once: 1.3 s, some 40 MB of activations at small's size
)


@dataclass(frozen=True, slots=True)
class Reach:
    """Frames on either side that a frame's samples depend on, after the LSTM."""

    before: int
    after: int


def reach(codec: CodecConfig) -> Reach:
    """Follows the first frame's samples back through the convolutions to the frames they need."""
    low, high = 0, codec.hop - 1
    low, high = low - codec.last_kernel // 2, high + codec.last_kernel // 2
    for ratio in reversed(codec.ratios):
        for j in range(codec.residual_layers):
            margin = (codec.residual_kernel - 1) * codec.dilation_growth**j
            low, high = low - margin, high + margin
        # Kernel 2r, stride r, r - r // 2 trimmed on the left: sample t - trim needs t // r - 1 and t // r.
        trim = ratio - ratio // 2
        low, high = (low + trim) // ratio - 1, (high + trim) // ratio
    return Reach(before=-low, after=high)


class WindowedCodecStream(Generic[State]):
    """One song's decoder. Implements CodecStream.

    frames: codes int32 [C, K / C, F + kernel - 1] and the LSTM's state (None when a song begins) -> hidden
    [C, H, F] and the state after it. Code `codebook_size` stands for a vector of zeros.
    samples: hidden [C, H, F] -> [C, F x hop], both ends of the window treated as ends of the song.
    """

    def __init__(
        self,
        config: CodecConfig,
        channels: int,
        frames: Callable[[Codes, State | None], tuple[Hidden, State]],
        samples: Callable[[Hidden], Samples],
    ) -> None:
        self._config, self._channels = config, channels
        self._frames, self._samples = frames, samples
        self._reach: Reach = reach(config)
        self._codes: Codes | None = None  # [K, F] of the whole song
        self._heard = 0  # frames that went through the LSTM
        self._made = 0  # frames whose samples were given out
        self._state: State | None = None
        # Hidden frames [C, H, .] from frame `_first` on: what samples still to come depend on.
        self._hidden = np.zeros((channels, config.lstm_width, 0), np.float32)
        self._first = 0

    def push(self, codes: Codes, *, last: bool) -> Samples:
        """codes [K, F] -> samples [C, T], float32."""
        self._codes = codes if self._codes is None else np.concatenate([self._codes, codes], axis=1)
        total = self._codes.shape[1]
        self._hear(total if last else total - self._config.kernel // 2, total)
        until = self._heard if last else self._heard - self._reach.after
        pieces = [np.zeros((self._channels, 0), np.float32)]
        while self._made < until:
            pieces.append(self._make(min(until, self._made + WINDOW_FRAMES)))
        return np.concatenate(pieces, axis=1)

    def _hear(self, until: int, total: int) -> None:
        """Takes the frames up to `until` through the first convolution and the LSTM."""
        if until <= self._heard or self._codes is None:
            return
        right = (self._config.kernel - 1) // 2
        left = self._config.kernel - 1 - right
        # A song shorter than the kernel's reach is mirrored after silence was put behind it, as EnCodec does.
        silence = np.full((len(self._codes), max(0, left + 1 - total)), self._config.codebook_size, np.int32)
        codes = np.concatenate([self._codes, silence], axis=1)
        codes = self._at(codes, np.arange(self._heard - left, until + right))
        hidden, self._state = self._frames(self._by_channel(codes), self._state)
        self._hidden = np.concatenate([self._hidden, hidden], axis=2)
        self._heard = until

    def _at(self, codes: Codes, places: NDArray[np.int64]) -> Codes:
        """The codes at these places, some of them beyond either end."""
        if self._config.pad_mode == "reflect":
            return codes[:, _mirrored(places, codes.shape[1])]
        inside = (places >= 0) & (places < codes.shape[1])
        return np.where(inside, codes[:, places.clip(0, codes.shape[1] - 1)], self._config.codebook_size)

    def _make(self, until: int) -> Samples:
        """The samples of frames `_made` to `until`, from a window with what they reach on both sides."""
        start, end = max(0, self._made - self._reach.before), min(self._heard, until + self._reach.after)
        window = np.ascontiguousarray(self._hidden[:, :, start - self._first : end - self._first])
        samples = self._samples(window)
        hop = self._config.hop
        wanted = samples[:, (self._made - start) * hop : (until - start) * hop]
        self._made = until
        self._forget(max(0, until - self._reach.before))
        return wanted

    def _forget(self, before: int) -> None:
        self._hidden, self._first = self._hidden[:, :, before - self._first :], before

    def _by_channel(self, codes: Codes) -> Codes:
        """[K, F] -> [C, K / C, F]: codebooks of a stereo model alternate left and right."""
        split = [codes[channel :: self._channels] for channel in range(self._channels)]
        return np.ascontiguousarray(np.stack(split), np.int32)


def _mirrored(places: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """Places beyond either end, reflected without repeating the end itself."""
    places = np.abs(places)
    return np.where(places < length, places, 2 * (length - 1) - places)
