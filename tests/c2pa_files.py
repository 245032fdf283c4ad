"""Files with content credentials of other people's making."""

from __future__ import annotations

import io
from typing import Any

import c2pa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from muscgen.provenance.certificates import new_leaf, new_root, pem_of

CAPTURE = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"
ACTIONS = [{"action": "c2pa.created", "digitalSourceType": CAPTURE}]


class Studio:
    """Somebody who signs recordings. anchor: what to trust them by; certificate: of the signer alone."""

    def __init__(self, organization: str = "Other Studio") -> None:
        root = new_root(organization)
        key, leaf = new_leaf(root, 1)
        self.anchor, self.certificate = pem_of(root[1]), pem_of(leaf)
        self._key = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self._chain = pem_of(leaf).encode()

    def signed(
        self,
        content: bytes,
        content_type: str = "audio/wav",
        *assertions: dict[str, Any],
        sidecar: bool = False,
        made_of: bytes | None = None,
    ) -> bytes:
        """The file with credentials; with `sidecar` only these. made_of: a wav file that went into it."""
        described = {
            "claim_generator_info": [{"name": "Other Recorder", "version": "3"}],
            "title": "A recording",
            "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": ACTIONS}}, *assertions],
        }
        builder = c2pa.Builder(described, context=c2pa.Context.from_dict({}))
        if made_of is not None:
            part = {"title": "a part", "relationship": "componentOf"}
            builder.add_ingredient(part, "audio/wav", io.BytesIO(made_of))
        if sidecar:
            builder.set_no_embed()
        info = c2pa.C2paSignerInfo(b"es256", self._chain, self._key, None)
        made = io.BytesIO()
        manifest = builder.sign(c2pa.Signer.from_info(info), content_type, io.BytesIO(content), made)
        return manifest if sidecar else made.getvalue()
