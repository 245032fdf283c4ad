"""The command line: one file a command, and each imports its side when called."""

import sys

INTERRUPTED = 130  # 128 + SIGINT


def main() -> None:
    """The entry point of the `muscgen` script."""
    try:
        from muscgen.cli.app import app

        app(prog_name="muscgen")  # also where Python was asked for the module
    except KeyboardInterrupt:  # before any command had begun
        sys.exit(INTERRUPTED)


__all__ = ["main"]
