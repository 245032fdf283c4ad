"""Texts to cross-attention keys and values, one at a time, remembered for a while."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from threading import Lock

import numpy as np
import onnxruntime as ort
from tokenizers import Tokenizer

from muscgen.backends.onnx.slab import Text
from muscgen.backends.onnx.text import relative_buckets
from muscgen.errors import CheckpointInvalid, PromptTooLong
from muscgen.models.config import TextConfig

REMEMBERED_BYTES = 64 << 20  # some 20 prompts of 16 words at small's size; variations share theirs


class Prompts:
    """Thread-safe."""

    def __init__(self, config: TextConfig, tokenizer: Path, session: ort.InferenceSession) -> None:
        self._config, self._session = config, session
        self._tokenizer = read_tokenizer(tokenizer)
        self._lock = Lock()
        self._remembered: OrderedDict[str, Text] = OrderedDict()

    def encode(self, text: str) -> Text:
        """Raises PromptTooLong."""
        with self._lock:
            if known := self._remembered.get(text):
                self._remembered.move_to_end(text)
                return known
        encoded = Text(self._run(self.ids(text))[1])
        with self._lock:
            self._remembered[text] = encoded
            while len(self._remembered) > 1 and self._size() > REMEMBERED_BYTES:
                self._remembered.popitem(last=False)
        return encoded

    def ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text).ids
        if len(ids) > self._config.max_tokens:
            raise PromptTooLong(
                f"the prompt has {len(ids)} tokens; the model reads up to {self._config.max_tokens}",
                param="prompt",
            )
        return ids

    def states(self, text: str) -> np.ndarray:
        """The projected states [L, H] that cross-attention looks at: for inspection and tests."""
        return self._run(self.ids(text))[0]

    def _run(self, ids: list[int]) -> tuple[np.ndarray, np.ndarray]:
        buckets = relative_buckets(len(ids), self._config)
        states, cross = self._session.run(
            ["states", "cross"], {"ids": np.array(ids, np.int64), "buckets": buckets}
        )
        return states, cross

    def _size(self) -> int:
        return sum(text.cross.nbytes for text in self._remembered.values())


def read_tokenizer(path: Path) -> Tokenizer:
    """tokenizer.json, without the truncation and padding that some files ask for."""
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise CheckpointInvalid(f"{path}: {error}") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
