"""Webhooks as clients and operators meet them: the API, the command line, the whole service."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import httpx
import pytest
from queues import faults
from typer.testing import CliRunner

from muscgen.api import create_app
from muscgen.cli.app import app
from muscgen.jobs import Queue
from muscgen.settings import Settings

from .receiver import receiving

sys.path.append(str(Path(__file__).parents[1] / "service"))


async def post(room, url: str, **settings) -> httpx.Response:
    house = room.house
    api = create_app(
        Settings(home=house.settings.home, **settings),
        queue=room.queue,
        store=house.store,
        registry=house.registry,
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://muscgen") as http:
        body = {"prompt": "rain", "delivery": {"webhook": {"url": url}}}
        return await http.post("/generate", json=body)


async def test_an_address_inside_is_refused_by_name_and_nothing_is_queued(room):
    answer = await post(room, "http://169.254.169.254/latest/meta-data")
    assert answer.status_code == 422
    assert answer.json()["param"] == "delivery.webhook.url"
    assert (await room.queue.list()).jobs == []


async def test_an_address_inside_is_taken_where_the_operator_allows_it(room):
    answer = await post(room, room.receiver.url, webhook_allow_private=True)
    assert answer.status_code == 202
    assert answer.json()["request"]["delivery"]["webhook"]["events"] == ["completed"]
    async with room.telling():
        await room.make()
        [heard] = await room.receiver.until(1)
        await room.empty()
    assert heard.verified()["data"]["id"] == answer.json()["id"]


def test_the_secret_is_shown(tmp_path):
    runner = CliRunner()
    first = runner.invoke(app, ["webhooks", "secret", "--home", str(tmp_path)])
    again = runner.invoke(app, ["webhooks", "secret", "--home", str(tmp_path)])
    assert first.output == again.output == (tmp_path / "keys" / "webhook").read_text()


async def test_the_dead_are_listed_and_resent_on_the_command_line(room, client, server):
    async def command(*words: str):
        return await asyncio.to_thread(
            CliRunner().invoke, app, ["webhooks", *words, "--redis-url", server.url]
        )

    room.queue = Queue(client)  # under the prefix that commands know
    room.receiver.always = 500
    job_id = await room.ask()
    await room.make()
    async with room.telling(pauses_s=()):
        await room.receiver.until(1)
        await room.empty()
    listed = (await command("dead")).output
    assert listed.startswith(f"{job_id}  ")
    assert listed.endswith("  tries: 1  status 500\n")
    room.receiver.always = None
    assert (await command("resend", job_id)).exit_code == 0
    async with room.telling():
        await room.receiver.until(2)
        await room.empty()
    assert (await command("dead")).output == ""
    unknown = await command("resend", "job_none")
    assert (unknown.exit_code, unknown.output) == (2, "muscgen: there is no job 'job_none'\n")
    assert await faults(client, "muscgen") == []


@pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")
async def test_the_whole_service_tells_and_the_command_line_tells_again(tmp_path):
    from services import serving

    def ask(service) -> dict:
        delivery = {"webhook": {"url": receiver.url, "events": ["started", "completed"]}}
        return service.ask(duration=0.5, delivery=delivery)

    def command(*words: str):
        return CliRunner().invoke(app, ["webhooks", *words, "--home", str(tmp_path / "home")])

    async with receiving() as receiver:
        with serving(tmp_path / "home", MUSCGEN_WEBHOOK_ALLOW_PRIVATE="1") as service:
            job = await asyncio.to_thread(ask, service)
            heard = await receiver.until(2, limit_s=30.0)
            shown = await asyncio.to_thread(service.job, job["id"])
            secret = (await asyncio.to_thread(command, "secret")).output.strip()
            assert json.loads((await asyncio.to_thread(command, "dead", "--json")).output) == []
            assert (await asyncio.to_thread(command, "resend", job["id"])).exit_code == 0
            await receiver.until(3)
    assert receiver.kinds == ["job.started", "job.completed", "job.completed"]
    assert heard[1].verified(secret)["data"] == shown
    assert heard[2].id == heard[1].id
