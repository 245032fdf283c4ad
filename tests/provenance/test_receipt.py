"""Receipts: signed, readable, and changed by nobody unseen."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import load_der_x509_certificate

from muscgen.errors import Unavailable
from muscgen.provenance import receipt
from muscgen.provenance.certificates import Chain, new_leaf, new_root, pem_of
from muscgen.provenance.signing import Signer, signer_of
from muscgen.provenance.trust import NOBODY, Trust, own_trust
from muscgen.settings import load

WORDS = {"version": 1, "title": "Regen im Frühling", "artifact": {"sha256": "ab" * 32, "duration": 9.5}}


@pytest.fixture
def home(tmp_path):
    return load({"MUSCGEN_HOME": str(tmp_path)})


@pytest.fixture
def signer(home):
    return signer_of(home)


def unpacked(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def packed(content):
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def test_a_receipt_is_read_as_it_was_written(signer, home):
    found = receipt.read(receipt.signed(WORDS, signer))
    assert found.words == WORDS
    assert found.chain.fingerprint == signer.chain.fingerprint
    assert own_trust(home).in_whom(found.chain)


def test_anybody_checks_it_with_nothing_but_the_standards(signer):
    file = json.loads(receipt.signed(WORDS, signer))
    head, body, signature = file["jws"].split(".")
    fields = json.loads(unpacked(head))
    assert (fields["alg"], json.loads(unpacked(body)), file["receipt"]) == ("ES256", WORDS, WORDS)
    assert unpacked(body) == receipt.canonical(WORDS)
    raw = unpacked(signature)
    certificate = load_der_x509_certificate(base64.b64decode(fields["x5c"][0]))
    rs = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    certificate.public_key().verify(rs, f"{head}.{body}".encode(), ECDSA(SHA256()))


def test_whoever_signed_it_is_trusted_by_whoever_knows_them(signer):
    root = new_root("Stranger")
    found = receipt.read(receipt.signed(WORDS, signer))
    assert not NOBODY.in_whom(found.chain)
    assert not Trust(pem_of(root[1])).in_whom(found.chain)
    assert not Trust(found.chain.pem).in_whom(Chain((new_leaf(root, 1)[1],)))
    assert Trust(signers=found.chain.pem).in_whom(found.chain)
    assert not Trust(signers=pem_of(new_leaf(root, 1)[1])).in_whom(found.chain)


def test_a_certificate_that_may_not_vouch_vouches_for_nobody():
    root = new_root("Acme")
    key, leaf = new_leaf(root, 1)
    _, below = new_leaf((key, leaf), 2)  # issued by a leaf
    assert Chain((leaf,)).leads_to([root[1]])
    assert Chain((leaf, root[1])).leads_to([root[1]])
    assert not Chain((below, leaf)).leads_to([root[1]])
    assert not Chain((below,)).leads_to([leaf])
    assert not Chain((leaf,)).leads_to([new_root("Acme")[1]])


def changes(file):
    head, body, signature = file["jws"].split(".")
    other = packed(receipt.canonical(WORDS | {"version": 2}))
    fields = json.loads(unpacked(head))
    none = packed(json.dumps(fields | {"alg": "none"}).encode())
    yield "changed", file | {"jws": f"{head}.{other}.{signature}"}
    yield "changed", file | {"jws": f"{head}.{body}.{packed(bytes(64))}"}
    yield "changed", file | {"jws": f"{head}.{body}."}
    yield "what it says to read", file | {"receipt": WORDS | {"version": 2}}
    yield "no receipt", file | {"jws": f"{none}.{body}.{signature}"}
    yield "no receipt", file | {"jws": f"{head}.{body}"}
    yield "no receipt", file | {"jws": "a.b.c"}
    yield "no receipt", file | {"jws": 7}
    yield "no receipt", {"receipt": WORDS}


def test_whatever_is_changed_is_seen(signer):
    for words, file in changes(json.loads(receipt.signed(WORDS, signer))):
        with pytest.raises(ValueError, match=words):
            receipt.read(json.dumps(file).encode())


@pytest.mark.parametrize(
    "content", [b"", b"no json", b"[]", b"null", b'"jws"', b'{"jws": {}}', b"[" * 9_999, b" " * 2_000_000]
)
def test_what_is_no_receipt_is_refused_in_words(content):
    with pytest.raises(ValueError, match=r"no receipt|too large"):
        receipt.read(content)


def test_one_may_leave_the_copy_to_read_away(signer):
    file = json.loads(receipt.signed(WORDS, signer))
    assert receipt.read(json.dumps({"jws": file["jws"]}).encode()).words == WORDS


def test_a_key_store_that_is_away_is_waited_for(signer):
    def away(message):
        raise OSError("no route")

    with pytest.raises(Unavailable, match="receipt cannot be signed"):
        receipt.signed(WORDS, Signer(signer.chain, away))
