"""The receiver in the documentation works as it stands there."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import sys
from pathlib import Path

from muscgen.webhooks import CheckedTransport, Secrets, Sender

from .receiver import SECRET, SECRETS

PAGE = Path(__file__).parents[2] / "docs" / "webhooks.md"
OTHER = Secrets(("whsec_" + "b3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3RoZXI=",))


async def test_the_receiver_takes_what_is_signed_once_and_refuses_the_rest():
    [code] = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code),
        env=os.environ | {"WEBHOOK_SECRET": SECRET, "PORT": str(port)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}/"
    body = b'{"type": "job.completed", "data": {"id": "job_1", "status": "succeeded"}}'
    try:
        async with asyncio.timeout(10), Sender(SECRETS, CheckedTransport(allow_private=True)) as sender:
            while "ConnectError" in (answer := await sender.send(url, "msg_1", body)).reason:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            assert answer.reason == ""
            assert (await sender.send(url, "msg_1", body)).reason == ""
            assert (await sender.send(url, "msg_2", body)).reason == ""
        async with Sender(OTHER, CheckedTransport(allow_private=True)) as stranger:
            assert (await stranger.send(url, "msg_3", body)).reason == "status 401"
    finally:
        process.terminate()
        heard, _ = await process.communicate()
    assert heard.decode().splitlines() == ["job.completed job_1 succeeded"] * 2
