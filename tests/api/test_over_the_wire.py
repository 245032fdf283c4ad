"""What only a real server shows."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket

import httpx
import pytest
import uvicorn

from muscgen.api import middleware

from .conftest import SONG


@contextlib.asynccontextmanager
async def serving(app):
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=2))
    running = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
        await asyncio.sleep(0.01)
    port = listener.getsockname()[1]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        yield http, port
    server.should_exit = True
    await running


async def test_events_arrive_as_they_happen(service):
    job = await service.job()
    async with serving(service.app) as (http, _), http.stream("GET", job["urls"]["events"]) as answer:
        lines = answer.aiter_lines()
        seen = []
        async for line in lines:
            if line == "event: queued":
                await service.play()  # only now: the stream was already open
            if line.startswith("event: "):
                seen.append(line.removeprefix("event: "))
            if line.startswith("data: ") and seen[-1] == "completed":
                assert json.loads(line[6:])["job"]["status"] == "succeeded"
        assert seen == ["queued", "started", "completed"]


async def test_a_listener_that_goes_away_leaves_nothing_behind(service):
    job = await service.job()
    async with serving(service.app) as (http, _):
        await http.get("/healthz")
        before = len(asyncio.all_tasks())
        async with http.stream("GET", job["urls"]["events"]) as answer:
            async for line in answer.aiter_lines():
                if line == "event: queued":
                    break
            assert len(asyncio.all_tasks()) > before
        async with asyncio.timeout(60):
            while len(asyncio.all_tasks()) > before:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_ranges_over_the_wire(service):
    await service.job()
    url = f"/artifacts/{await service.play()}"
    async with serving(service.app) as (http, _):
        part = await http.get(url, headers={"Range": "bytes=4-7"})
        assert (part.status_code, part.content) == (206, SONG[4:8])
        head = await http.head(url)
        assert (head.headers["content-length"], head.content) == (str(len(SONG)), b"")
        assert (await http.get(url)).content == SONG


async def test_a_body_too_large_is_refused_before_it_is_sent(make_service):
    service = make_service(max_body_bytes=2_000)
    async with serving(service.app) as (_, port):
        head = b"POST /generate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        announced = await talk(port, head + b"Content-Length: 99999999999\r\n\r\n")
        assert announced.startswith(b"HTTP/1.1 413")
        chunk = b"3e8\r\n" + b"x" * 1_000 + b"\r\n"
        chunked = await talk(port, head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 3)
        assert chunked.startswith(b"HTTP/1.1 413")
        assert b"body_too_large" in chunked


async def test_a_body_that_does_not_end_is_given_up(service, monkeypatch):
    monkeypatch.setattr(middleware.BodyLimit.__init__, "__defaults__", (0.3,))
    async with serving(service.app) as (_, port):
        head = b"POST /generate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        answer = await talk(port, head + b'Content-Length: 100\r\n\r\n{"prompt')
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"body_too_slow" in answer


async def test_a_client_that_hangs_up_in_its_body_enqueues_nothing(service, caplog):
    async with serving(service.app) as (http, port):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        head = b"POST /generate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        writer.write(head + b'Content-Length: 100\r\n\r\n{"prompt": "a"}')
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        await asyncio.sleep(0.1)
        assert (await http.get("/healthz")).status_code == 200
    assert (await service.queue.list()).jobs == []
    assert "http.failed" not in caplog.text


@pytest.mark.parametrize("root", ["/music"])
async def test_links_keep_the_path_of_a_mount(service, root):
    transport = httpx.ASGITransport(service.app, root_path=root)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as http:
        job = (await http.post(f"{root}/generate", json={"prompt": "a"})).json()
    assert job["urls"]["self"] == f"{root}/jobs/{job['id']}"


async def talk(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    await writer.drain()
    async with asyncio.timeout(60):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer
