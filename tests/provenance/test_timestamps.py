"""Time stamps by an authority, here openssl's behind HTTP; a song is not lost where that is away."""

from __future__ import annotations

import subprocess
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.hashes import SHA256

from muscgen.audio import Audio
from muscgen.errors import ConfigurationError, Unavailable
from muscgen.finishing.encode import encode
from muscgen.finishing.pipeline import finish
from muscgen.intake import credentials_of
from muscgen.provenance import certificates
from muscgen.provenance.certificates import Chain, new_leaf, new_root, pem_of
from muscgen.provenance.credentials import sign
from muscgen.provenance.origin import Origin
from muscgen.provenance.papers import papers_of
from muscgen.provenance.signing import Signer, signer_of
from muscgen.provenance.timestamps import TimeStamps
from muscgen.provenance.trust import Trust, others_trust, own_trust
from muscgen.request import Output
from muscgen.settings import load
from muscgen.verification.checks import of_credentials

SOUND = Audio((0.2 * np.random.default_rng(3).standard_normal((1, 24_000))).astype(np.float32), 24_000)
ORIGIN = Origin("muscgen-tiny, seed 7", "muscgen-tiny", "ab" * 32)
CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
CONFIGURATION = """
[tsa]
default_tsa = authority
[authority]
serial = {folder}/serial
signer_cert = {folder}/leaf.pem
signer_key = {folder}/leaf.key
certs = {folder}/root.pem
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
ess_cert_id_alg = sha256
"""
LEAF = """
extendedKeyUsage = critical, timeStamping
keyUsage = critical, digitalSignature
basicConstraints = critical, CA:FALSE
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


def openssl(folder, *words, **more):
    return subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True, **more).stdout


def made(folder):
    """An authority's keys."""
    (folder / "serial").write_text("01\n")
    (folder / "leaf.cnf").write_text(LEAF)
    (folder / "tsa.cnf").write_text(CONFIGURATION.format(folder=folder))
    subject, days = ("-subj", "/O=Stamps/CN=Stamps root"), ("-days", "30")
    openssl(folder, "req", "-x509", *CURVE, "-keyout", "root.key", "-out", "root.pem", *days, *subject)
    subject = ("-subj", "/O=Stamps/CN=Stamps")
    openssl(folder, "req", *CURVE, "-keyout", "leaf.key", "-out", "leaf.csr", *subject)
    signed_by = ("-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial", *days, "-extfile", "leaf.cnf")
    openssl(folder, "x509", "-req", "-in", "leaf.csr", "-out", "leaf.pem", *signed_by)
    return folder


