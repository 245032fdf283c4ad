"""Pages that follow from the code say what the code says."""

from __future__ import annotations

import shlex

import pytest
import typer

from muscgen.cli.app import app
from muscgen.settings import Settings
from pages.commands import commands
from pages.written import ROOT, written

EXAMPLES = [example for command in commands() for example in command.examples]


@pytest.mark.parametrize("name", written())
def test_a_written_page_is_what_the_code_says_now(name):
    assert (ROOT / name).read_text("utf-8") == written()[name], "run `make pages`"


def test_every_setting_says_what_it_is_for():
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_every_command_says_what_it_does():
    assert [command.name for command in commands() if not command.function.__doc__] == []


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_in_a_commands_help_is_understood_by_it(example):
    command, words = typer.main.get_command(app), shlex.split(example)[1:]
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    with command.make_context("muscgen", words) as context:
        assert context.command.callback is not None
