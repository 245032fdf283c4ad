"""A consent: what somebody lets others do with a sound, as it is told and as it is kept."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from muscgen.request.parts import Basis, ConsentId, Part, Sensitive, Sha256, Use

MAX_STATEMENT_BYTES = 10_000_000  # of a scanned contract
MAX_JWS_CHARS = 500_000
_ModelId = Annotated[str, StringConstraints(min_length=1, max_length=200)]
_Reference = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class Scope(Part):
    """What a consent covers; null is everything of a kind."""

    models: tuple[_ModelId, ...] | None = Field(default=None, min_length=1, max_length=64)
    uses: tuple[Use, ...] | None = Field(default=None, min_length=1, max_length=3)
    inputs: tuple[Sha256, ...] | None = Field(
        default=None, min_length=1, max_length=1_000, description="SHA-256 of the sound files."
    )
    until: AwareDatetime | None = Field(default=None, description="Songs may be begun before this.")
    sensitive: tuple[Sensitive, ...] = Field(
        default=(), max_length=2, description="Sensitive uses that it covers; none by itself."
    )


class StatementWish(Part):
    """What the person who consents has signed, in the form of a JWS."""

    jws: str = Field(min_length=1, max_length=MAX_JWS_CHARS, description="Compact serialization.")
    public_key: str | None = Field(
        default=None, max_length=20_000, description="PEM; the signature is verified with it."
    )


class ConsentWish(Part):
    """The body of POST /consents."""

    basis: Basis
    reference: _Reference | None = Field(
        default=None, description="A contract, a licence, an address; no person's name is needed."
    )
    scope: Scope = Scope()
    statement: StatementWish | None = None


class Signature(Part):
    """What was checked of a statement's signature, and with which key."""

    verified: bool = Field(description="false: no key came along, so nobody checked it.")
    algorithm: str | None = None
    key_sha256: Sha256 | None = Field(default=None, description="Of the public key, as DER.")
    sha256: Sha256 | None = Field(default=None, description="Of a signature that came in a file of its own.")


class Statement(Part):
    """A statement by its hash: whoever has it can show that it is this one. It is not kept itself."""

    kind: Literal["file", "jws"]
    sha256: Sha256
    bytes: int
    signature: Signature | None = Field(default=None, description="null: it is not signed.")
    names_inputs: bool | None = Field(
        default=None, description="Whether its text has the SHA-256 of every input of the scope."
    )


class ConsentRecord(Part):
    """A consent as it was made; nothing of it changes afterwards. inline: told in a request."""

    id: ConsentId
    tenant: str
    inline: bool
    basis: Basis
    reference: _Reference | None
    scope: Scope
    statement: Statement | None
    created_at: datetime

    def canonical(self) -> str:
        """JSON with sorted names, no spaces and ASCII alone: what the hash is of."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.canonical().encode()).hexdigest()
