"""Statements that somebody signed: their hash, and whether the signature is by the key that came along.

A file has its signature beside it, as `openssl dgst -sha256 -sign` or `openssl pkeyutl -sign -rawin` makes
it; a JWS (RFC 7515, compact) has it inside. Keys are PEM: Ed25519, EC P-256 and P-384, RSA from 2,048 bits.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from typing import Any, Literal

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from muscgen.errors import StatementInvalid
from muscgen.request import Signature, Statement

Key = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey

_LEAST_RSA_BITS = 2_048
_CURVES: dict[str, tuple[str, hashes.HashAlgorithm, int]] = {
    "secp256r1": ("ES256", hashes.SHA256(), 32),
    "secp384r1": ("ES384", hashes.SHA384(), 48),
}


def of_file(
    content: bytes, signature: bytes | None, public_key: str | None, inputs: Sequence[str]
) -> Statement:
    """A statement in a file. Raises StatementInvalid for a signature that is not by the key."""
    checked: Signature | None = None
    if signature is not None:
        digest = hashlib.sha256(signature).hexdigest()
        checked = Signature(verified=False, sha256=digest)
        if public_key is not None:
            key = _key(public_key)
            algorithm = _verify_file(key, _raw(signature), content)
            checked = Signature(verified=True, algorithm=algorithm, key_sha256=key_digest(key), sha256=digest)
    elif public_key is not None:
        raise StatementInvalid("a public key came without a signature to verify", param="public_key")
    return _statement("file", content, checked, content, inputs)


def of_jws(jws: str, public_key: str | None, inputs: Sequence[str]) -> Statement:
    """A statement in a JWS. Raises StatementInvalid for what is none, or is not signed by the key."""
    head, payload, signature = _parts(jws)
    algorithm = str(head.get("alg"))
    checked = Signature(verified=False, algorithm=algorithm)
    if public_key is not None:
        key = _key(public_key)
        _verify_jws(key, algorithm, jws.rpartition(".")[0].encode(), signature)
        checked = Signature(verified=True, algorithm=algorithm, key_sha256=key_digest(key))
    return _statement("jws", jws.encode(), checked, payload, inputs)


def key_digest(key: Key) -> str:
    """SHA-256 of the key as SubjectPublicKeyInfo in DER, hex."""
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def _statement(
    kind: Literal["file", "jws"],
    content: bytes,
    signature: Signature | None,
    text: bytes,
    inputs: Sequence[str],
) -> Statement:
    names = all(digest.encode() in text.lower() for digest in inputs) if inputs else None
    return Statement(
        kind=kind,
        sha256=hashlib.sha256(content).hexdigest(),
        bytes=len(content),
        signature=signature,
        names_inputs=names,
    )


def _key(pem: str) -> Key:
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return key
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= _LEAST_RSA_BITS:
        return key
    raise StatementInvalid(
        "the public key is none that can be used",
        param="public_key",
        suggestion="PEM of Ed25519, EC P-256 or P-384, or RSA from 2048 bits",
    )


def _verify_file(key: Key, signature: bytes, content: bytes) -> str:
    """The algorithm."""
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, content)
            return "Ed25519"
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, content, ec.ECDSA(hashes.SHA256()))
            return "ECDSA with SHA-256"
        key.verify(signature, content, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        raise _not_signed() from None
    return "RSA with SHA-256"


def _verify_jws(key: Key, algorithm: str, signed: bytes, signature: bytes) -> None:
    """The key's kind says which algorithms there are, never the JWS alone."""
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            _expect(algorithm, "EdDSA", "Ed25519")
            key.verify(signature, signed)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            name, digest, size = _CURVES[key.curve.name]
            _expect(algorithm, name)
            if len(signature) != 2 * size:
                raise InvalidSignature
            r, s = (int.from_bytes(part) for part in (signature[:size], signature[size:]))
            key.verify(utils.encode_dss_signature(r, s), signed, ec.ECDSA(digest))
        else:
            _expect(algorithm, "RS256", "PS256")
            rsa_padding = (
                padding.PKCS1v15()
                if algorithm == "RS256"
                else padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
            )
            key.verify(signature, signed, rsa_padding, hashes.SHA256())
    except InvalidSignature:
        raise _not_signed() from None


def _expect(algorithm: str, *known: str) -> None:
    if algorithm not in known:
        raise StatementInvalid(
            f"the JWS says {algorithm[:20]!r}, which is not an algorithm of that key",
            param="statement.jws",
            suggestion=", ".join(known),
        )


def _parts(jws: str) -> tuple[dict[str, Any], bytes, bytes]:
    wrong = StatementInvalid("this is no JWS in compact serialization", param="statement.jws")
    try:
        head, payload, signature = (_unpadded(part) for part in jws.split("."))
        fields = json.loads(head)
    except (ValueError, RecursionError):
        raise wrong from None
    if not isinstance(fields, dict) or not signature:
        raise wrong
    if "crit" in fields or fields.get("b64") is False:
        raise StatementInvalid("the JWS asks for extensions that are not known here", param="statement.jws")
    return fields, payload, signature


def _unpadded(part: str) -> bytes:
    if not part.isascii() or "=" in part or "+" in part or "/" in part:
        raise ValueError(part[:20])
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)


def _raw(signature: bytes) -> bytes:
    """As it is, or out of base64."""
    try:
        return base64.b64decode(b"".join(signature.split()), validate=True)
    except binascii.Error:
        return signature


def _not_signed() -> StatementInvalid:
    return StatementInvalid(
        "the statement was not signed with that key, or was changed afterwards", param="statement"
    )
