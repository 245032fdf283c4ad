"""Who asks."""

from __future__ import annotations

import hmac

import pytest

from muscgen.admission import authenticate, principals
from muscgen.errors import Unauthorized

KEYS = ("alpha", "beta")


def test_without_keys_anyone_may_ask():
    assert authenticate(None, ()) == authenticate("Bearer whatever", ()) == principals.ANYONE


def test_each_key_is_somebody_else_and_cannot_be_read_back():
    alpha, beta = (authenticate(f"Bearer {key}", KEYS) for key in KEYS)
    assert alpha != beta
    assert "alpha" not in repr(alpha)
    assert authenticate("bearer   alpha ", KEYS) == alpha


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Bearer gamma", "Basic alpha", "alpha", "Bearer alph\xe9"]
)
def test_anything_else_is_unauthorized(header):
    with pytest.raises(Unauthorized) as caught:
        authenticate(header, KEYS)
    assert caught.value.param == "Authorization"
    assert "gamma" not in str(caught.value)


def test_keys_beyond_ascii_match_their_utf_8(monkeypatch):
    header = "Bearer ключ".encode().decode("latin-1")
    assert authenticate(header, ("ключ",)).id


def test_every_key_is_compared_whichever_matches(monkeypatch):
    compared = []
    compare = hmac.compare_digest
    monkeypatch.setattr(principals.hmac, "compare_digest", lambda a, b: compared.append(b) or compare(a, b))
    authenticate("Bearer alpha", KEYS)
    assert len(compared) == len(KEYS)
