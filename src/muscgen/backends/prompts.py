"""Texts to whatever a backend attends to, one at a time, remembered for a while."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Generic, Protocol, TypeVar

from muscgen.errors import PromptTooLong
from muscgen.models.config import TextConfig
from muscgen.models.tokens import read_tokenizer

REMEMBERED_BYTES = 64 << 20  # some 20 prompts of 16 words at small's size; variations share theirs


class Sized(Protocol):
    @property
    def nbytes(self) -> int: ...


Encoded = TypeVar("Encoded", bound=Sized)


class Prompts(Generic[Encoded]):
    """Thread-safe. encode: token ids -> the encoded text."""

    def __init__(self, config: TextConfig, tokenizer: Path, encode: Callable[[list[int]], Encoded]) -> None:
        self._config, self._encode = config, encode
        self._tokenizer = read_tokenizer(tokenizer)
        self._lock = Lock()
        self._remembered: OrderedDict[str, Encoded] = OrderedDict()

    def encode(self, text: str) -> Encoded:
        """Raises PromptTooLong."""
        with self._lock:
            if known := self._remembered.get(text):
                self._remembered.move_to_end(text)
                return known
        encoded = self._encode(self.ids(text))
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

    def _size(self) -> int:
        return sum(text.nbytes for text in self._remembered.values())
