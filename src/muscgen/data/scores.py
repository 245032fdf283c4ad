"""One song that is given as codes: whether a codec can have said them, and what there is to say of them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from muscgen.data.ledger import Reason
from muscgen.data.measure import SHORTEST_S
from muscgen.data.preparer import CodecChoice
from muscgen.data.readers import packs
from muscgen.data.readers.packs import NotAPack, Song
from muscgen.data.work import Order

_INT16 = 32_768


def dtype_of(codec: CodecChoice) -> str:
    """Of codes as shards hold them."""
    return "<i2" if codec.vocabulary <= _INT16 else "<i4"


def weighed(order: Order, codec: CodecChoice) -> dict[str, Any]:
    """The song's record, as work.py has one of a sound. Raises OSError."""
    assert order.source.span is not None  # noqa: S101  every song of a pack has one
    song = Song(Path(order.source.file), order.source.span, dtype_of(codec))
    try:
        codes, books = song.codes(), packs.opened(song.file).books
    except (NotAPack, FileNotFoundError) as error:  # changed since it was listed
        return _record(order, 0, Reason.UNREADABLE, str(error))
    fault = _fault(codes, books, codec)
    kept = np.ascontiguousarray(codes, "<i8" if fault else song.dtype)
    sha256 = hashlib.sha256(f"{kept.shape} ".encode() + kept.tobytes()).hexdigest()
    if fault and order.prepare:
        return _record(order, kept.nbytes, *fault, sha256)
    measured = {
        "duration_s": round(codes.shape[1] / codec.frame_rate, 3), "tempo_bpm": None, "key": "",
    }  # fmt: skip
    return _record(order, kept.nbytes, Reason.PERMITTED, "", sha256) | {"measured": measured, "sketch": ""}


def _fault(codes: NDArray[np.integer], books: str, codec: CodecChoice) -> tuple[Reason, str] | None:
    """Why these cannot be learnt."""
    if books != codec.books:
        words = f"its codes are of the codebooks {books[:16]}; those of {codec.model} are {codec.books[:16]}"
        return Reason.UNFIT, words
    if len(codes) != codec.codebooks:
        return Reason.UNFIT, f"it has {len(codes)} codebooks; {codec.model} has {codec.codebooks}"
    duration_s = codes.shape[1] / codec.frame_rate
    if duration_s < SHORTEST_S:
        return Reason.TOO_SHORT, f"it lasts {duration_s:.2f} s; {SHORTEST_S:g} s are needed"
    if codes.min() < 0 or codes.max() >= codec.vocabulary:
        return Reason.UNFIT, f"its codes are not all from 0 to {codec.vocabulary - 1}"
    return None


def _record(order: Order, size: int, reason: Reason, detail: str, sha256: str = "") -> dict[str, Any]:
    return {
        "id": order.id,
        "bytes": size,
        "sha256": sha256,
        "reason": reason,
        "detail": detail,
        "reused": False,
    }
