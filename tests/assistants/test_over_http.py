"""/mcp of a real service, spoken with the official client."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import subprocess
import sys
from contextlib import asynccontextmanager

import anyio
import httpx
import httpx2
import pytest
import soundfile
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.assistants.refusals import check_refusals
from tests.service.services import serving

KEY = "an-assistants-key"
PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
ASKED = {"Accept": "application/json, text/event-stream", "Authorization": f"Bearer {KEY}"}


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("service"), "--api-key", KEY) as running:
        running.client.headers["Authorization"] = f"Bearer {KEY}"
        yield running


@pytest.fixture(params=["auto", "legacy"])
def speaking(service, request):
    """The official client with a key, by the newest protocol and by the handshake of the older ones."""

    @contextlib.asynccontextmanager
    async def speaking():
        headers = {"Authorization": f"Bearer {KEY}"}
        async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
            door = streamable_http_client(f"{service.url}/mcp", http_client=http)
            async with Client(door, mode=request.param) as client:
                yield client

    return speaking


async def test_the_tools_are_those_of_the_command(speaking):
    async with speaking() as assistant:
        tools = {tool.name for tool in (await assistant.list_tools()).tools}
        assert tools == {"generate", "status", "cancel", "models", "verify"}


async def test_a_song_is_made_with_progress_read_and_verified(speaking):
    async with speaking() as assistant:
        told = []

        async def progress(done, total, message):
            told.append(done)

        wish = {"prompt": "calm piano", "duration": 8}  # made anew each time, by a seed that is drawn
        answer = await assistant.call_tool("generate", wish, progress_callback=progress)
        assert not answer.is_error, answer.content
        job = answer.structured_content
        assert job["status"] == "succeeded"
        assert told == sorted(told)
        assert told
        [song] = job["songs"]
        [content] = (await assistant.read_resource(song["resource"])).contents
        found = soundfile.info(io.BytesIO(base64.b64decode(content.blob)))
        assert (found.format, round(found.duration)) == ("MP3", 8)
        for wish in ({"job_id": job["job_id"]}, {"content": content.blob}):
            report = (await assistant.call_tool("verify", wish)).structured_content
            assert report["verdict"] == "genuine"


async def test_addresses_are_those_by_which_the_assistant_came(speaking, service):
    async with speaking() as assistant:
        wish = {"prompt": "calm piano", "duration": 1, "seed": 7}
        job = (await assistant.call_tool("generate", wish)).structured_content
        url = job["songs"][0]["url"]
        assert url.startswith(service.url)
        assert service.client.get(url).status_code == 200


async def test_a_call_that_is_given_up_cancels_its_job(speaking, service):
    async with speaking() as assistant:
        before = {job["id"] for job in service.client.get("/jobs").json()["jobs"]}
        with anyio.move_on_after(3):
            await assistant.call_tool("generate", {"prompt": "techno", "duration": 500})
    jobs = service.client.get("/jobs").json()["jobs"]
    [mine] = [job["id"] for job in jobs if job["id"] not in before]
    assert service.ended(mine)["status"] == "cancelled"


async def test_refusals_are_told_in_the_services_words(speaking):
    async with speaking() as assistant:
        verify = [({"content": "%%%"}, "not base64"), ({}, "one of them alone")]
        await check_refusals(assistant, *(("verify", arguments, words) for arguments, words in verify))


def ask(service, **headers):
    return httpx.post(f"{service.url}/mcp", json=PING, headers=ASKED | headers)


def test_nobody_comes_in_without_a_key(service):
    for key in ("", "Bearer wrong"):
        answer = ask(service, Authorization=key)
        assert answer.status_code == 401
        assert answer.json()["code"] == "unauthorized"
        assert answer.headers["www-authenticate"]


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost.evil.example"])
def test_pages_of_elsewhere_are_refused(service, origin):
    answer = ask(service, Origin=origin, Host="evil.example")
    assert answer.status_code == 403
    assert answer.json()["param"] == "Origin"


@pytest.mark.parametrize("origin", ["http://localhost:6274", "http://127.0.0.1:8000"])
def test_pages_of_this_machine_are_not(service, origin):
    assert ask(service, Origin=origin).status_code == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_there_is_nothing_to_listen_to_between_calls(service, method):
    answer = httpx.request(method, f"{service.url}/mcp", headers=ASKED)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_other_origins_are_let_in_and_the_door_is_closed_by_settings(tmp_path):
    origins = "https://music.example,https://studio.example"
    with serving(tmp_path / "open", "--no-worker", MUSCGEN_MCP_ORIGINS=origins) as service:
        assert ask(service, Origin="https://studio.example").status_code == 200
    with serving(tmp_path / "closed", "--no-worker", MUSCGEN_MCP_ROUTE="false") as service:
        assert ask(service).status_code == 404


async def test_without_the_sdk_the_door_says_what_to_install(monkeypatch, tmp_path):
    from fastapi import FastAPI

    from muscgen.api import problems
    from muscgen.cli import assistants
    from muscgen.settings import Settings

    monkeypatch.setattr(assistants, "find_spec", lambda _: None)
    app = FastAPI()
    problems.install(app)
    async with (
        assistants.assisted(app, Settings(home=tmp_path)),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://muscgen") as client,
    ):
        answer = await client.post("/mcp", json=PING)
    assert (answer.status_code, answer.json()["code"]) == (501, "not_installed")
    assert "muscgen[mcp]" in answer.json()["suggestion"]


async def test_a_door_that_did_not_open_is_tried_again_and_is_closed_with_the_service(monkeypatch, tmp_path):
    from fastapi import FastAPI
    from starlette.responses import PlainTextResponse

    from muscgen.api import problems
    from muscgen.cli import assistants
    from muscgen.settings import Settings

    happened = []

    class Module:
        @staticmethod
        @asynccontextmanager
        async def opened(_app):
            happened.append("opened")
            if len(happened) == 1:
                raise OSError("a broken SDK")
            yield PlainTextResponse("come in")
            happened.append("never: it ends by being cancelled")

    monkeypatch.setattr(assistants, "import_module", lambda _: Module)
    app = FastAPI()
    problems.install(app)
    async with (
        assistants.assisted(app, Settings(home=tmp_path)),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://muscgen") as client,
    ):
        with pytest.raises(OSError, match="a broken SDK"):
            await client.post("/mcp", json=PING)
        answers = await asyncio.gather(*(client.post("/mcp", json=PING) for _ in range(3)))
        assert [answer.text for answer in answers] == ["come in"] * 3
    assert happened == ["opened", "opened"]


def test_a_service_does_not_load_the_sdk_before_somebody_knocks():
    code = "import sys, muscgen.cli.service, muscgen.cli.assistants; sys.exit('mcp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
