"""What goes with a song beside its sound: tags, credentials, a receipt; as the settings want it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial

from muscgen.errors import ConfigurationError
from muscgen.provenance import credentials
from muscgen.provenance.credentials import Signed
from muscgen.provenance.origin import Origin
from muscgen.provenance.signing import Signer, signer_of
from muscgen.provenance.timestamps import TimeStamps
from muscgen.request import Format
from muscgen.settings import Settings


@dataclass(frozen=True, slots=True, eq=False)
class Papers:
    """signer: None where nothing is signed. producer: who the Chinese field AIGC names; "" writes none.

    stamps: who puts a time stamp to credentials, if anybody does.
    """

    tags: bool = True
    producer: str = ""
    signer: Signer | None = None
    credentials: bool = False
    receipts: bool = False
    stamps: TimeStamps | None = None

    @property
    def name(self) -> str:
        """What a file's bytes follow from, beside its sound."""
        signs = self.signer.chain.fingerprint if self.signer and self.credentials else ""
        stamped = f" {self.stamps.url}" if self.stamps else ""
        words = f"{self.tags} {self.producer} {signs} {self.receipts}{stamped}"
        return hashlib.sha256(words.encode()).hexdigest()[:16]

    @property
    def off(self) -> list[str]:
        """What the settings leave out."""
        parts = {"tags": self.tags, "credentials": self.credentials, "receipt": self.receipts}
        return [name for name, wanted in parts.items() if not wanted]

    @property
    def signature(self) -> dict[str, str | bool] | None:
        """Whose name files and receipts are signed with."""
        if self.signer is None:
            return None
        chain = self.signer.chain
        return {
            "organization": chain.organization,
            "fingerprint": chain.fingerprint,
            "development": chain.development,
        }

    def seal(self, origin: Origin) -> Seal | None:
        """What signs a finished file of that origin; None where none is signed."""
        if self.signer is None or not self.credentials:
            return None
        return Seal(origin, self.signer, self.stamps)


@dataclass(frozen=True, slots=True, eq=False)
class Seal:
    """Signs one song."""

    origin: Origin
    signer: Signer
    stamps: TimeStamps | None = None

    def sign(self, content: bytes, encoding: Format) -> Signed:
        """Raises Unavailable."""
        return credentials.sign(content, encoding, self.origin, self.signer, self.stamps)


def papers_of(settings: Settings) -> Papers:
    """Raises ConfigurationError for keys that cannot sign."""
    if settings.timestamp_url and not settings.credentials:
        raise ConfigurationError(
            "time stamps are put to content credentials, which are off",
            param="timestamp_url",
            suggestion="MUSCGEN_CREDENTIALS=true",
        )
    kept = partial(Papers, settings.tags, settings.aigc_producer)
    if not (settings.credentials or settings.receipts):
        return kept()
    signer = signer_of(settings)
    if settings.credentials:
        credentials.prove(signer)
    stamps = TimeStamps(settings.timestamp_url) if settings.timestamp_url else None
    return kept(signer, settings.credentials, settings.receipts, stamps)
