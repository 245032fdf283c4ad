"""`xp.cfg` of audiocraft's checkpoints: the little of YAML in which OmegaConf writes a configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping

from muscgen.errors import CheckpointInvalid

Cfg = Mapping[str, tuple[str, ...]]

_LINE = re.compile(r"( *)([\w.+/-]+):(?: +(.*?))? *")
_ITEM = re.compile(r" *- +(.*?) *")


def read_cfg(text: str) -> Cfg:
    """{"transformer_lm.num_heads": ("16",)}: each leaf as its words; a list has several.

    References (`${...}`) are left out: what they point to has its own line.
    """
    found: dict[str, tuple[str, ...]] = {}
    path: list[tuple[int, str]] = []
    for line in text.splitlines():
        if item := _ITEM.fullmatch(line):
            name = ".".join(key for _, key in path)
            found[name] = (*found.get(name, ()), _plain(item[1]))
        elif key := _LINE.fullmatch(line):
            depth = len(key[1])
            path = [(indent, name) for indent, name in path if indent < depth] + [(depth, key[2])]
            if key[3] and "${" not in key[3]:
                found[".".join(name for _, name in path)] = _words(key[3])
    return found


def _words(value: str) -> tuple[str, ...]:
    if value.startswith("[") and value.endswith("]"):
        return tuple(_plain(word) for word in value[1:-1].split(",") if word.strip())
    return (_plain(value),)


def _plain(word: str) -> str:
    return word.strip().strip("'\"")


def number(cfg: Cfg, name: str, default: int) -> int:
    """A whole number above 0, or the default where xp.cfg has no such line."""
    words = cfg.get(name)
    if words is None:
        return default
    if len(words) != 1 or not words[0].isdecimal() or int(words[0]) < 1:
        raise CheckpointInvalid(f"xp.cfg: {name} is {' '.join(words)!r}, not a number")
    return int(words[0])


def choice(cfg: Cfg, name: str, *supported: str) -> str:
    """One of the supported words; the first where xp.cfg has no such line."""
    words = cfg.get(name, supported[:1])
    if len(words) != 1 or words[0] not in supported:
        allowed = " or ".join(supported)
        raise CheckpointInvalid(f"xp.cfg: {name} is {' '.join(words)!r}; only {allowed} is supported")
    return words[0]
