"""What a watermark says: which deployment, which of its keys, which job. Never a person."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

BITS = 48
JOB_BITS = 24


@dataclass(frozen=True, slots=True)
class Payload:
    """48 bits. Raises ValueError for numbers that do not fit."""

    deployment: int  # 16 bits
    key_version: int  # 8 bits
    job: int  # 24 bits: the beginning of the SHA-256 of the job's id

    def __post_init__(self) -> None:
        for name, width in (("deployment", 16), ("key_version", 8), ("job", JOB_BITS)):
            if not 0 <= (value := getattr(self, name)) < 1 << width:
                raise ValueError(f"{name} is {value}; it has {width} bits")

    @classmethod
    def of(cls, deployment: int, key_version: int, job_id: str) -> Payload:
        """The payload of a job's song."""
        return cls(deployment, key_version, job_hash(job_id))

    @classmethod
    def from_bytes(cls, text: bytes) -> Payload:
        """Six bytes, the most significant first."""
        number = int.from_bytes(text)
        return cls(number >> 32, number >> JOB_BITS & 0xFF, number & 0xFFFFFF)

    def to_bytes(self) -> bytes:
        return (self.deployment << 32 | self.key_version << JOB_BITS | self.job).to_bytes(6)

    def hex(self) -> str:
        return self.to_bytes().hex()


def job_hash(job_id: str) -> int:
    """What a payload keeps of a job's id."""
    return int.from_bytes(hashlib.sha256(job_id.encode()).digest()[:3])
