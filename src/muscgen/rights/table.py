"""`python -m muscgen.rights.table`: MODEL_LICENSES.md from the shipped cards. `--write FILE` writes it."""

from __future__ import annotations

import sys
from pathlib import Path

from muscgen.models.terms import shipped
from muscgen.rights.gate import licensed

_HEAD = """# Licences of models

Written by `python -m muscgen.rights.table --write MODEL_LICENSES.md` from `src/muscgen/models/cards`. Only
muscgen-tiny comes with the package; the others are known by name, and their weights are fetched by whoever
uses them, under their licence. This table is no legal advice: see [docs/rights.md](docs/rights.md).

| model | licence | policy | uses | weights in fp32 | attribution |
|---|---|---|---|---|---|
"""


def table() -> str:
    """The whole file."""
    rows = []
    for terms in shipped().values():
        known = licensed(terms)
        uses = ", ".join(known.uses)
        rows.append(
            f"| {terms.id} | [{terms.license}]({terms.license_url}) | {known.policy} | {uses} "
            f"| {terms.memory_mb:,} MB | {terms.attribution} |"
        )
    notes = [
        f"## {terms.id}\n\nTrained on: {terms.training_data}\n\nLimits: {terms.limits}\n"
        for terms in shipped().values()
    ]
    return _HEAD + "\n".join(rows) + "\n\n" + "\n".join(notes)


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--write"] and len(arguments) == 2:
        Path(arguments[1]).write_text(table(), "utf-8")
        return 0
    if arguments:
        sys.stderr.write("usage: python -m muscgen.rights.table [--write FILE]\n")
        return 2
    sys.stdout.write(table())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
