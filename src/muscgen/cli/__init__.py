"""The command line: one file a command, and each imports its side when called."""

from muscgen.cli.app import main

__all__ = ["main"]
