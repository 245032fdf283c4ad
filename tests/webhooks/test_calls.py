"""One call: where it may go, what it trusts, and when it is given up."""

from __future__ import annotations

import ssl
import time

import httpx
import pytest
import trustme

from muscgen.webhooks import CheckedTransport, Sender
from muscgen.webhooks.sender import MOST_ANSWER_BYTES

from .receiver import SECRETS, Receiver, receiving, silence, status, trickle

NAME = "hooks.example"


def named(*addresses: str):
    """A resolver that knows one answer, and counts."""

    async def resolve(host: str, port: int) -> list[str]:
        resolve.asked.append(host)
        return list(addresses)

    resolve.asked = []
    return resolve


def sender(timeout_s: float = 30.0, **way) -> Sender:
    return Sender(SECRETS, CheckedTransport(**({"allow_private": True} | way)), timeout_s=timeout_s)


async def send(url: str, timeout_s: float = 30.0, **way):
    async with sender(timeout_s, **way) as there:
        return await there.send(url, "msg_1", b"{}")


async def test_what_was_resolved_is_connected_to_under_its_own_name(receiver: Receiver):
    resolve = named("127.0.0.1")
    answer = await send(f"http://{NAME}:{receiver.port}/a?b=c", resolve=resolve)
    assert answer.reason == ""
    assert resolve.asked == [NAME]
    assert receiver.heard[0].headers["host"] == f"{NAME}:{receiver.port}"


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["169.254.169.254"], ["8.8.8.8", "127.0.0.1"], ["::1"]])
async def test_a_name_of_an_address_that_is_not_public_is_not_called(receiver: Receiver, addresses):
    url = f"http://{NAME}:{receiver.port}/"
    answer = await send(url, allow_private=False, resolve=named(*addresses))
    assert answer.reason == "the address is not public"
    assert receiver.heard == []


async def test_a_name_is_looked_at_again_with_every_call(receiver: Receiver):
    turns = [["127.0.0.1"], []]

    async def resolve(host: str, port: int) -> list[str]:
        return turns.pop(0)

    async with sender(resolve=resolve) as there:
        assert (await there.send(f"http://{NAME}:{receiver.port}/", "m", b"{}")).reason == ""
        assert "ConnectError" in (await there.send(f"http://{NAME}:{receiver.port}/", "m", b"{}")).reason


async def test_the_next_address_is_tried_where_one_does_not_answer(receiver: Receiver):
    answer = await send(f"http://{NAME}:{receiver.port}/", resolve=named("127.0.0.2", "127.0.0.1"))
    assert answer.reason == ""


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]"]
)
async def test_our_own_machine_is_not_called_by_any_of_its_names(receiver: Receiver, host):
    answer = await send(f"http://{host}:{receiver.port}/", allow_private=False)
    assert answer.reason in ("the address is not public", "no answer: ConnectError", "no answer: InvalidURL")
    assert receiver.heard == []


async def test_the_certificate_must_be_the_names():
    authority = trustme.CA()
    here, trusting = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert(NAME).configure_cert(here)
    authority.configure_trust(trusting)
    async with receiving(here) as receiver:
        way = {"resolve": named("127.0.0.1"), "tls": trusting}
        assert (await send(f"https://{NAME}:{receiver.port}/", **way)).reason == ""
        assert "ConnectError" in (await send(f"https://other.example:{receiver.port}/", **way)).reason
        strangers = {"resolve": named("127.0.0.1")}
        assert "ConnectError" in (await send(f"https://{NAME}:{receiver.port}/", **strangers)).reason
    assert len(receiver.heard) == 1


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(receiver: Receiver, code):
    async def elsewhere(_, writer):
        writer.write(status(code, f"Location: http://127.0.0.1:{receiver.port}/elsewhere"))

    receiver.answers = [elsewhere]
    assert (await send(receiver.url)).reason == f"status {code}"
    assert len(receiver.heard) == 1


@pytest.mark.parametrize(
    ("wish", "seconds"), [("120", 120.0), ("Fri, 31 Dec 1999 23:59:59 GMT", 0.0), ("-5", 0.0)]
)
async def test_a_receiver_says_when_it_wants_to_be_called_again(receiver: Receiver, wish, seconds):
    async def busy(_, writer):
        writer.write(status(503, f"Retry-After: {wish}"))

    receiver.answers = [busy]
    answer = await send(receiver.url)
    assert (answer.reason, answer.retry_after_s) == ("status 503", seconds)


@pytest.mark.parametrize("behaviour", [silence, trickle])
async def test_a_receiver_that_takes_its_time_is_given_up(receiver: Receiver, behaviour):
    receiver.answers = [behaviour]
    began = time.monotonic()
    assert (await send(receiver.url, timeout_s=0.4)).reason == "no answer within 0.4 s"
    assert time.monotonic() - began < 10.0  # not for as long as the receiver likes


async def test_an_endless_answer_is_not_read_to_its_end(receiver: Receiver):
    sent = 0

    async def endless(_, writer):
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not writer.is_closing() and sent < 2000 * MOST_ANSWER_BYTES:
            writer.write(bytes(MOST_ANSWER_BYTES))
            sent += MOST_ANSWER_BYTES
            await writer.drain()

    receiver.answers = [endless]
    assert (await send(receiver.url)).reason == ""
    assert sent < 1000 * MOST_ANSWER_BYTES  # what lies in the sockets' buffers


async def test_an_answer_that_is_no_http_is_a_failure(receiver: Receiver):
    async def noise(_, writer):
        writer.write(b"220 mail.example ESMTP\r\n")

    receiver.answers = [noise]
    assert (await send(receiver.url)).reason == "no answer: RemoteProtocolError"


async def test_nobody_there_is_a_failure():
    async with receiving() as receiver:
        url = receiver.url
    assert (await send(url)).reason == "no answer: ConnectError"


async def test_proxies_of_the_environment_are_not_used(receiver: Receiver, monkeypatch):
    async with receiving() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert (await send(receiver.url)).reason == ""
        assert proxy.heard == []
    assert len(receiver.heard) == 1


async def test_a_name_that_does_not_exist_is_a_failure():
    async def unknown(host: str, port: int) -> list[str]:
        raise httpx.ConnectError("no such name")

    assert (await send("http://nowhere.invalid/", resolve=unknown)).reason == "no answer: ConnectError"
