"""What a job's songs resume from: their codes, saved every two seconds.

    version u8 │ codebooks u8 │ attempt u8 │ 0 │ frames u32 │ CRC-32 of the codes u32 │ maker 8 B │ codes

All little-endian, the codes int16 [K, F]: 400 bytes a second of music with four codebooks. The maker is a
digest of the model's revision, backend, device and precision: another one would go on with another song.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from muscgen import telemetry
from muscgen.backends.base import Codes
from muscgen.engine import Handle
from muscgen.errors import QueueUnavailable
from muscgen.jobs import Claim, Queue

SAVE_INTERVAL_S = 2.0
VERSION = 1
_HEAD = struct.Struct("<BBBxII8s")


@dataclass(frozen=True, slots=True, eq=False)
class Saved:
    """The codes int32 [K, F] of one output, and which attempt at its song they belong to."""

    attempt: int
    codes: Codes

    def to_bytes(self, maker: bytes) -> bytes:
        codebooks, frames = self.codes.shape
        codes = self.codes.astype("<i2").tobytes()
        return _HEAD.pack(VERSION, codebooks, self.attempt, frames, zlib.crc32(codes), maker) + codes

    @classmethod
    def read(cls, content: bytes, maker: bytes) -> Saved:
        """Raises ValueError for bytes that are damaged, or of another version or maker."""
        if len(content) < _HEAD.size:
            raise ValueError("shorter than a header")
        version, codebooks, attempt, frames, checksum, made_by = _HEAD.unpack_from(content)
        if version != VERSION:
            raise ValueError(f"of version {version}, not {VERSION}")
        if made_by != maker:
            raise ValueError("of another model, revision, backend or precision")
        codes = content[_HEAD.size :]
        if len(codes) != 2 * codebooks * frames or zlib.crc32(codes) != checksum:
            raise ValueError("damaged")
        return cls(attempt, np.frombuffer(codes, "<i2").reshape(codebooks, frames).astype(np.int32))


def maker_of(made_by: Mapping[str, str], numbers: str = "") -> bytes:
    """8 bytes for what makes a song, as `Served.to_dict` and `Served.numbers` tell it."""
    return hashlib.sha256(json.dumps([made_by, numbers], sort_keys=True).encode()).digest()[:8]


class Checkpoints:
    """The codes of one job's outputs in the queue."""

    def __init__(self, claim: Claim, queue: Queue, maker: bytes) -> None:
        self._claim, self._queue, self._maker = claim, queue, maker
        self._kept: dict[int, tuple[int, int]] = {}  # output: the attempt and how many frames of it

    async def load(self) -> dict[int, Saved]:
        """What earlier workers left, by output. What cannot be used is left out: it costs time, no more."""
        try:
            kept = await self._queue.load_codes(self._claim.job_id)
        except QueueUnavailable:
            telemetry.warning("codes.not_loaded", job=self._claim.job_id)
            return {}
        read = {output: self._read(output, content) for output, content in kept.items()}
        found = {output: saved for output, saved in read.items() if saved is not None}
        self._note(found)
        return found

    async def save(self, handles: Mapping[int, tuple[int, Handle]]) -> None:
        """Keep what is new, of all outputs in one call.

        handles: by output, each with its attempt. Raises LeaseLost, QueueUnavailable.
        """
        fresh: dict[int, Saved] = {}
        for output, (attempt, handle) in handles.items():
            codes = handle.codes
            # While old codes are fed, a handle has fewer than are kept.
            if codes is not None and (attempt, codes.shape[1]) > self._kept.get(output, (-1, 0)):
                fresh[output] = Saved(attempt, codes)
        await self._queue.save_codes(
            self._claim, {output: saved.to_bytes(self._maker) for output, saved in fresh.items()}
        )
        self._note(fresh)

    def _note(self, saved: Mapping[int, Saved]) -> None:
        self._kept |= {output: (one.attempt, one.codes.shape[1]) for output, one in saved.items()}

    def _read(self, output: int, content: bytes) -> Saved | None:
        try:
            return Saved.read(content, self._maker)
        except ValueError as error:
            telemetry.warning(
                "codes.ignored", job=self._claim.job_id, output=output, reason=str(error), bytes=len(content)
            )
            return None
