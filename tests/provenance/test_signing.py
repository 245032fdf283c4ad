"""Who signs, and with what certificate."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from muscgen.errors import ConfigurationError
from muscgen.provenance import keyfolder
from muscgen.provenance.certificates import DEVELOPMENT, VALID, Chain, new_leaf, new_root, pem_of
from muscgen.provenance.signing import is_signed, signer_of
from muscgen.provenance.trust import NOBODY, Trust, others_trust, own_trust
from muscgen.settings import load

PKCS8 = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
KMS = """
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

key = load_pem_private_key({pem!r}, None)

def sign(message):
    return key.sign(message, ECDSA(SHA256()))

def away(message):
    raise OSError("the key store does not answer")

nothing = 7
"""


def settings(home, **given):
    names = {f"MUSCGEN_{name.upper()}": value for name, value in given.items()}
    return load({"MUSCGEN_HOME": str(home)} | names)


def pair(organization="Acme Music"):
    """A key and its chain, as a certificate authority would give them out."""
    root = new_root(organization)
    key, leaf = new_leaf(root, 1)
    return key, key.private_bytes(*PKCS8).decode(), pem_of(leaf) + pem_of(root[1])


def test_a_home_without_keys_gets_one_that_says_what_it_is(tmp_path):
    signer = signer_of(settings(tmp_path))
    leaf = signer.chain.leaf
    assert signer.development
    assert signer.chain.organization == DEVELOPMENT
    assert leaf.extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature
    purposes = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [ExtendedKeyUsageOID.EMAIL_PROTECTION]
    root = Chain.of_pem(own_trust(settings(tmp_path)).authorities).leaf
    leaf.verify_directly_issued_by(root)
    assert leaf.not_valid_after_utc == root.not_valid_after_utc
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "keys" / "signing").iterdir()} == {
        0o600
    }


def test_the_key_is_made_once_however_many_ask_for_it(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: signer_of(settings(tmp_path)).chain.fingerprint, range(16)))
    assert len(set(found)) == 1
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["signing"]


def test_a_signature_is_by_this_key_and_of_these_bytes(tmp_path):
    signer = signer_of(settings(tmp_path / "a"))
    signature = signer.sign(b"song")
    assert is_signed(signer.chain, b"song", signature)
    assert not is_signed(signer.chain, b"sony", signature)
    assert not is_signed(signer.chain, b"song", signature[:-1])
    assert not is_signed(signer_of(settings(tmp_path / "b")).chain, b"song", signature)


def test_the_next_key_signs_and_the_last_ones_certificate_stays(tmp_path):
    first = signer_of(settings(tmp_path))
    signature = first.sign(b"song")
    assert keyfolder.rotate(tmp_path / "keys" / "signing") == 2
    second = signer_of(settings(tmp_path))
    assert second.chain.fingerprint != first.chain.fingerprint
    kept = Chain.of_pem((tmp_path / "keys" / "signing" / "1.pem").read_text())
    assert is_signed(kept, b"song", signature)
    assert not (tmp_path / "keys" / "signing" / "1.key").exists()
    root = Chain.of_pem(own_trust(settings(tmp_path)).authorities).leaf
    for chain in (first.chain, second.chain):
        chain.leaf.verify_directly_issued_by(root)


def test_another_name_takes_another_root_and_what_was_signed_before_stays_ours(tmp_path):
    folder = tmp_path / "keys" / "signing"
    first = signer_of(settings(tmp_path))
    keyfolder.rotate(folder, "Acme")
    second = signer_of(settings(tmp_path))
    keyfolder.rotate(folder)
    third = signer_of(settings(tmp_path))
    trust = own_trust(settings(tmp_path))
    assert [chain.organization for chain in (second.chain, third.chain)] == ["Acme", "Acme"]
    assert all(trust.in_whom(signer.chain) for signer in (first, second, third))
    roots = Chain.of_pem(trust.authorities).certificates
    assert len(roots) == 2
    second.chain.leaf.verify_directly_issued_by(roots[0])
    third.chain.leaf.verify_directly_issued_by(roots[0])


def test_a_root_whose_key_a_crash_parted_from_its_certificate_is_followed_by_a_whole_one(tmp_path):
    folder = tmp_path / "keys" / "signing"
    first = signer_of(settings(tmp_path))
    key, _ = new_root("Acme")
    (folder / "root.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    keyfolder.rotate(folder)
    trust = own_trust(settings(tmp_path))
    assert trust.in_whom(signer_of(settings(tmp_path)).chain)
    assert trust.in_whom(first.chain)


def test_keys_that_are_turned_at_once_have_versions_of_their_own(tmp_path):
    folder = tmp_path / "keys" / "signing"
    keyfolder.create(folder)
    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(keyfolder.rotate, [folder] * 4)) == [2, 3, 4, 5]
    assert signer_of(settings(tmp_path)).chain.common_name.endswith(" 5")


def test_nothing_is_turned_where_there_is_nothing(tmp_path):
    with pytest.raises(ConfigurationError, match="no signing keys"):
        keyfolder.rotate(tmp_path / "keys" / "signing")


def test_a_key_of_ones_own_comes_with_its_chain(tmp_path):
    _, key, chain = pair()
    own = settings(tmp_path, signing_key=key, signing_certificates=chain)
    signer = signer_of(own)
    assert (signer.chain.organization, signer.development) == ("Acme Music", False)
    assert is_signed(signer.chain, b"song", signer.sign(b"song"))
    assert own_trust(own) == Trust(signers=pem_of(Chain.of_pem(chain).leaf))
    assert not (tmp_path / "keys").exists()


def test_a_key_store_signs_through_a_function_whatever_form_its_signatures_have(tmp_path, monkeypatch):
    _, key, chain = pair()
    (tmp_path / "kms_of_test.py").write_text(KMS.format(pem=key.encode()))
    monkeypatch.syspath_prepend(tmp_path)
    given = {"signing_certificates": chain, "signing_callback": "kms_of_test:sign"}
    signer = signer_of(settings(tmp_path, **given))
    assert signer.pem is None
    assert is_signed(signer.chain, b"song", signer.sign(b"song"))
    with pytest.raises(ConfigurationError, match="the key store does not answer"):
        signer_of(settings(tmp_path, **given | {"signing_callback": "kms_of_test:away"}))
    for place in ("kms_of_test:nothing", "kms_of_test:missing", "no_such_module:sign", "kms_of_test", ":"):
        with pytest.raises(ConfigurationError, match=r"cannot be imported|is no function"):
            signer_of(settings(tmp_path, **given | {"signing_callback": place}))


def test_halves_of_a_signer_are_refused_by_name(tmp_path):
    _, key, chain = pair()
    _, other, _ = pair()
    refused = {
        "needs its certificates": {"signing_key": key},
        "need one signer": {"signing_certificates": chain},
        "not by the key of": {"signing_key": other, "signing_certificates": chain},
        "no private key": {"signing_key": "secret", "signing_certificates": chain},
        "no certificates": {"signing_key": key, "signing_certificates": "PEM"},
        "was not issued by": {"signing_key": key, "signing_certificates": chain + pair()[2]},
    }
    for words, given in refused.items():
        with pytest.raises(ConfigurationError, match=words) as caught:
            signer_of(settings(tmp_path, **given))
        assert caught.value.param.startswith("signing_")
        assert "PRIVATE KEY" not in str(caught.value)


def test_keys_of_other_kinds_are_refused(tmp_path):
    _, _, chain = pair()
    for other in (
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 2048),
        ec.generate_private_key(ec.SECP384R1()),
    ):
        given = {"signing_key": other.private_bytes(*PKCS8).decode(), "signing_certificates": chain}
        with pytest.raises(ConfigurationError, match="not on the curve P-256"):
            signer_of(settings(tmp_path, **given))


def test_a_certificate_that_nobody_could_check_songs_with_is_refused():
    root = new_root("Acme Music")
    with pytest.raises(ConfigurationError, match="digitalSignature"):
        Chain((root[1],)).check()
    good = Chain((new_leaf(root, 1)[1],))
    good.check()
    for now in (datetime.now(UTC) + VALID + timedelta(days=2), datetime.now(UTC) - timedelta(days=3)):
        with pytest.raises(ConfigurationError, match="is valid from"):
            good.check(now)


def test_others_are_trusted_when_the_settings_name_them(tmp_path):
    root = pem_of(new_root("Other")[1])
    assert others_trust(settings(tmp_path)) == NOBODY
    assert others_trust(settings(tmp_path, trust_anchors=root)) == Trust(root)
    with pytest.raises(ConfigurationError) as caught:
        others_trust(settings(tmp_path, trust_anchors="nonsense"))
    assert caught.value.param == "trust_anchors"


def test_whom_the_same_authority_certified_is_not_us(tmp_path):
    """A certificate that was bought: its issuer certified many."""
    root = new_root("Public Authority")
    ours, theirs = (new_leaf(root, number)[1] for number in (1, 2))
    before = new_leaf(root, 3)[1]
    own = own_trust(
        settings(
            tmp_path,
            signing_certificates=pem_of(ours) + pem_of(root[1]),
            signing_certificates_before=pem_of(before),
        )
    )
    assert own.in_whom(Chain((ours, root[1])))
    assert own.in_whom(Chain((before, root[1])))
    assert not own.in_whom(Chain((theirs, root[1])))
