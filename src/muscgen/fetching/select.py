"""Which files of a repository or folder a checkpoint's reader needs. Hubs keep three copies of the weights.

transformers' layout goes first, as it does when a folder is read; audiocraft's needs a T5 beside it.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from muscgen.errors import FilesWrong
from muscgen.models.audiocraft import CODEC, LM, TEXT_FOLDER

_CONFIG, _TOKENIZER, _SINGLE, _INDEX = (
    "config.json",
    "tokenizer.json",
    "model.safetensors",
    "model.safetensors.index.json",
)
_SHARD = re.compile(r"model-\d{5}-of-\d{5}\.safetensors")
_OPTIONAL = ("generation_config.json", "preprocessor_config.json", "tokenizer_config.json")
NOTICES = ("LICENSE", "LICENSE.md", "LICENSE.txt", "NOTICE")


@dataclass(frozen=True, slots=True)
class Selection:
    """names: as they are fetched, the small ones first. needs_text: the T5 is elsewhere."""

    names: tuple[str, ...]
    needs_text: bool = False


def select(there: Collection[str]) -> Selection:
    """Raises FilesWrong, saying what is missing."""
    extras = [name for name in (*_OPTIONAL, *NOTICES) if name in there]
    if weights := _weights(there):
        _check(there, (_CONFIG, _TOKENIZER))
        return Selection((_CONFIG, _TOKENIZER, *extras, *weights))
    if LM in there:
        _check(there, (CODEC,))
        text = tuple(name for name in there if name.startswith(f"{TEXT_FOLDER}/"))
        parts = tuple(f"{TEXT_FOLDER}/{name}" for name in select_text([_inner(name) for name in text]))
        return Selection((*parts, *extras, CODEC, LM), needs_text=not text)
    raise FilesWrong(
        f"no weights that can be read: neither {_SINGLE}, nor {_INDEX} and its shards, nor {LM} "
        f"(there are {len(there)} other files)"
    )


def select_text(there: Collection[str]) -> tuple[str, ...]:
    """Of a T5; nothing where there is nothing. Raises FilesWrong, saying what is missing."""
    if not there:
        return ()
    weights = _weights(there)
    _check(there, (_CONFIG, _TOKENIZER, *(() if weights else (_SINGLE,))))
    extras = ("tokenizer_config.json",) if "tokenizer_config.json" in there else ()
    return (_CONFIG, _TOKENIZER, *extras, *weights)


def _weights(there: Collection[str]) -> tuple[str, ...]:
    if _SINGLE in there:
        return (_SINGLE,)
    shards = sorted(name for name in there if _SHARD.fullmatch(name))
    return (_INDEX, *shards) if _INDEX in there and shards else ()


def _inner(name: str) -> str:
    return name.removeprefix(f"{TEXT_FOLDER}/")


def _check(there: Collection[str], names: Collection[str]) -> None:
    if missing := [name for name in names if name not in there]:
        raise FilesWrong(f"the checkpoint has no {', '.join(missing)}")
