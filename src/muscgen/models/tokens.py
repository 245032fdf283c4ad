"""Texts to token ids, and the refusal of those that a model cannot read to their end."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from tokenizers import Tokenizer

from muscgen.errors import CheckpointInvalid, PromptTooLong
from muscgen.models.config import read_config

TOKENIZER = "tokenizer.json"
_REMEMBERED = 8  # models


def read_tokenizer(path: Path) -> Tokenizer:
    """tokenizer.json, without the truncation and padding that some files ask for."""
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise CheckpointInvalid(f"{path}: {error}") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def refuse_long(folder: Path, name: str, text: str) -> None:
    """Raise PromptTooLong, naming the field, where the checkpoint in `folder` has no room for the text."""
    if not (folder / TOKENIZER).is_file():
        return  # the worker refuses to load the model, and says why
    tokenizer, limit = _reader(folder)
    count = len(tokenizer.encode(text).ids)
    if count > limit:
        raise PromptTooLong(
            f"{name} has {count} tokens; the model reads up to {limit}",
            param=name,
            suggestion=f"at most {limit} tokens, about as many words",
        )


@lru_cache(_REMEMBERED)
def _reader(folder: Path) -> tuple[Tokenizer, int]:
    return read_tokenizer(folder / TOKENIZER), read_config(folder).text.max_tokens
