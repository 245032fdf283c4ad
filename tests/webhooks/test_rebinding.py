"""A name that stands for a public address when it is looked at, and for our own machine a moment later."""

from __future__ import annotations

import asyncio.selector_events
import socket

import pytest
from queues import MODEL

from muscgen.webhooks import CheckedTransport, Sender

from .receiver import SECRETS, Receiver

NAME, PUBLIC, OURS = "hooks.example", "8.8.8.8", "127.0.0.1"


class Names:
    """A resolver in the hands of somebody who means ill: another answer each time it is asked."""

    def __init__(self, monkeypatch, answers):
        self.asked, self.connects, self._answers = [], [], list(answers)
        self._system = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self.look)
        connect = asyncio.selector_events.BaseSelectorEventLoop.sock_connect

        async def watched(loop, sock, address):
            if isinstance(address, tuple):  # not the queue's Unix socket
                self.connects.append(address[0])
            if address[0] == PUBLIC:
                raise ConnectionRefusedError("nobody is called here")
            await connect(loop, sock, address)

        monkeypatch.setattr(asyncio.selector_events.BaseSelectorEventLoop, "sock_connect", watched)

    def look(self, host, port, *more, **named):
        if host not in (NAME, NAME.encode()):
            return self._system(host, port, *more, **named)
        self.asked.append(host)
        address = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]


async def send(receiver: Receiver):
    async with Sender(SECRETS, CheckedTransport(allow_private=False), timeout_s=30.0) as sender:
        return await sender.send(f"http://{NAME}:{receiver.port}/hook", "msg_1", b"{}")


async def test_what_was_looked_at_is_what_is_connected_to(receiver: Receiver, monkeypatch):
    names = Names(monkeypatch, [PUBLIC, OURS])
    answer = await send(receiver)
    assert names.connects == [PUBLIC]  # the address that was checked, not what the name means by now
    assert names.asked == [NAME]  # nobody between the check and the connection asks again
    assert answer.reason == "no answer: ConnectError"
    assert receiver.heard == []


async def test_the_next_call_looks_anew_and_refuses_what_the_name_means_then(receiver: Receiver, monkeypatch):
    names = Names(monkeypatch, [PUBLIC, OURS])
    await send(receiver)
    assert (await send(receiver)).reason == "the address is not public"
    assert names.connects == [PUBLIC]
    assert receiver.heard == []


async def test_a_job_of_such_a_hook_reaches_nobody_and_ends(room, receiver: Receiver, monkeypatch):
    names = Names(monkeypatch, [PUBLIC, OURS])
    job_id = await room.ask(url=f"http://{NAME}:{receiver.port}/hook")
    await room.make()
    async with room.telling(allow_private=False, pauses_s=(0.01, 0.01)):
        await room.empty()
    assert names.connects == [PUBLIC]
    assert receiver.heard == []
    assert (await room.queue.get(job_id)).terminal
    [dead] = await room.queue.dead_calls()
    assert (dead.job_id, dead.reason) == (job_id, "the address is not public")
    assert await room.queue.running(MODEL) == 0


@pytest.mark.parametrize("first", ["10.0.0.1", "169.254.169.254", OURS])
async def test_a_name_that_begins_with_a_private_address_is_never_connected_to(
    receiver: Receiver, monkeypatch, first
):
    names = Names(monkeypatch, [first, PUBLIC])
    assert (await send(receiver)).reason == "the address is not public"
    assert names.connects == []
