"""The tools and resources as the official SDK serves them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Annotated, Any, Literal

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

import muscgen
from muscgen.errors import InvalidRequest, MuscgenError
from muscgen.mcp import tools
from muscgen.mcp.tools import Asker

AskerOf = Callable[[Context], Asker]
WORDS = """muscgen makes music from words. `generate` makes songs and takes seconds to minutes; each song is a
resource (its file) and an address. The same seed is the same song. Say the model's licence when you hand a
song on; `models` has it. `verify` tells whether a file was made by this service."""
JobId = Annotated[str, Field(description="As generate answered it.")]


def server_of(asker_of: AskerOf, *, files: bool) -> MCPServer:
    """A server whose calls reach the service through `asker_of(context)`.

    files: whether it runs where its user's files are, so that `verify` may read them by path; otherwise it
    takes a job's song, or bytes.
    """
    server = MCPServer("muscgen", instructions=WORDS, version=muscgen.__version__, log_level="WARNING")
    _add_songs(server, asker_of)
    _add_jobs(server, asker_of)
    if files:
        _add_verify(server, asker_of)
    else:
        _add_verify_bytes(server, asker_of)
    return server


def _add_songs(server: MCPServer, asker_of: AskerOf) -> None:
    @server.tool()
    async def generate(
        context: Context,
        prompt: Annotated[str | None, Field(description="Style, instruments, tempo, key, mood.")] = None,
        duration: Annotated[float, Field(gt=0, le=600, description="Seconds.")] = 10.0,
        seed: Annotated[int | None, Field(ge=0, description="The same seed is the same song.")] = None,
        n: Annotated[int, Field(ge=1, le=8, description="Variations.")] = 1,
        model: Annotated[str | None, Field(description="One of `models`.")] = None,
        negative_prompt: Annotated[str | None, Field(description="What it should not be.")] = None,
        sections: Annotated[
            list[dict[str, Any]] | None,
            Field(description="[{prompt, duration}], instead of prompt and duration."),
        ] = None,
        format: Literal["wav", "flac", "mp3", "ogg", "opus"] = "mp3",  # noqa: A002  the wire's name
        intended_use: Literal["research", "noncommercial", "commercial"] | None = None,
        wait: Annotated[float, Field(ge=0, le=3600, description="Seconds; the job goes on after.")] = 300.0,
    ) -> dict[str, Any]:
        """Make music. Answers when it is done, with each song's resource, address, seed and licence."""
        with _told():
            wish = tools.wish_of(
                prompt=prompt,
                duration=duration if sections is None else None,
                seed=seed,
                n=n,
                model=model,
                negative_prompt=negative_prompt,
                sections=sections,
                output={"format": format},
                rights={"intended_use": intended_use} if intended_use else None,
            )
            return await tools.generate(asker_of(context), wish, wait, context.report_progress)

    @server.resource("muscgen://songs/{job_id}/{output}", mime_type="application/octet-stream")
    async def song(job_id: str, output: str, context: Context) -> bytes:
        """The file of a finished song."""
        return await tools.song(asker_of(context), job_id, int(output) if output.isdecimal() else -1)


def _add_jobs(server: MCPServer, asker_of: AskerOf) -> None:
    @server.tool()
    async def status(context: Context, job_id: JobId) -> dict[str, Any]:
        """How a song stands: status, progress, and the songs once they are there."""
        with _told():
            return await tools.status(asker_of(context), job_id)

    @server.tool()
    async def cancel(context: Context, job_id: JobId) -> dict[str, Any]:
        """Stop making a song."""
        with _told():
            return await tools.cancel(asker_of(context), job_id)

    @server.tool()
    async def models(context: Context) -> dict[str, Any]:
        """The models with their licences, limits, and whether they may be used here."""
        with _told():
            return {"models": await tools.models(asker_of(context))}


def _add_verify(server: MCPServer, asker_of: AskerOf) -> None:
    @server.tool()
    async def verify(
        context: Context, path: Annotated[str, Field(description="A sound file here.")]
    ) -> dict[str, Any]:
        """Whether a file was made by this service: watermark, content credentials, and one verdict."""
        with _told():
            async with asker_of(context)() as client:
                return await client.verify(path)


def _add_verify_bytes(server: MCPServer, asker_of: AskerOf) -> None:
    @server.tool()
    async def verify(
        context: Context,
        job_id: Annotated[str | None, Field(description="A job, whose song is verified.")] = None,
        output: Annotated[int, Field(ge=0, description="Which of its songs.")] = 0,
        content: Annotated[str | None, Field(description="Or a sound file, in base64.")] = None,
    ) -> dict[str, Any]:
        """Whether a file was made by this service: watermark, content credentials, and one verdict."""
        with _told():
            ask = asker_of(context)
            if (job_id is None) == (content is None):
                raise InvalidRequest("job_id or content is needed, and one of them alone", param="content")
            if content is None:
                return await tools.verify(ask, await tools.song(ask, job_id or "", output))
            return await tools.verify(ask, _bytes_of(content))


def _bytes_of(content: str) -> bytes:
    try:
        return base64.b64decode(content, validate=True)
    except binascii.Error:
        raise InvalidRequest("content is not base64", param="content") from None


class _told:  # noqa: N801  reads as a word
    """The service's refusals as an assistant is told them: what is wrong, and what would work."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, MuscgenError):
            where = f"{error.param}: " if error.param else ""
            hint = f" Try: {error.suggestion}" if error.suggestion else ""
            raise ToolError(f"{where}{error.detail}.{hint}") from error
        if isinstance(error, OSError):
            raise ToolError(f"{error.filename}: {error.strerror}") from error
