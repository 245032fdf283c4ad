"""The other task of the limited process: content credentials (C2PA) of the file, checked.

    order    {"more_fd"}: a descriptor of JSON {"trusts": [what c2pa's settings call an anchor, or null, ...],
             "sidecar": base64 or null, "ingredient": {"label", "title"} or null}
    answer   {"found", "why": words where there are credentials that cannot be read, "trusted_by": number
             of the first trust in the signer, whatever became of the file since, or null, "store": what
             c2pa's Reader says, "archive": bytes}, a line feed, then the archive: the file as an ingredient
             of a manifest

Nothing is fetched: no remote manifests, no revocation lists.
"""

from __future__ import annotations

import base64
import io
import json
import os
from typing import Any, BinaryIO

_OFFLINE = {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_trust": True}
_ABSENT = ("ManifestNotFound", "NotSupported")
_MAX_WHY_CHARS = 200


def read(order: dict[str, Any], answer: BinaryIO) -> None:
    """Answer with what the file's credentials say, and by whom they are trusted."""
    with os.fdopen(order["more_fd"], "rb") as file:
        more = json.load(file)
    sound = open(0, "rb", closefd=False)  # noqa: SIM115
    words = _words(sound, more)
    archive = b"" if more["ingredient"] is None else _archive(sound, more["ingredient"])
    answer.write(json.dumps(words | {"archive": len(archive)}).encode() + b"\n" + archive)


def _words(sound: BinaryIO, more: dict[str, Any]) -> dict[str, Any]:
    import c2pa

    sidecar = None if more["sidecar"] is None else base64.b64decode(more["sidecar"])
    try:
        # To c2pa whoever is trusted with time is trusted to sign: so first who signed, and then when.
        stores = [_store(sound, sidecar, [trust], whose_time=False) for trust in more["trusts"] or [None]]
        trusting = [number for number, store in enumerate(stores) if _is_trusted(store)]
        store = stores[trusting[0] if trusting else 0]
        if _is_stamped(store):
            store = _store(sound, sidecar, more["trusts"], whose_time=True)
    except c2pa.C2paError as error:
        why = str(error)[:_MAX_WHY_CHARS]
        return {"found": False, "why": "" if why.startswith(_ABSENT) else why}
    return {"found": True, "trusted_by": trusting[0] if trusting else None, "store": store}


def _store(
    sound: BinaryIO, sidecar: bytes | None, trusts: list[dict[str, str] | None], *, whose_time: bool
) -> dict[str, Any]:
    """What the Reader says. whose_time: whether it is of account who stamped the time."""
    import c2pa

    anchors = [trust for trust in trusts if trust]
    verify = _OFFLINE | {"verify_timestamp_trust": whose_time}
    context = c2pa.Context.from_dict({"verify": verify, "trust": {"anchors": anchors}})
    sound.seek(0)
    found: dict[str, Any] = json.loads(c2pa.Reader(None, sound, sidecar, context).json())
    return found


def _is_trusted(store: dict[str, Any]) -> bool:
    """Whether it was signed by a signer who is trusted, whatever became of the file since."""
    found = store.get("validation_results", {}).get("activeManifest", {}).get("success", ())
    return {"claimSignature.validated", "signingCredential.trusted"} <= {each["code"] for each in found}


def _is_stamped(store: dict[str, Any]) -> bool:
    signature = store["manifests"][store["active_manifest"]].get("signature_info") or {}
    return "time" in signature


def _archive(sound: BinaryIO, ingredient: dict[str, str]) -> bytes:
    import c2pa

    context = c2pa.Context.from_dict(
        {"verify": _OFFLINE, "builder": {"generate_c2pa_archive": True, "thumbnail": {"enabled": False}}}
    )
    builder = c2pa.Builder({"claim_generator_info": [{"name": "muscgen"}]}, context=context)
    sound.seek(0)
    builder.add_ingredient(ingredient | {"relationship": "inputTo"}, _kind(sound), sound)
    kept = io.BytesIO()
    builder.write_ingredient_archive(ingredient["label"], kept)
    return kept.getvalue()


def _kind(sound: BinaryIO) -> str:
    """What C2PA has a name for; the rest is bytes to it."""
    head = sound.read(12)
    sound.seek(0)
    kinds = {b"RIFF": "audio/wav", b"fLaC": "audio/flac", b"ID3": "audio/mpeg", b"OggS": "audio/ogg"}
    named = (kind for start, kind in kinds.items() if head.startswith(start))
    return next(named, "application/octet-stream")
