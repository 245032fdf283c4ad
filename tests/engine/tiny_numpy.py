"""A real, tiny, deterministic backend in numpy: a recurrent model, and a codec that looks one frame ahead.

It keeps the protocol's promises, and complains with AssertionError when the engine does not keep its own.
"""

from dataclasses import dataclass

import numpy as np

from muscgen.backends.base import ModelShape
from muscgen.errors import PromptTooLong

HIDDEN = 12
TINY = ModelShape(
    codebooks=4,
    vocabulary=32,
    special=32,
    delays=(0, 1, 2, 3),
    frame_rate=50,
    sample_rate=1000,
    channels=1,
    hop=20,
    max_steps=128,
    max_text_tokens=16,
)
STEREO = ModelShape(
    codebooks=4,
    vocabulary=32,
    special=32,
    delays=(0, 0, 1, 1),
    frame_rate=50,
    sample_rate=1000,
    channels=2,
    hop=20,
    max_steps=128,
    max_text_tokens=16,
)


@dataclass
class Text:
    vector: np.ndarray


class NumpyBackend:
    def __init__(self, rows=8, shape=TINY, seed=0):
        self.shape, self.rows = shape, rows
        draw = np.random.default_rng(seed)
        self._inner = draw.normal(size=(HIDDEN, HIDDEN)) / np.sqrt(HIDDEN)
        self._embed = draw.normal(size=(shape.codebooks, shape.vocabulary + 1, HIDDEN)) / 2
        self._heads = draw.normal(size=(shape.codebooks * shape.vocabulary, HIDDEN)) * 0.8
        self._tone = draw.normal(size=(3, shape.channels * shape.hop, shape.vocabulary)).astype(np.float32)
        self._texts = [None] * rows
        self._state = [None] * rows
        self._length = [-1] * rows
        self.moves = []
        self.encoded = []
        self.before_step = lambda *_: None
        self.fed = []

    def encode_text(self, text):
        self.encoded.append(text)
        if len(text.split()) > self.shape.max_text_tokens:
            raise PromptTooLong("too many words", param="prompt")
        return Text(np.random.default_rng(list(text.encode())).normal(size=HIDDEN))

    def null_text(self, beside):  # noqa: ARG002
        return None

    def open_row(self, row, text, melody=None):  # noqa: ARG002
        self.set_text(row, text)
        self._state[row] = np.zeros(HIDDEN)
        self._length[row] = 0
        return 0

    def set_text(self, row, text):
        self._texts[row] = np.zeros(HIDDEN) if text is None else text.vector

    def move_row(self, source, target, length):
        assert self._length[source] == length
        self.moves.append((source, target))
        for part in (self._texts, self._state, self._length):
            part[target] = part[source]
        self._length[source] = -1

    def step(self, tokens, positions):
        self.before_step(tokens, positions)
        assert tokens.dtype == np.int32
        assert positions.dtype == np.int32
        assert positions.tolist() == self._length[: len(tokens)]
        assert 1 <= len(tokens) <= self.rows
        return np.stack([self._step_row(row, tokens[row]) for row in range(len(tokens))])

    def feed(self, rows, tokens, position):
        self.fed.append((tuple(rows), position, len(tokens)))
        assert tokens.dtype == np.int32
        for row in rows:
            assert self._length[row] == position
            for column in tokens:
                self._step_row(row, column)

    def _step_row(self, row, tokens):
        assert self._length[row] < self.shape.max_steps
        heard = sum(self._embed[k, token] for k, token in enumerate(tokens))
        self._state[row] = np.tanh(self._inner @ self._state[row] + heard + self._texts[row])
        self._length[row] += 1
        logits = (self._heads @ self._state[row]).astype(np.float32)
        return logits.reshape(self.shape.codebooks, self.shape.vocabulary)

    def open_codec(self):
        return NumpyCodec(self.shape, self._tone)

    def close(self):
        pass


class NumpyCodec:
    """Frame f sounds of frames f-1, f and f+1: a push leaves its last frame uncertain."""

    def __init__(self, shape, tone):
        self._shape, self._tone = shape, tone
        self._frames = np.zeros((1, shape.vocabulary), np.float32)  # silence before the first
        self._ended = False

    def push(self, codes, *, last):
        assert not self._ended
        self._ended = last
        assert codes.shape[0] == self._shape.codebooks
        assert codes.min(initial=0) >= 0
        assert codes.max(initial=0) < self._shape.vocabulary
        frames = np.zeros((codes.shape[1], self._shape.vocabulary), np.float32)
        for line in codes:
            frames[np.arange(codes.shape[1]), line] += 0.1
        end = np.zeros((1 if last else 0, self._shape.vocabulary), np.float32)
        frames = np.concatenate([self._frames, frames, end])
        certain = len(frames) - 2
        if certain < 1:
            self._frames = frames
            return np.zeros((self._shape.channels, 0), np.float32)
        self._frames = frames[-2:]
        windows = np.stack([frames[at : at + certain] for at in range(3)])
        sound = np.einsum("asv,afv->fs", self._tone, windows, optimize=False).astype(np.float32)
        sound = sound.reshape(certain, self._shape.channels, self._shape.hop)
        return np.ascontiguousarray(sound.transpose(1, 0, 2)).reshape(self._shape.channels, -1)
