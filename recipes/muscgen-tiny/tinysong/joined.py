"""A language model that learnt, over a codec and encoder that did not learn with it.

The language model speaks of codes, not of their vectors: it fits every codec that plays the same codes, that
with names (ears.py) as well as that without.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from safetensors.torch import load_file, save_file

from muscgen.data.place import write
from muscgen.models.card import CARD, read_card

_WEIGHTS, _PAGE = "model.safetensors", "MODEL.md"
_LEARNT = ("decoder.", "text_encoder.", "enc_to_dec_proj.")  # else: the codec
_SAID = (_PAGE, "ATTRIBUTION.md")  # of what was learnt


def make(learnt: Path, start: Path, out: Path, name: str) -> None:
    """`out`: the codec of `start`, all else of `learnt`, by that name. Raises KeyError for other weights."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    weights = load_file(start / _WEIGHTS)
    heard = load_file(learnt / _WEIGHTS)
    taken = {key: heard[key] for key in weights if key.startswith(_LEARNT)}
    save_file(weights | taken, out / _WEIGHTS, {"format": "pt"})
    for path in start.iterdir():
        if path.is_file() and path.name not in (_WEIGHTS, CARD, *_SAID):
            shutil.copyfile(path, out / path.name)
    was = read_card(learnt).id
    for said in (*_SAID, CARD):
        if (learnt / said).is_file():
            words = (learnt / said).read_text("utf-8")
            for line in ("# {}\n", 'id = "{}"\n'):
                words = words.replace(line.format(was), line.format(name), 1)
            write(out / said, words.encode())