class Authority:
    """asked: how often. answers: as an authority does, or with an error, or with what is no stamp."""

    def __init__(self, folder):
        self.folder, self.asked, self.answers = folder, 0, "stamp"
        outer = self

        class Door(BaseHTTPRequestHandler):
            def do_POST(self):
                query = self.rfile.read(int(self.headers["content-length"]))
                outer.asked += 1
                body = outer.stamp(query) if outer.answers == "stamp" else b"no stamp"
                self.send_response(500 if outer.answers == "error" else 200)
                self.send_header("content-type", "application/timestamp-reply")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Door)
        self.url = f"http://user:secret@127.0.0.1:{self.server.server_port}/stamps"

    @property
    def root(self):
        return (self.folder / "root.pem").read_text()

    def stamp(self, query):
        (self.folder / "query").write_bytes(query)
        return openssl(self.folder, "ts", "-reply", "-queryfile", "query", "-config", "tsa.cnf")


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return made(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def authority(keys):
    opened = Authority(keys)
    thread = threading.Thread(target=opened.server.serve_forever, args=(0.01,))
    thread.start()
    yield opened
    opened.server.shutdown()
    opened.server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return load({"MUSCGEN_HOME": str(tmp_path_factory.mktemp("home"))})


@pytest.fixture(scope="module")
def signer(home):
    return signer_of(home)


def read(tmp_path, signed, *trusts):
    path = tmp_path / "file"
    path.write_bytes(signed.content)
    with path.open("rb") as file:
        return credentials_of(file, trusts, sidecar=signed.sidecar)


def trusting(home, anchors=""):
    more = {"MUSCGEN_TRUST_ANCHORS": anchors} if anchors else {}
    settings = load({"MUSCGEN_HOME": str(home.home)} | more)
    return own_trust(settings), others_trust(settings)


@pytest.mark.parametrize("encoding", ["wav", "flac", "mp3", "ogg", "opus"])
def test_a_song_is_stamped_with_the_time_and_whoever_knows_the_authority_trusts_it(
    encoding, authority, home, signer, tmp_path
):
    before = datetime.now(UTC) - timedelta(seconds=1)
    signed = sign(encode(SOUND, encoding), encoding, ORIGIN, signer, TimeStamps(authority.url))
    found = read(tmp_path, signed, *trusting(home, authority.root))
    assert (found.state, found.trusted_by, signed.unstamped) == ("valid", 0, "")
    assert before <= datetime.fromisoformat(found.time_stamp.time) <= datetime.now(UTC) + timedelta(seconds=1)
    assert found.time_stamp.trusted
    stranger = read(tmp_path, signed, *trusting(home))
    assert (stranger.state, stranger.time_stamp.trusted) == ("valid", False)
    checks = {check.name: check for check in of_credentials(found, beside=False)}
    assert checks["signer"].facts["time_stamp"] == {"time": found.time_stamp.time, "trusted": True}
    assert found.time_stamp.time in checks["signer"].detail


def mortal(root, seconds):
    """A signer whose certificate soon ends, and when."""
    draft, ends = certificates._draft, datetime.now(UTC) + timedelta(seconds=seconds)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(certificates, "_draft", lambda name, issuer, key, _: draft(name, issuer, key, ends))
        key, leaf = new_leaf(root, 1)
    return Signer(Chain((leaf,)), lambda message: key.sign(message, ECDSA(SHA256()))), ends


def test_a_stamped_song_stays_ours_when_its_certificate_ends(authority, tmp_path):
    root, content = new_root("Acme"), encode(SOUND, "wav")
    for seconds in (2, 8, 32):  # the more the busier the machine
        signer, ends = mortal(root, seconds)
        stamped = sign(content, "wav", ORIGIN, signer, TimeStamps(authority.url))
        plain = sign(content, "wav", ORIGIN, signer)
        if datetime.now(UTC) < ends - timedelta(seconds=1):
            break
    while datetime.now(UTC) <= ends + timedelta(seconds=1):
        time.sleep(0.1)
    ours, theirs = Trust(pem_of(root[1])), Trust(authority.root)
    kept = read(tmp_path, stamped, ours, theirs)
    assert (kept.state, kept.trusted_by, kept.time_stamp.trusted) == ("valid", 0, True)
    for unproven in (read(tmp_path, plain, ours, theirs), read(tmp_path, stamped, ours)):
        assert unproven.state == "invalid"
        assert "signingCredential.expired" in unproven.problems


def test_whoever_stamps_the_time_is_not_trusted_to_sign_for_us(authority, signer, tmp_path):
    signed = sign(encode(SOUND, "wav"), "wav", ORIGIN, signer, TimeStamps(authority.url))
    found = read(tmp_path, signed, Trust(pem_of(new_root("Others")[1])), Trust(authority.root))
    assert (found.trusted_by, found.time_stamp.trusted) == (None, True)


def test_a_key_store_has_its_signatures_stamped_too(authority, home, signer, tmp_path):
    stored = Signer(signer.chain, signer.sign)
    signed = sign(encode(SOUND, "wav"), "wav", ORIGIN, stored, TimeStamps(authority.url))
    assert read(tmp_path, signed, *trusting(home, authority.root)).time_stamp.trusted


def test_without_an_authority_nothing_is_asked_and_no_stamp_is_told(home, signer, tmp_path):
    found = read(tmp_path, sign(encode(SOUND, "wav"), "wav", ORIGIN, signer), *trusting(home))
    assert (found.state, found.time_stamp) == ("valid", None)


@pytest.mark.parametrize("answers", ["error", "no stamp"])
def test_an_authority_that_fails_costs_a_song_its_stamp_and_no_more(answers, authority, home, tmp_path):
    authority.answers = answers
    papers = papers_of(load({"MUSCGEN_HOME": str(home.home), "MUSCGEN_TIMESTAMP_URL": authority.url}))
    finished = finish(SOUND, Output(), {}, None, papers.seal(ORIGIN))
    assert finished.warnings[-1] == "credentials: they have no time stamp: 127.0.0.1 gave none"
    found = read(tmp_path, finished, *trusting(home))
    assert (found.state, found.time_stamp) == ("valid", None)


def test_an_authority_that_failed_is_left_alone_for_a_while(authority, signer):
    now = [1000.0]
    stamps = TimeStamps(authority.url, pause_s=60.0, clock=lambda: now[0])
    content = encode(SOUND, "wav")
    authority.answers = "error"
    assert sign(content, "wav", ORIGIN, signer, stamps).unstamped == "127.0.0.1 gave none"
    authority.answers = "stamp"
    now[0] += 59
    assert "failed less than 60 s ago" in sign(content, "wav", ORIGIN, signer, stamps).unstamped
    assert authority.asked == 1
    now[0] += 2
    assert sign(content, "wav", ORIGIN, signer, stamps).unstamped == ""


def test_a_key_that_cannot_sign_is_not_the_authoritys_fault(authority, signer):
    def away(message):
        raise ConnectionError("the key store is away")

    stamps = TimeStamps(authority.url)
    with pytest.raises(Unavailable, match="cannot be signed"):
        sign(encode(SOUND, "wav"), "wav", ORIGIN, Signer(signer.chain, away), stamps)
    assert sign(encode(SOUND, "wav"), "wav", ORIGIN, signer, stamps).unstamped == ""


@pytest.mark.parametrize("url", ["ftp://stamps.example/", "stamps.example", "http://"])
def test_an_address_that_is_none_is_refused_by_name(url):
    with pytest.raises(ConfigurationError) as refused:
        load({"MUSCGEN_TIMESTAMP_URL": url})
    assert refused.value.param == "timestamp_url"


def test_stamps_without_credentials_are_refused_rather_than_ignored(home):
    wish = {"MUSCGEN_TIMESTAMP_URL": "http://stamps.example/", "MUSCGEN_CREDENTIALS": "false"}
    with pytest.raises(ConfigurationError) as refused:
        papers_of(load({"MUSCGEN_HOME": str(home.home)} | wish))
    assert refused.value.param == "timestamp_url"
