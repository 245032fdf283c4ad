"""`muscgen mcp`: a service's tools for an assistant on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from muscgen.cli.words import in_words

EPILOG = """Example, in an assistant's settings:

{"mcpServers": {"muscgen": {"command": "muscgen", "args": ["mcp", "--url", "http://127.0.0.1:8000"]}}}
"""


def mcp(
    url: Annotated[
        str | None, typer.Option(help="The service; default: muscgen --server, or http://127.0.0.1:8000.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="Its API key.", envvar="MUSCGEN_KEY")] = None,
) -> None:
    """Speak the Model Context Protocol over standard input and output, for a service at a URL."""
    with in_words(anywhere=True):
        from muscgen.cli.server import USUAL, chosen, chosen_key
        from muscgen.client import AsyncClient
        from muscgen.errors import ConfigurationError

        try:
            from muscgen.mcp import server_of
        except ImportError as error:
            raise ConfigurationError(
                "the Model Context Protocol needs its SDK", suggestion="pip install 'muscgen[mcp]'"
            ) from error
        server, password = chosen(), key or chosen_key()
        there = url or (server.url if server else USUAL)
        server_of(lambda _: lambda: AsyncClient(there, key=password), files=True).run()
