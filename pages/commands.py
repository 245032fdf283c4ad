"""docs/reference/cli.md: every command, from the functions that are the commands."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import typer
from typer.models import ArgumentInfo, OptionInfo, ParameterInfo

from muscgen.cli.app import app
from pages.markdown import anchor, code, table

HEAD = """# The command line

Written by `python -m pages` from `src/muscgen/cli`. `muscgen COMMAND --help` says the same.

Exit codes: 0, it is done; 1, it failed; 2, it was asked wrongly, or refused; 78, a worker's settings are
wrong; 130, Ctrl-C. What a command says of its own stands under it.

"""
WORDS = {int: "N", float: "NUMBER", str: "TEXT", Path: "PATH", typer.FileText: "FILE"}


@dataclass(frozen=True, slots=True)
class Command:
    """A command under its whole name, `models pull`, and the function behind it."""

    name: str
    function: Callable[..., object]
    epilog: str

    @property
    def heading(self) -> str:
        return f"muscgen {self.name}"

    @property
    def examples(self) -> list[str]:
        return [line for line in self.epilog.splitlines() if line.startswith("muscgen ")]


def commands(group: typer.Typer = app, before: str = "") -> Iterator[Command]:
    """All that are not hidden, in the order in which they are made known."""
    for one in group.registered_commands:
        if one.callback is not None and not one.hidden:
            name = one.name or one.callback.__name__.replace("_", "-")
            yield Command(f"{before}{name}", one.callback, inspect.cleandoc(one.epilog or ""))
    for part in group.registered_groups:
        if part.typer_instance is not None and not part.hidden:
            yield from commands(part.typer_instance, f"{before}{part.name} ")


def page() -> str:
    found = sorted(commands(), key=lambda command: command.name)
    rows = ((f"[{one.heading}](#{anchor(one.heading)})", _first_sentence(one)) for one in found)
    return HEAD + table(("command", ""), rows) + "".join(map(_section, found))


def _first_sentence(command: Command) -> str:
    return (
        inspect.cleandoc(command.function.__doc__ or "").partition("\n\n")[0].partition(". ")[0].rstrip(".")
    )


def _section(command: Command) -> str:
    rows, usage = list(_rows(command.function)), _usage(command)
    says = inspect.cleandoc(command.function.__doc__ or "")
    text = f"\n## {command.heading}\n\n{says}\n\n```text\n{usage}\n```\n"
    if rows:
        text += "\n" + table(("", "", "default"), rows)
    if command.examples:
        text += "\n<!-- example: parsed -->\n```sh\n" + "\n".join(command.examples) + "\n```\n"
    return text


def _parameters(function: Callable[..., object]) -> Iterator[tuple[str, Any, ParameterInfo, object]]:
    hints = get_type_hints(function, include_extras=True)
    for name, parameter in inspect.signature(function).parameters.items():
        hint, value = hints[name], parameter.default
        if get_origin(hint) is not Annotated:
            continue  # a context, which is no option
        kind, *extras = get_args(hint)
        info = next(one for one in extras if isinstance(one, ParameterInfo))
        if not info.hidden:
            yield name, kind, info, value


def _usage(command: Command) -> str:
    arguments, options = [], []
    for name, kind, info, value in _parameters(command.function):
        needed, shown = value is inspect.Parameter.empty, _metavar(name, kind, info)
        if isinstance(info, ArgumentInfo):
            arguments.append(shown if needed else f"[{shown}]")
        elif needed:
            options.append(f"{_names(name, kind, info)[-1]} {shown}")
    return " ".join([command.heading, *arguments, *options, "[OPTIONS]"])


def _rows(function: Callable[..., object]) -> Iterator[tuple[str, str, str]]:
    for name, kind, info, value in _parameters(function):
        shown = _metavar(name, kind, info)
        names = ", ".join(map(code, _names(name, kind, info)))
        what = code(shown) if isinstance(info, ArgumentInfo) else f"{names} {_values(kind, shown)}".strip()
        yield what, info.help or "", _default(value, info)


def _names(name: str, kind: object, info: ParameterInfo) -> list[str]:
    # In Annotated the first name stands where a default would.
    decls = [one for one in (info.default, *(info.param_decls or ())) if isinstance(one, str)]
    if isinstance(info, OptionInfo) and decls:
        return [one for decl in decls for one in decl.split("/")]
    option = f"--{name.replace('_', '-')}"
    return [option, f"--no-{option[2:]}"] if kind is bool else [option]


def _metavar(name: str, kind: object, info: ParameterInfo) -> str:
    return info.metavar or (name.upper() if isinstance(info, ArgumentInfo) else _word(kind))


def _values(kind: object, shown: str) -> str:
    kind = _bare(kind)
    if kind is bool:
        return ""
    if get_origin(kind) is Literal:
        return ", ".join(code(one) for one in get_args(kind))
    return code(shown) + (", may be repeated" if get_origin(kind) is list else "")


def _word(kind: object) -> str:
    kind = _bare(kind)
    if get_origin(kind) is list:
        return _word(get_args(kind)[0])
    if get_origin(kind) is Literal:
        return "|".join(get_args(kind))
    return WORDS.get(kind, "TEXT")  # type: ignore[call-overload,no-any-return]


def _bare(kind: object) -> object:
    """Without `| None`."""
    if get_origin(kind) in (Union, types.UnionType):
        return next(one for one in get_args(kind) if one is not type(None))
    return kind


def _default(value: object, info: ParameterInfo) -> str:
    if value is inspect.Parameter.empty:
        return "" if isinstance(info, ArgumentInfo) else "needed"
    if isinstance(value, bool):
        return "on" if value else ""
    return "" if value is None or value == "" else code(value)
