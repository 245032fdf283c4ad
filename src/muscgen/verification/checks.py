"""Each check by its name: what came of it, in a word for programs and in words for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from muscgen.intake import Credentials
from muscgen.provenance.marks import ENOUGH_S, Marks
from muscgen.provenance.receipt import Receipt, read
from muscgen.provenance.watermarkers import Heard
from muscgen.verification.looking import Known, Look

Name = Literal["watermark", "credentials", "integrity", "signer", "receipt"]
NOT_CHECKED = "not_checked"
OURS, OTHERS = 0, 1  # whose anchors trust a signer


@dataclass(frozen=True, slots=True)
class Check:
    """result: one of its words below. facts: what was found, for programs.

    watermark     found, named, foreign, absent, not_checked    named, foreign: by a method without a key
    credentials   present, absent, unreadable
    integrity     intact, changed, invalid, not_checked    of the file, as its credentials know it
    signer        ours, trusted, unknown, not_checked      of the credentials
    receipt       matches, same_sound, same_mark, differs, untrusted, invalid, absent
    """

    name: Name
    result: str
    detail: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return {"name": self.name, "result": self.result, "detail": self.detail, "facts": dict(self.facts)}


def watermark(look: Look, known: Known) -> Check:
    if look.sound is None:
        return Check("watermark", NOT_CHECKED, f"The sound cannot be listened to: {look.why}.")
    if known.marks is None:
        return Check("watermark", NOT_CHECKED, "There are no watermark keys here.")
    unheard = f" {known.unheard[0].upper()}{known.unheard[1:]}." if known.unheard else ""
    if not look.marks:
        versions, methods = ", ".join(map(str, sorted(known.marks.secrets))), ", ".join(known.marks.methods)
        words = f"No mark of ours is heard; looked for: {methods}; keys tried: {versions}.{unheard}"
        if look.sound.duration_s < ENOUGH_S:
            words += f" {look.sound.duration_s:.1f} s may be too short for one, which needs {ENOUGH_S:g} s."
        return Check("watermark", "absent", words, {"methods": known.marks.methods})
    result, words = _whose(look.marks[0], known.marks)
    found = [_mark(each) for each in look.marks]
    return Check("watermark", result, words + unheard, {**found[0], "all": found})


def _whose(clearest: Heard, marks: Marks) -> tuple[str, str]:
    mine = clearest.deployment == marks.deployment
    if clearest.keyed:
        whose = "of this deployment" if mine else f"of deployment {clearest.deployment} by a key of ours"
        sure = f"key {clearest.key}, {clearest.confidence:.1f} deviations above chance"
        return "found", f"A mark {whose} is heard: {sure}."
    who = "this deployment" if mine else f"deployment {clearest.deployment}, which is not this one"
    words = (
        f"A mark by {clearest.method} is heard that names {who}; whoever has its weights can write the same."
    )
    return ("named" if mine else "foreign"), words


def _mark(heard: Heard) -> dict[str, Any]:
    """None for what the method has no room for, or no bound of."""
    payloads = heard.payloads(()) if heard.key_version is not None else []
    return {
        "method": heard.method,
        "payload": payloads[0].hex() if payloads else None,
        "deployment": heard.deployment,
        "job": None if heard.job is None else f"{heard.job:06x}",
        "key_version": heard.key,
        "confidence": round(heard.confidence, 2),
        "chance": None if heard.chance is None else float(f"{heard.chance:.1e}"),
        "at": round(heard.start_s, 2),
        "tempo": round(heard.tempo, 4),
        "pitch": round(heard.pitch, 4),
    }


def of_credentials(found: Credentials, *, beside: bool) -> tuple[Check, Check, Check]:
    """Whether there are credentials, whether the file is as they know it, and who signed them."""
    if found.state in ("absent", "unreadable"):
        words = "There are no content credentials." if found.state == "absent" else f"{found.why}."
        nothing = "There is nothing to check."
        return (
            Check("credentials", found.state, words),
            Check("integrity", NOT_CHECKED, nothing),
            Check("signer", NOT_CHECKED, nothing),
        )
    place = "beside the file" if beside else "in the file"
    claims = {
        "place": "sidecar" if beside else "embedded",
        "title": found.manifest.get("title"),
        "generator": _generator(found.manifest),
        "source_types": list(found.source_types),
        "problems": list(found.problems),
    }
    return (
        Check("credentials", "present", f"They are {place}.", claims),
        _integrity(found),
        _signer(found),
    )


def _integrity(found: Credentials) -> Check:
    if found.state == "valid":
        return Check("integrity", "intact", "The file is, byte for byte, what was signed.")
    codes = ", ".join(found.problems)
    if found.changed:
        return Check("integrity", "changed", f"The file or its credentials are not what was signed: {codes}.")
    return Check("integrity", "invalid", f"The credentials do not hold: {codes}.")


def _signer(found: Credentials) -> Check:
    who = found.signer["issuer"] or "somebody without a name"
    words, result = {
        OURS: (f"Signed by {who}, a key of ours.", "ours"),
        OTHERS: (f"Signed by {who}, whom this service trusts.", "trusted"),
        None: (f"Signed by {who}, of whom this service knows nothing.", "unknown"),
    }[found.trusted_by]
    stamp = found.time_stamp
    if stamp is not None:
        whose = "trusted" if stamp.trusted else "not known"
        words += f" A time stamp says {stamp.time}, by an authority that is {whose} here."
    facts = {"time_stamp": stamp and {"time": stamp.time, "trusted": stamp.trusted}}
    return Check("signer", result, words, found.signer | facts)


def _generator(manifest: Mapping[str, Any]) -> str | None:
    names = [
        each.get("name") for each in manifest.get("claim_generator_info") or () if isinstance(each, dict)
    ]
    return str(names[0]) if names and names[0] else None


def of_receipt(content: bytes | None, look: Look, known: Known, *, given: bool) -> Check:
    """given: brought along with the file; else found here."""
    if content is None:
        return Check("receipt", "absent", "None was brought along, and none is found here.")
    try:
        receipt = read(content)
    except ValueError as error:
        return Check("receipt", "invalid", f"It cannot be believed: {error}.")
    facts = _told(receipt) | {"given": given}
    if not known.own.in_whom(receipt.chain):
        who = receipt.chain.organization
        return Check("receipt", "untrusted", f"It was signed by {who}, which is no key of ours.", facts)
    result, detail = _agreement(receipt, look)
    return Check("receipt", result, detail, facts)


def _agreement(receipt: Receipt, look: Look) -> tuple[str, str]:
    artifact, mark = receipt.words.get("artifact") or {}, receipt.words.get("watermark") or {}
    if artifact.get("sha256") == look.sha256:
        return "matches", "It speaks of this very file."
    if look.sound_sha256 is not None and artifact.get("audio_sha256") == look.sound_sha256:
        return "same_sound", "It speaks of this sound, in a file with other tags or credentials."
    if mark.get("payload") in look.payloads:
        return "same_mark", "It speaks of the song whose mark is heard; the sound was encoded anew, or cut."
    return "differs", "It speaks of another file."


def _told(receipt: Receipt) -> dict[str, Any]:
    """What a stranger may know of it: nothing of the request."""
    words = receipt.words
    return {
        "sha256": (words.get("artifact") or {}).get("sha256"),
        "model": words.get("model"),
        "made": (words.get("times") or {}).get("made"),
        "signed_by": receipt.chain.organization,
    }
