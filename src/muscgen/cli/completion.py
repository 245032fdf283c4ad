"""`muscgen completion`: what a shell needs to complete our commands."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from muscgen.cli.words import in_words

EPILOG = """Examples:

muscgen completion bash

muscgen completion zsh

It belongs into /etc/bash_completion.d/muscgen, as _muscgen into a folder of zsh's fpath, or into
~/.config/fish/completions/muscgen.fish. The option --install-completion does it for your own shell.
"""
NAME, VARIABLE = "muscgen", "_MUSCGEN_COMPLETE"


def completion(
    shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument(help="bash, zsh or fish.")],
) -> None:
    """Print the script that completes commands and options in a shell."""
    with in_words(anywhere=True):
        from typer.completion import get_completion_script  # type: ignore[attr-defined]  # it has no other

        # Which shell's words are wanted; none is started.
        script = get_completion_script(prog_name=NAME, complete_var=VARIABLE, shell=shell)  # nosec B604
        typer.echo(script)
