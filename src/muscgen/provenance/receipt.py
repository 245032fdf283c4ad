"""Receipts: what a song was made from and by what, signed, to be shown beside its file.

    {"receipt": {…}, "jws": "head.body.signature"}

`jws` is a JWS (RFC 7515) by ES256 in compact form; `x5c` in its head has the signing certificate and its
issuers. Its body is the receipt in JSON: keys sorted, no spaces, UTF-8. `receipt` is the same to read; what
counts is the body.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from muscgen.errors import ConfigurationError, Unavailable
from muscgen.provenance.certificates import Chain
from muscgen.provenance.signing import Signer, is_signed

KIND = "muscgen-receipt"
MAX_BYTES = 1_000_000
_MAX_CHAIN = 8


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt that the chain's first certificate signed; whose that is, is another question."""

    words: Mapping[str, Any]
    chain: Chain


def signed(words: Mapping[str, Any], signer: Signer) -> bytes:
    """The receipt's file. Raises Unavailable where there is no signature to be had now."""
    head = {"alg": "ES256", "typ": KIND, "x5c": [_certificate(each) for each in signer.chain.certificates]}
    message = b".".join(map(_packed, (canonical(head), canonical(words))))
    try:
        signature = signer.sign(message)
    except ConfigurationError as error:
        raise Unavailable(f"the receipt cannot be signed: {error.detail}") from error
    jws = b".".join((message, _packed(signature))).decode()
    return json.dumps({"receipt": words, "jws": jws}, ensure_ascii=False, indent=1).encode() + b"\n"


def read(content: bytes) -> Receipt:
    """Raises ValueError, in words, for what is no receipt, or one that was changed."""
    if len(content) > MAX_BYTES:
        raise ValueError("it is too large for a receipt")
    try:
        file = json.loads(content)
        parts = [part.encode() for part in str(file["jws"]).split(".")]
        head, body, signature = map(_unpacked, parts)
        fields, words = json.loads(head), json.loads(body)
        given = [base64.b64decode(each, validate=True) for each in _few(fields["x5c"])]
        chain = Chain(tuple(x509.load_der_x509_certificate(each) for each in given))
        known = fields["alg"] == "ES256" and fields["typ"] == KIND and isinstance(words, dict)
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error, RecursionError):
        raise ValueError("it is no receipt") from None
    if not known or not chain.certificates:
        raise ValueError("it is no receipt")
    if not is_signed(chain, b".".join(parts[:2]), signature):
        raise ValueError("its signature is not by its certificate: it was changed")
    if file.get("receipt", words) != words:
        raise ValueError("what it says to read is not what was signed")
    return Receipt(words, chain)


def canonical(words: Mapping[str, Any]) -> bytes:
    """The bytes that are signed."""
    text = json.dumps(words, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def _few(certificates: list[str]) -> Iterable[str]:
    if not 1 <= len(certificates) <= _MAX_CHAIN:
        raise ValueError
    return certificates


def _certificate(certificate: x509.Certificate) -> str:
    return base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()


def _packed(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")


def _unpacked(text: bytes) -> bytes:
    return base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
