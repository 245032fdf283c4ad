"""A crowd at the door."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from muscgen.api.crowd import Crowd
from muscgen.errors import Unavailable


@pytest.fixture
def door():
    """A client of an application that answers when `open` is set, and lets two in at once."""
    opened, inside = asyncio.Event(), []

    async def app(scope, receive, send):
        while (await receive()).get("more_body"):
            pass
        inside.append(scope["path"])
        await opened.wait()
        await send({"type": "http.response.start", "status": 202, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    http = httpx.AsyncClient(transport=httpx.ASGITransport(Crowd(app, most=2)), base_url="http://muscgen")
    return opened, inside, http


async def entered(inside, count):
    async with asyncio.timeout(60):
        while len(inside) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_more_wishes_at_once_than_fit_are_refused_and_the_others_served(door):
    opened, inside, http = door
    served = [asyncio.create_task(http.post("/generate", json={})) for _ in range(2)]
    await entered(inside, 2)
    with pytest.raises(Unavailable) as refused:
        await http.post("/generate", json={})
    assert refused.value.retry_after_s == 1.0
    opened.set()
    assert [answer.status_code for answer in await asyncio.gather(*served)] == [202, 202]
    assert (await http.post("/generate", json={})).status_code == 202
    await http.aclose()


@pytest.mark.parametrize(
    "headers", [{"Prefer": "wait=60"}, {"Accept": "audio/*"}, {"Accept": "text/event-stream"}]
)
async def test_those_that_stay_for_their_song_do_not_count(door, headers):
    opened, inside, http = door
    staying = [asyncio.create_task(http.post("/generate", json={}, headers=headers)) for _ in range(9)]
    await entered(inside, 9)
    opened.set()
    assert {answer.status_code for answer in await asyncio.gather(*staying)} == {202}
    await http.aclose()


async def test_a_crowd_at_the_service_gets_a_problem_with_a_time_to_come_back(service, monkeypatch):
    monkeypatch.setattr("muscgen.api.crowd.Crowd.__init__.__defaults__", (1,))
    answers = await asyncio.gather(*(service.post(seed=seed) for seed in range(8)))
    refused = [answer for answer in answers if answer.status_code == 503]
    assert {answer.status_code for answer in answers} == {202, 503}
    assert {(answer.json()["code"], answer.headers["retry-after"]) for answer in refused} == {
        ("unavailable", "1")
    }
