"""Signed statements; OpenSSL's command line signs the files, so that another's signature is verified."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from muscgen.errors import StatementInvalid
from muscgen.rights import statements

INPUT = "ab" * 32
TEXT = f"I consent to the use of {INPUT}.\n".encode()


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, capture_output=True)


KINDS = {
    "EC": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "RSA": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    "Ed25519": ["-algorithm", "ED25519"],
}


def signed(folder, kind):
    """A signature and the public key, by the commands of docs/rights.md."""
    private, public, text, signature = (folder / name for name in ("key", "public", "text", "signature"))
    text.write_bytes(TEXT)
    openssl("genpkey", *KINDS[kind], "-out", private)
    openssl("pkey", "-in", private, "-pubout", "-out", public)
    if kind == "Ed25519":
        openssl("pkeyutl", "-sign", "-rawin", "-inkey", private, "-in", text, "-out", signature)
    else:
        openssl("dgst", "-sha256", "-sign", private, "-out", signature, text)
    return signature.read_bytes(), public.read_text()


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_openssl_signed_is_verified(tmp_path, kind):
    signature, public = signed(tmp_path, kind)
    found = statements.of_file(TEXT, signature, public, [INPUT])
    assert found.signature.verified
    assert found.sha256 == hashlib.sha256(TEXT).hexdigest()
    assert found.names_inputs
    encoded = statements.of_file(TEXT, base64.encodebytes(signature), public, ["cd" * 32])
    assert encoded.signature.key_sha256 == found.signature.key_sha256
    assert encoded.names_inputs is False


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_was_changed_or_signed_by_another_is_refused(tmp_path, kind):
    signature, public = signed(tmp_path, kind)
    with pytest.raises(StatementInvalid, match="not signed with that key"):
        statements.of_file(TEXT + b"!", signature, public, [])
    _, other = signed(tmp_path, kind)
    with pytest.raises(StatementInvalid, match="not signed with that key"):
        statements.of_file(TEXT, signature, other, [])


def test_a_signature_without_a_key_is_kept_and_said_to_be_unverified(tmp_path):
    signature, _ = signed(tmp_path, "EC")
    found = statements.of_file(TEXT, signature, None, [])
    assert (found.signature.verified, found.signature.key_sha256) == (False, None)
    assert found.signature.sha256 == hashlib.sha256(signature).hexdigest()
    assert found.names_inputs is None


@pytest.mark.parametrize("key", ["no key", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_what_is_no_key_is_refused(key):
    with pytest.raises(StatementInvalid, match="none that can be used") as refusal:
        statements.of_file(TEXT, b"x" * 64, key, [])
    assert refusal.value.param == "public_key"


def pem(private):
    return private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def test_short_and_strange_keys_are_refused():
    short = rsa.generate_private_key(65537, 1024)  # noqa: S505
    for private in (short, ec.generate_private_key(ec.SECP256K1())):
        with pytest.raises(StatementInvalid, match="none that can be used"):
            statements.of_file(TEXT, b"x" * 64, pem(private), [])


def unpadded(content):
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def jws(algorithm, sign, **head):
    body = f"{unpadded(json.dumps({'alg': algorithm} | head).encode())}.{unpadded(TEXT)}"
    return f"{body}.{unpadded(sign(body.encode()))}"


def flat(signature, size):
    r, s = utils.decode_dss_signature(signature)
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


P256, P384 = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP384R1())
RSA, ED = rsa.generate_private_key(65537, 2048), ed25519.Ed25519PrivateKey.generate()
SHA = hashes.SHA256()
PSS = padding.PSS(padding.MGF1(SHA), SHA.digest_size)
SIGNERS = {
    "ES256": (P256, lambda text: flat(P256.sign(text, ec.ECDSA(SHA)), 32)),
    "ES384": (P384, lambda text: flat(P384.sign(text, ec.ECDSA(hashes.SHA384())), 48)),
    "RS256": (RSA, lambda text: RSA.sign(text, padding.PKCS1v15(), SHA)),
    "PS256": (RSA, lambda text: RSA.sign(text, PSS, SHA)),
    "EdDSA": (ED, ED.sign),
}


@pytest.mark.parametrize("algorithm", SIGNERS)
def test_a_jws_is_verified_with_the_key_that_comes_along(algorithm):
    private, sign = SIGNERS[algorithm]
    text = jws(algorithm, sign)
    found = statements.of_jws(text, pem(private), [INPUT])
    assert (found.kind, found.signature.verified, found.signature.algorithm) == ("jws", True, algorithm)
    assert found.sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert found.names_inputs
    assert not statements.of_jws(text, None, []).signature.verified
    head, _, signature = text.split(".")
    with pytest.raises(StatementInvalid, match="not signed with that key"):
        statements.of_jws(f"{head}.{unpadded(b'another')}.{signature}", pem(private), [])


def test_the_example_of_rfc_7515_is_verified():
    """Appendix A.3, ES256."""
    numbers = ec.EllipticCurvePublicNumbers(
        *(
            int.from_bytes(base64.urlsafe_b64decode(part + "="))
            for part in (
                "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
            )
        ),
        ec.SECP256R1(),
    )
    key = numbers.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    example = (
        "eyJhbGciOiJFUzI1NiJ9"
        ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
        ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
    )
    assert statements.of_jws(example, key, []).signature.verified


@pytest.mark.parametrize(
    ("algorithm", "head", "words"),
    [
        ("none", {}, "not an algorithm of that key"),
        ("HS256", {}, "not an algorithm of that key"),  # the public key as the secret: an old trick
        ("ES384", {}, "not an algorithm of that key"),
        ("ES256", {"crit": ["exp"]}, "extensions"),
        ("ES256", {"b64": False}, "extensions"),
    ],
)
def test_the_jws_does_not_choose_how_it_is_verified(algorithm, head, words):
    with pytest.raises(StatementInvalid, match=words):
        statements.of_jws(jws(algorithm, SIGNERS["ES256"][1], **head), pem(P256), [])


@pytest.mark.parametrize(
    "text", ["", "a.b", "a.b.c", "e30.e30.", "W10.e30.AAAA", "e30=.e30.AAAA", "é.e30.AAAA"]
)
def test_what_is_no_jws_is_refused(text):
    with pytest.raises(StatementInvalid, match="no JWS"):
        statements.of_jws(text, None, [])
