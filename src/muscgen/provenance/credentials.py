"""Content credentials (C2PA): what a song says of its origin, signed into its file, or beside it.

Said are the model and its revision, that a model made the sound, its watermark, the hashes of what it was
made from and of the consents to that, and that nobody may train on it. Not said are prompts and people.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal

import muscgen
from muscgen.errors import ConfigurationError, Unavailable
from muscgen.provenance.origin import Origin
from muscgen.provenance.signing import Signer
from muscgen.provenance.timestamps import TimeStamps
from muscgen.request import Format

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
# Watermarks by C2PA's rules for names; only audioseal's is on C2PA's list of algorithms.
SOFT_BINDINGS = {
    "muscgen-1": "org.muscgen.1",
    "audioseal-16": "com.aiwatermark.audioseal.1",
    "silentcipher-40": "org.muscgen.silentcipher-40",
}
OWN_ASSERTION = "org.muscgen.inputs"
_MINING = ("cawg.ai_training", "cawg.ai_generative_training", "cawg.data_mining")
_TYPES: Mapping[Format, tuple[str, Literal["embedded", "sidecar"]]] = {
    "wav": ("audio/wav", "embedded"),
    "flac": ("audio/flac", "embedded"),
    "mp3": ("audio/mpeg", "embedded"),
    "ogg": ("audio/ogg", "sidecar"),  # C2PA has no place in Ogg files
    "opus": ("audio/ogg", "sidecar"),
}
_SILENCE = (  # eight bytes of it, 8 kHz, 16 bits
    b"RIFF\x2c\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0data\x08\0\0\0" + bytes(8)
)
_SETTINGS: dict[str, Any] = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    "builder": {"generate_c2pa_archive": True, "thumbnail": {"enabled": False}},
}


@dataclass(frozen=True, slots=True, eq=False)
class Signed:
    """A file with its credentials. sidecar: these, where the file itself is as it was.

    unstamped: why there is no time stamp, where there should be one.
    """

    content: bytes
    sidecar: bytes | None = None
    unstamped: str = ""


def sign(
    content: bytes, encoding: Format, origin: Origin, signer: Signer, stamps: TimeStamps | None = None
) -> Signed:
    """The file, with tags and all, signed. Nothing of its sound changes; equal files differ in their ids.

    stamps: who puts a time stamp to it; where that fails, it has none.

    Raises Unavailable where there is no signature to be had now.
    """
    if stamps is None:
        return _signed(content, encoding, origin, signer, None)
    signed, why = stamps.asked_in(partial(_signed, content, encoding, origin, signer))
    return replace(signed, unstamped=why)


def _signed(
    content: bytes, encoding: Format, origin: Origin, signer: Signer, stamps_at: str | None
) -> Signed:
    import c2pa

    content_type, place = _TYPES[encoding]
    made = io.BytesIO()
    try:
        builder = c2pa.Builder(_manifest(origin, encoding), context=c2pa.Context.from_dict(_SETTINGS))
        for part in origin.inputs:
            if part.ingredient:
                builder.add_ingredient_from_archive(io.BytesIO(part.ingredient))
        if place == "sidecar":
            builder.set_no_embed()
        sidecar = builder.sign(_native(signer, stamps_at), content_type, io.BytesIO(content), made)
    except c2pa.C2paError as error:
        raise Unavailable(f"the song cannot be signed: {error}") from error
    return Signed(made.getvalue()) if place == "embedded" else Signed(content, sidecar)


def prove(signer: Signer) -> None:
    """Sign a file of silence. Raises ConfigurationError for a certificate that C2PA does not take."""
    try:
        sign(_SILENCE, "wav", Origin("none", "none", "none"), signer)
    except Unavailable as error:
        raise ConfigurationError(
            f"songs cannot be signed with this certificate: {error.detail}", param="signing_certificates"
        ) from error


def _manifest(origin: Origin, encoding: Format) -> dict[str, Any]:
    created: dict[str, Any] = {
        "action": "c2pa.created",
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "digitalSourceType": SOURCE_TYPE + origin.source_type,
        "softwareAgent": {"name": origin.model, "version": origin.revision},
    }
    if used := [part.role for part in origin.inputs if part.ingredient]:
        created["parameters"] = {"ingredientIds": used}
    actions, assertions = [created], []
    if origin.payload is not None:
        actions.append({"action": "c2pa.watermarked.bound", "description": origin.by})
        blocks = [{"scope": {}, "value": origin.payload}]
        assertions.append(
            {
                "label": "c2pa.soft-binding",
                "data": {"alg": SOFT_BINDINGS[origin.by], "blocks": blocks},
            }
        )
    mining = {"entries": {name: {"use": "notAllowed"} for name in _MINING}}
    assertions.append({"label": "cawg.training-mining", "data": mining})
    if origin.inputs:
        inputs = {"inputs": [part.to_dict() for part in origin.inputs]}
        assertions.append({"label": OWN_ASSERTION, "data": inputs})
    return {
        "claim_generator_info": [{"name": "muscgen", "version": muscgen.__version__}],
        "title": f"{origin.title}.{encoding}",
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": actions}}, *assertions],
    }


def _native(signer: Signer, stamps_at: str | None) -> Any:  # noqa: ANN401  (c2pa's Signer, which has no types)
    import c2pa

    if signer.pem is None:
        return c2pa.Signer.from_callback(signer.sign, c2pa.C2paSigningAlg.ES256, signer.chain.pem, stamps_at)
    info = c2pa.C2paSignerInfo(b"es256", signer.chain.pem.encode(), signer.pem.encode(), stamps_at)
    return c2pa.Signer.from_info(info)
