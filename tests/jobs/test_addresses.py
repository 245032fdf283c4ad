"""Where the queue may lie, as its URL says it."""

from __future__ import annotations

import pytest

from muscgen.errors import ConfigurationError
from muscgen.jobs import connect
from muscgen.jobs.address import Address
from muscgen.jobs.connect import connect_blocking

UNCHECKED = {"ssl_check_hostname": False}
LOGIN = {"username": "u", "password": "p@:/"}


@pytest.mark.parametrize(
    ("url", "kind", "hosts", "options"),
    [
        ("redis://queue", "server", (("queue", 6379),), {}),
        ("redis://", "server", (("localhost", 6379),), {}),
        ("redis://u:p%40%3A%2F@queue:1/2", "server", (("queue", 1),), {**LOGIN, "db": 2}),
        ("rediss://:s@[::1]:7", "server", (("::1", 7),), {"password": "s"}),
        ("rediss://a?ssl_ca_certs=/ca", "server", (("a", 6379),), {"ssl_ca_certs": "/ca"}),
        ("unix:///run/a%20b.sock?db=3", "server", (), {"unix_socket_path": "/run/a b.sock", "db": 3}),
        ("redis+cluster://a:1,b/0", "cluster", (("a", 1), ("b", 6379)), {}),
        ("redis+sentinel://a,b:9/songs/4", "sentinel", (("a", 26379), ("b", 9)), {"db": 4}),
        ("rediss+cluster://a?ssl_check_hostname=no", "cluster", (("a", 6379),), UNCHECKED),
    ],
)  # fmt: skip
def test_a_url_says_where_the_queue_is(url, kind, hosts, options):
    address = Address.parse(url)
    assert (address.kind, address.hosts, address.options) == (kind, hosts, options)
    assert address.tls == url.startswith("rediss")


def test_sentinels_have_a_login_of_their_own():
    address = Address.parse("redis+sentinel://u:secret@a/songs?sentinel_username=s&sentinel_password=t")
    assert address.service == "songs"
    assert address.sentinel == {"username": "s", "password": "t"}
    assert address.options == {"username": "u", "password": "secret"}
    assert "secret" not in repr(address)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://hidden@localhost", "begins with none of"),
        ("", "begins with none of"),
        ("redis://u:hidden@a:1,b:2", "several servers"),
        ("redis://u:hidden@a:x", "Port"),
        ("redis://u:hidden@a/songs", "number of a database"),
        ("redis://u:hidden@a?nonsense=1", "'nonsense' is not known here; db are"),
        ("redis://u:hidden@a?ssl_ca_certs=/ca", "is not known here"),
        ("rediss://u:hidden@a?ssl_check_hostname=perhaps", "neither true nor false"),
        ("redis+cluster://u:hidden@a/1", "database 0 alone"),
        ("redis+sentinel://u:hidden@a:1", "which master"),
    ],
)
def test_a_url_that_is_none_is_refused_in_words_without_its_password(url, words):
    for opening in (connect, lambda url: connect_blocking(url, 1.0)):
        with pytest.raises(ConfigurationError, match=words) as refusal:
            opening(url)
        assert refusal.value.param == "redis_url"
        assert "hidden" not in str(refusal.value)
