"""The Model Context Protocol, spoken with the official client to `muscgen mcp` and a real service."""

from __future__ import annotations

import base64
import contextlib
import io
import os
import sys

import anyio
import pytest
import soundfile
from mcp import Client, StdioServerParameters, stdio_client

from tests.assistants.refusals import check_refusals
from tests.service.services import serving


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("service")) as running:
        yield running


@pytest.fixture
def speaking(service):
    """The official client, speaking to the command; whoever enters the context owns its tasks."""

    @contextlib.asynccontextmanager
    async def speaking():
        arguments = ["-m", "muscgen", "mcp", "--url", service.url]
        command = StdioServerParameters(command=sys.executable, args=arguments, env=dict(os.environ))
        async with Client(stdio_client(command)) as client:
            yield client

    return speaking


async def test_tools_say_what_they_take(speaking):
    async with speaking() as assistant:
        tools = {tool.name: tool for tool in (await assistant.list_tools()).tools}
        assert set(tools) == {"generate", "status", "cancel", "models", "verify"}
        fields = tools["generate"].input_schema["properties"]
        assert fields["format"]["enum"] == ["wav", "flac", "mp3", "ogg", "opus"]
        assert all(tool.description for tool in tools.values())


async def test_a_song_is_made_with_progress_and_read_as_a_resource(speaking):
    async with speaking() as assistant:
        told = []

        async def progress(done, total, message):
            told.append((done, total, message))

        answer = await assistant.call_tool(
            "generate", {"prompt": "calm piano", "duration": 8, "seed": 7}, progress_callback=progress
        )
        job = answer.structured_content
        assert not answer.is_error
        assert job["status"] == "succeeded"
        assert job["license"] == "Apache-2.0"
        assert told == sorted(told)
        assert told[-1][0] > 0
        [song] = job["songs"]
        [content] = (await assistant.read_resource(song["resource"])).contents
        found = soundfile.info(io.BytesIO(base64.b64decode(content.blob)))
        assert (found.format, round(found.duration)) == ("MP3", 8)


async def test_a_job_is_looked_at_and_stopped(speaking):
    async with speaking() as assistant:
        answer = await assistant.call_tool("generate", {"prompt": "techno", "duration": 300, "wait": 0})
        job_id = answer.structured_content["job_id"]
        assert (await assistant.call_tool("status", {"job_id": job_id})).structured_content["status"] in (
            "queued",
            "running",
        )
        await assistant.call_tool("cancel", {"job_id": job_id})
        with anyio.fail_after(20):
            while True:
                now = (await assistant.call_tool("status", {"job_id": job_id})).structured_content
                if now["status"] == "cancelled":
                    break
                await anyio.sleep(0.2)


async def test_models_come_with_their_licences(speaking):
    async with speaking() as assistant:
        models = (await assistant.call_tool("models", {})).structured_content["models"]
        assert {"muscgen-tiny": "Apache-2.0"}.items() <= {one["id"]: one["license"] for one in models}.items()
        assert "parameters" not in models[0]


async def test_refusals_are_told_in_the_services_words(speaking):
    async with speaking() as assistant:
        await check_refusals(assistant, ("verify", {"path": "/none/there.wav"}, "No such file"))
