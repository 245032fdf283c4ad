"""What is refused alike, whichever way an assistant speaks."""

from __future__ import annotations

import pytest
from mcp import Client, MCPError

REFUSALS = (
    ("generate", {"prompt": "x", "model": "no-such"}, "model: "),
    ("generate", {}, "a prompt or sections are needed"),
    ("status", {"job_id": "job_0"}, "there is no job"),
)


async def check_refusals(assistant: Client, *more: tuple[str, dict, str]) -> None:
    for tool, arguments, words in (*REFUSALS, *more):
        answer = await assistant.call_tool(tool, arguments)
        assert answer.is_error, tool
        assert words in answer.content[0].text
    with pytest.raises(MCPError):
        await assistant.read_resource("muscgen://songs/job_0/0")
