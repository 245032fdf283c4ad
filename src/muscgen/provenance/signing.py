"""Who signs: a key in the home, one that the settings give, or a function that asks a key store."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from muscgen.errors import ConfigurationError
from muscgen.provenance.certificates import Chain
from muscgen.provenance.keyfolder import newest
from muscgen.settings import Settings

Sign = Callable[[bytes], bytes]  # a message -> its ECDSA signature with SHA-256, in DER or as r and s
SIGNATURE_BYTES = 64


@dataclass(frozen=True, slots=True, eq=False)
class Signer:
    """Signs for ES256. pem: the private key, where it is at hand; a key store keeps its own."""

    chain: Chain
    call: Sign
    pem: str | None = field(default=None, repr=False)

    @property
    def development(self) -> bool:
        return self.chain.development

    def sign(self, message: bytes) -> bytes:
        """r and s, 32 bytes each. Raises ConfigurationError for what is no signature by this key."""
        try:
            signature = _plain(self.call(message))
        except Exception as error:  # what a key store's client raises is its own
            raise ConfigurationError(f"signing failed: {error}", param="signing_callback") from error
        if not is_signed(self.chain, message, signature):
            raise ConfigurationError(
                "the signature is not by the key of the signing certificate", param="signing_certificates"
            )
        return signature


def signer_of(settings: Settings) -> Signer:
    """The signer that the settings want; where they name none, a key in the home, made when there is none.

    Raises ConfigurationError. The key has signed once when this returns.
    """
    given = (settings.signing_key, settings.signing_callback, settings.signing_certificates)
    if not any(given):
        key, chain = newest(settings.signing_path)
        signer = Signer(Chain.of_pem(chain), _by(_private(key)), key)
    else:
        signer = _given(settings)
    signer.chain.check()
    signer.sign(b"muscgen")
    return signer


def is_signed(chain: Chain, message: bytes, signature: bytes) -> bool:
    """Whether the chain's first key made the signature, r and s."""
    key = chain.leaf.public_key()
    if not isinstance(key, EllipticCurvePublicKey) or len(signature) != SIGNATURE_BYTES:
        return False
    r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
    try:
        key.verify(encode_dss_signature(r, s), message, ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def _given(settings: Settings) -> Signer:
    if not settings.signing_certificates:
        raise ConfigurationError(
            "a signing key needs its certificates",
            param="signing_certificates",
            suggestion="MUSCGEN_SIGNING_CERTIFICATES_FILE=chain.pem",
        )
    chain = Chain.of_pem(settings.signing_certificates)
    if bool(settings.signing_key) == bool(settings.signing_callback):
        raise ConfigurationError(
            "signing certificates need one signer: a key, or a callback",
            param="signing_key",
            suggestion="MUSCGEN_SIGNING_KEY_FILE=key.pem or MUSCGEN_SIGNING_CALLBACK=module:function",
        )
    if settings.signing_callback:
        return Signer(chain, _named(settings.signing_callback))
    return Signer(chain, _by(_private(settings.signing_key or "")), settings.signing_key)


def _private(pem: str) -> EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise ConfigurationError(
            "the signing key is no private key in PEM without a password", param="signing_key"
        ) from error
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise ConfigurationError("the signing key is not on the curve P-256", param="signing_key")
    return key


def _by(key: EllipticCurvePrivateKey) -> Sign:
    return lambda message: key.sign(message, ECDSA(SHA256()))


def _named(place: str) -> Sign:
    """`module:function`, imported."""
    module, _, name = place.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigurationError(
            f"{place!r} cannot be imported: {error}", param="signing_callback", suggestion="module:function"
        ) from error
    if not callable(found):
        raise ConfigurationError(f"{place!r} is no function", param="signing_callback")
    return found  # type: ignore[no-any-return]  # what it returns is checked with each signature


def _plain(signature: bytes) -> bytes:
    if len(signature) == SIGNATURE_BYTES:
        return signature
    r, s = decode_dss_signature(signature)
    return r.to_bytes(32) + s.to_bytes(32)
