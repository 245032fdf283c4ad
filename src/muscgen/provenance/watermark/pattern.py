"""What a key makes of the grid's cells. All of it is drawn from SHAKE-256, the same for ever.

A round is drawn for each of a key's `ROUNDS`; which one a song has, and where in it the song begins, follows
from key and payload. So songs of a key do not share one pattern that could be learnt from their average, and
no song shorter than a round repeats itself. The seal follows from the payload too: whoever has not the key
can copy a mark with what it says, but cannot make it say anything else.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from muscgen.provenance.watermark import code
from muscgen.provenance.watermark.grid import BANDS, BLOCKS, CELLS, ROUND, ROUNDS, Floats

SYNC_CELLS, SEAL_CELLS = 896, 1_024  # of a block; 8 for each symbol are left
_COUNT = CELLS * BANDS
_LABEL = b"muscgen watermark 1 "
_SYNC, _SEAL = -1, -2  # in place of a symbol

Signs = NDArray[np.float32]  # [ROUND, BANDS], -1 or 1


@dataclass(frozen=True, slots=True, eq=False)
class Round:
    """One of a key's rounds.

    signs: float32 [ROUND, BANDS]. symbols: int16, which symbol a cell carries; negative for the others.
    """

    signs: Signs
    symbols: NDArray[np.int16]

    @property
    def sync(self) -> Signs:
        """The signs of the cells that are known, 0 elsewhere."""
        return np.where(self.symbols == _SYNC, self.signs, np.float32(0))

    @property
    def sealed(self) -> NDArray[np.bool_]:
        """Which cells carry the seal."""
        return np.equal(self.symbols, _SEAL)

    def soft_symbols(self, heard: Floats) -> NDArray[np.float64]:
        """What is heard in a round's cells [ROUND, BANDS] -> sums over the cells of each symbol [SYMBOLS]."""
        carrying = self.symbols >= 0
        spoken = (heard * self.signs)[carrying]
        return np.bincount(self.symbols[carrying], spoken, code.SYMBOLS).astype(np.float64)


@lru_cache(64)
def round_of(secret: bytes, number: int) -> Round:
    """The key's round of that number, below ROUNDS."""
    blocks = [_block(secret, number * BLOCKS + at) for at in range(BLOCKS)]
    return Round(*(np.concatenate(parts) for parts in zip(*blocks, strict=True)))


def begins(secret: bytes, payload: bytes) -> tuple[int, int]:
    """Which round a song has that says this payload, and with which of its cells the song begins."""
    drawn = _stream(b"begin", secret, payload, size=4)
    return drawn[0] % ROUNDS, int.from_bytes(drawn[2:]) % ROUND


def seal(secret: bytes, payload: bytes) -> Signs:
    """The signs of the sealed cells (and, unused, of all others)."""
    return _signs(_stream(b"seal", secret, payload, size=ROUND * BANDS // 8)).reshape(ROUND, BANDS)


def spoken(secret: bytes, payload: bytes) -> tuple[Signs, int]:
    """What becomes of each cell of the round when it says this payload, and the cell that comes first."""
    number, first = begins(secret, payload)
    plan = round_of(secret, number)
    symbols = np.append(code.encode(payload), [0.0, 1.0]).astype(np.float32)  # at -1 stands sync's
    signs = np.where(plan.sealed, seal(secret, payload), plan.signs * symbols[plan.symbols])
    return signs, first


def _block(secret: bytes, number: int) -> tuple[Signs, NDArray[np.int16]]:
    stream = _stream(b"block", secret, number.to_bytes(2), size=8 * _COUNT + _COUNT // 8)
    order = np.argsort(np.frombuffer(stream, "<u8", _COUNT))
    symbols = np.empty(_COUNT, np.int16)
    symbols[order[:SYNC_CELLS]] = _SYNC
    symbols[order[SYNC_CELLS : SYNC_CELLS + SEAL_CELLS]] = _SEAL
    carrying = order[SYNC_CELLS + SEAL_CELLS :]
    symbols[carrying] = np.arange(carrying.size) % code.SYMBOLS
    shape = CELLS, BANDS
    return _signs(stream[8 * _COUNT :]).reshape(shape), symbols.reshape(shape)


def _signs(drawn: bytes) -> Signs:
    bits = np.unpackbits(np.frombuffer(drawn, np.uint8))
    return np.where(bits, np.float32(1), np.float32(-1))


def _stream(purpose: bytes, secret: bytes, text: bytes, *, size: int) -> bytes:
    return hashlib.shake_256(_LABEL + purpose + len(secret).to_bytes(4) + secret + text).digest(size)
