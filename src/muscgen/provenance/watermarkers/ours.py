"""Our own watermark behind the protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from muscgen.audio import Audio
from muscgen.provenance.watermark import Embedder, Payload, detect
from muscgen.provenance.watermark.grid import RATE
from muscgen.provenance.watermarkers.base import Heard

METHOD = "muscgen-1"


@dataclass(frozen=True, slots=True)
class Ours:
    """secrets: the keys by version. A song is marked with the one its payload names; all are looked for."""

    secrets: Mapping[int, bytes]

    @property
    def method(self) -> str:
        return METHOD

    @property
    def rate_hz(self) -> int:
        return RATE

    def stream(self, payload: Payload, *, sample_rate: int, channels: int) -> Embedder:
        secret = self.secrets[payload.key_version]
        return Embedder(secret, payload, sample_rate=sample_rate, channels=channels)

    def find(self, audio: Audio, *, warped: bool = True) -> Heard | None:
        keys = {str(version): secret for version, secret in self.secrets.items()}
        heard = detect(audio, keys, warped=warped)
        if heard is None:
            return None
        says = heard.payload
        return Heard(
            METHOD,
            heard.likeness,
            says.deployment,
            says.key_version,
            says.job,
            key=int(heard.key),
            chance=heard.chance,
            tempo=heard.tempo,
            pitch=heard.pitch,
            start_s=heard.start_s,
        )
