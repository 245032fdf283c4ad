"""X.509 for signing songs: roots and leaves that we make, and chains that somebody else made.

The profile is C2PA's (specification 2.2, section 14.5.1): digitalSignature, emailProtection, a subject with
an organization, identifiers of the keys; and EC P-256, which receipts (ES256) share.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from muscgen.errors import ConfigurationError

DEVELOPMENT = "muscgen development key (not for production)"
VALID = timedelta(days=3_650)  # without time stamps, what is signed is valid as long as its certificate
_CLOCKS_DIFFER = timedelta(days=1)

Extension = TypeVar("Extension", bound=x509.ExtensionType)
Pair = tuple[EllipticCurvePrivateKey, x509.Certificate]


@dataclass(frozen=True, slots=True)
class Chain:
    """The certificate that signs, and those that vouch for it, one after the other."""

    certificates: tuple[x509.Certificate, ...]

    @classmethod
    def of_pem(cls, text: str) -> Chain:
        """Raises ConfigurationError."""
        try:
            return cls(tuple(x509.load_pem_x509_certificates(text.encode())))
        except ValueError as error:
            raise _wrong(f"no certificates in PEM: {error}") from error

    @property
    def leaf(self) -> x509.Certificate:
        return self.certificates[0]

    @property
    def pem(self) -> str:
        return "".join(map(pem_of, self.certificates))

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate that signs, in hex."""
        return self.leaf.fingerprint(hashes.SHA256()).hex()

    @property
    def organization(self) -> str:
        return _named(self.leaf, NameOID.ORGANIZATION_NAME)

    @property
    def common_name(self) -> str:
        return _named(self.leaf, NameOID.COMMON_NAME)

    @property
    def development(self) -> bool:
        return self.organization == DEVELOPMENT

    def leads_to(self, anchors: Sequence[x509.Certificate]) -> bool:
        """Whether each was issued by the next, and the last is an anchor, or was issued by one."""
        links = zip(self.certificates, self.certificates[1:], strict=False)
        if not all(_issued(issued, issuer) for issued, issuer in links):
            return False
        last = self.certificates[-1]
        return any(last == anchor or _issued(last, anchor) for anchor in anchors)

    def check(self, now: datetime | None = None) -> None:
        """Raises ConfigurationError for a chain that nobody could check songs with."""
        leaf, now = self.leaf, now or datetime.now(UTC)
        for what, fits in _PROFILE.items():
            if not fits(leaf):
                raise _wrong(f"the signing certificate lacks {what}")
        if not leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc:
            raise _wrong(
                f"the certificate is valid from {leaf.not_valid_before_utc} to {leaf.not_valid_after_utc}"
            )
        for issued, issuer in zip(self.certificates, self.certificates[1:], strict=False):
            if not _issued(issued, issuer):
                raise _wrong(
                    f"{issued.subject.rfc4514_string()} was not issued by the certificate after it",
                    "the certificate that signs, then its issuer, then that one's",
                )


def new_root(organization: str) -> Pair:
    """A key and its own certificate, which may sign certificates alone."""
    key = generate_private_key(SECP256R1())
    name = _name(organization, "muscgen signing root")
    draft = _draft(name, name, key, datetime.now(UTC) + VALID)
    draft = draft.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    draft = draft.add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
    return key, draft.sign(key, hashes.SHA256())


def new_leaf(root: Pair, version: int) -> Pair:
    """A key and its certificate, which may sign songs alone; it lives as long as its root."""
    root_key, issuer = root
    key = generate_private_key(SECP256R1())
    name = _name(_named(issuer, NameOID.ORGANIZATION_NAME), f"muscgen song signer {version}")
    draft = _draft(name, issuer.subject, key, issuer.not_valid_after_utc)
    draft = draft.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    draft = draft.add_extension(_usage(digital_signature=True), critical=True)
    draft = draft.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    known = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
    return key, draft.add_extension(known, critical=False).sign(root_key, hashes.SHA256())


def pem_of(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def _issued(issued: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the issuer may vouch for others, and does for this one, now."""
    bounds, now = _extension(issuer, x509.BasicConstraints), datetime.now(UTC)
    try:
        issued.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    dates = [(each.not_valid_before_utc, each.not_valid_after_utc) for each in (issued, issuer)]
    return bounds is not None and bounds.ca and all(since <= now <= until for since, until in dates)


def _draft(
    subject: x509.Name, issuer: x509.Name, key: EllipticCurvePrivateKey, until: datetime
) -> x509.CertificateBuilder:
    public = key.public_key()
    return (
        x509.CertificateBuilder(issuer, subject, public, x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - _CLOCKS_DIFFER)
        .not_valid_after(until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _name(organization: str, common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _named(certificate: x509.Certificate, what: x509.ObjectIdentifier) -> str:
    return next((str(name.value) for name in certificate.subject.get_attributes_for_oid(what)), "")


def _usage(**uses: bool) -> x509.KeyUsage:
    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**dict.fromkeys(names, False) | uses)


def _is_p256(certificate: x509.Certificate) -> bool:
    key = certificate.public_key()
    return isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1)


def _extension(certificate: x509.Certificate, kind: type[Extension]) -> Extension | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except (x509.ExtensionNotFound, ValueError):
        return None


def _may_sign(certificate: x509.Certificate) -> bool:
    usage = _extension(certificate, x509.KeyUsage)
    return usage is not None and usage.digital_signature


def _is_for_documents(certificate: x509.Certificate) -> bool:
    """For mail or documents (RFC 9336), the uses that C2PA's validators take by default."""
    uses = _extension(certificate, x509.ExtendedKeyUsage)
    known = {ExtendedKeyUsageOID.EMAIL_PROTECTION, x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36")}
    return uses is not None and not known.isdisjoint(uses)


_PROFILE: Mapping[str, Callable[[x509.Certificate], bool]] = {
    "a key on the curve P-256 (prime256v1)": _is_p256,
    "the key usage digitalSignature": _may_sign,
    "the extended key usage emailProtection": _is_for_documents,
    "an organization (O) in its subject": lambda leaf: bool(_named(leaf, NameOID.ORGANIZATION_NAME)),
    "an authority key identifier": lambda leaf: _extension(leaf, x509.AuthorityKeyIdentifier) is not None,
}


def _wrong(words: str, suggestion: str | None = None) -> ConfigurationError:
    return ConfigurationError(words, param="signing_certificates", suggestion=suggestion)
