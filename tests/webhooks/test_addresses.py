"""Which addresses are public."""

import pytest

from muscgen.errors import InvalidRequest
from muscgen.webhooks import check_hook
from muscgen.webhooks.addresses import is_public, literal

CLOSED = """
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 100.100.100.200 127.0.0.1
127.255.255.254 168.63.129.16 169.254.0.1 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1
192.0.0.192 192.0.2.1 192.88.99.1 192.168.0.1 192.168.255.255 198.18.0.1 198.19.255.255 198.51.100.1
203.0.113.1 224.0.0.1 224.0.1.1 239.255.255.255 240.0.0.1 255.255.255.255 :: ::1 ::7f00:1
::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:8.8.8.8 64:ff9b::127.0.0.1 64:ff9b::a9fe:a9fe
64:ff9b::10.0.0.1 64:ff9b:1::1 100::1 2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:10::1
2001:20::1 2001:db8::1 2002:7f00:1::1 2002:a9fe:a9fe::1 3fff::1 5f00::1 fc00::1 fd00:ec2::254
fe80::1 fe80::1%eth0 fec0::1 ff02::1 ff0e::1 localhost 999.1.1.1 127.1 example.com
""".split()  # noqa: SIM905
OPEN = """
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.1
169.253.255.255 172.15.255.255 172.32.0.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0
223.255.255.255 2606:4700:4700::1111 2a00:1450:4001::1 64:ff9b::8.8.8.8
""".split()  # noqa: SIM905


@pytest.mark.parametrize("address", CLOSED)
def test_closed(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", OPEN)
def test_open(address):
    assert is_public(address)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.1", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("0x7f000001", "127.0.0.1"),
        ("0177.0.0.1", "127.0.0.1"),
        ("0xa9.0xfe.0xa9.0xfe", "169.254.169.254"),
        ("::1", "::1"),
        ("8.8.8.8", "8.8.8.8"),
        ("example.com", None),
        ("1.example", None),
    ],
)
def test_an_address_is_known_however_it_is_spelled(host, address):
    assert literal(host) == address


@pytest.mark.parametrize(
    "host",
    """
    127.0.0.1 127.1 2130706433 [::1] [::ffff:10.0.0.1] localhost LOCALHOST. a.localhost
    169.254.169.254 169.254.169.254. [fd00:ec2::254]
    """.split(),  # noqa: SIM905
)
def test_what_can_be_seen_not_to_be_public_is_refused_at_once(host):
    url = f"http://{host}:8080/hook"
    with pytest.raises(InvalidRequest) as caught:
        check_hook(url, allow_private=False)
    assert caught.value.param == "delivery.webhook.url"
    check_hook(url, allow_private=True)


@pytest.mark.parametrize("url", [None, "https://example.com/", "http://8.8.8.8/", "https://[2606:4700::1]/x"])
def test_what_may_be_public_is_taken(url):
    check_hook(url, allow_private=False)
