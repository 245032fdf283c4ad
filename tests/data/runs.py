"""A run as the command line makes it, and what it left."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tiny import MUSCGEN_TINY

from muscgen.backends.loading import Choice
from muscgen.data import place as files
from muscgen.data.ledger import Entry
from muscgen.data.manifest import Manifest, read
from muscgen.data.place import Place
from muscgen.data.preparer import codec_choice
from muscgen.data.report import entries
from muscgen.data.run import Progress, Wish
from muscgen.data.run import prepare as run
from muscgen.data.work import Sound


def prepare(
    dataset: str, root: Path, out: Path, *, use: str = "commercial", codec: str | None = None, **more: Any
) -> tuple[Manifest, Progress]:
    sound = more.pop("sound", Sound(32_000, 1))
    chosen = None
    if codec is not None:
        chosen, sound = codec_choice(codec, MUSCGEN_TINY, Choice("onnx", "cpu", "fp32"), out.parent / "cache")
    more = {"workers": 1} | more
    wish = Wish(dataset=dataset, path=root, use=use, out=out, sound=sound, codec=chosen, **more)
    return run(wish, lambda _: None)


def damage(path: Path, name: str) -> None:
    """Make nonsense of a compressed array in an .npz, which zlib notices before the zip's checksum would."""
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as parts:
        head = parts.getinfo(f"{name}.npy").header_offset
    sizes = struct.unpack_from("<HH", content, head + 26)  # of the name, and of what is beside it
    start = head + 30 + sum(sizes)
    content[start : start + 20] = b"\xff" * 20
    path.write_bytes(content)


def ledger(out: Path) -> list[Entry]:
    return list(entries(Place(out)))


def manifest_of(out: Path) -> Manifest:
    return read(out)


def records(out: Path) -> Iterator[dict[str, Any]]:
    """Of the tracks that are in, in the ledger's order."""
    for entry in ledger(out):
        if entry.is_in:
            yield next(files.lines(Place(out).record(entry.id)))
