"""Signed addresses: what was signed here and nothing else, until its end, for one tenant's right."""

from __future__ import annotations

import secrets
import stat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muscgen.admission import links_of
from muscgen.admission.links import Links
from muscgen.errors import ConfigurationError, LinkRefused

ID, NOW = "ab" * 32, 1_800_000_000.0
KEY = bytes(range(32))
LINKS = Links([KEY])


def parts(query: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in query.split("&"))


def read(query: str, artifact_id: str = ID, now: float = NOW, links: Links = LINKS):
    return links.read(artifact_id, **parts(query), now=now)


def test_what_was_signed_is_believed_for_its_tenant_until_its_end():
    query = LINKS.sign(ID, "acme", int(NOW) + 60)
    link = read(query)
    assert (link.artifact_id, link.expires_at) == (ID, int(NOW) + 60)
    assert link.is_of("acme")
    assert not link.is_of("other")
    assert not link.is_of("")
    read(query, now=NOW + 59.9)
    with pytest.raises(LinkRefused, match="over"):
        read(query, now=NOW + 60)
    assert "acme" not in query


def test_it_is_good_for_that_file_that_time_and_that_key_alone():
    query = LINKS.sign(ID, "", int(NOW) + 60)
    later = query.replace(str(int(NOW) + 60), str(int(NOW) + 61))
    other = Links([secrets.token_bytes(32)])
    for refused in (
        lambda: read(query, "cd" * 32),
        lambda: read(later),
        lambda: read(query, links=other),
        lambda: read(other.sign(ID, "", int(NOW) + 60)),
    ):
        with pytest.raises(LinkRefused, match="not signed here"):
            refused()


@settings(max_examples=300)
@given(
    st.one_of(st.text(max_size=80), st.integers(0, 53).map(str)),
    st.one_of(st.text(max_size=20), st.just(str(int(NOW) + 60))),
)
def test_anything_else_is_refused(signature, expires):
    good = parts(LINKS.sign(ID, "", int(NOW) + 60))["signature"]
    if signature.isdecimal() and signature.isascii() and len(signature) <= 2:
        # One digit of the good one is changed.
        place = int(signature) % len(good)
        signature = good[:place] + ("A" if good[place] != "A" else "B") + good[place + 1 :]
    with pytest.raises(LinkRefused):
        LINKS.read(ID, expires, signature, NOW)


@pytest.mark.parametrize("more", ["=", "==", "\n", " ", "A"])
def test_a_signature_has_one_spelling(more):
    found = parts(LINKS.sign(ID, "", int(NOW) + 60))
    with pytest.raises(LinkRefused):
        LINKS.read(ID, found["expires"], found["signature"] + more, NOW)
    with pytest.raises(LinkRefused):
        LINKS.read(ID, "0" + found["expires"], found["signature"], NOW)


def test_keys_change_without_breaking_what_is_out_there(tmp_path):
    old, new = "11" * 32, "22" * 32
    query = links_of((old,), tmp_path / "x").sign(ID, "t", int(NOW) + 60)
    both = links_of((new, old), tmp_path / "x")
    assert both.read(ID, **parts(query), now=NOW).is_of("t")
    assert both.sign(ID, "t", 9) == links_of((new,), tmp_path / "x").sign(ID, "t", 9)
    with pytest.raises(LinkRefused):
        links_of((new,), tmp_path / "x").read(ID, **parts(query), now=NOW)
    assert not (tmp_path / "x").exists()


def test_without_keys_one_is_made_and_kept_for_its_owner_alone(tmp_path):
    file = tmp_path / "keys" / "links"
    query = links_of((), file).sign(ID, "", int(NOW) + 60)
    links_of((), file).read(ID, **parts(query), now=NOW)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["links"]


@pytest.mark.parametrize("key", ["", "zz" * 32, "11" * 31, "1" * 65])
def test_a_key_that_is_none_is_refused_by_name(tmp_path, key):
    with pytest.raises(ConfigurationError, match="64 hexadecimal digits"):
        links_of((key,), tmp_path)
