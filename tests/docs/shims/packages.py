"""`pip install` as the documentation calls it: nothing is installed, but muscgen must have the extras."""

from __future__ import annotations

import re
import sys
import tomllib
from os import environ
from pathlib import Path


def main(arguments: list[str]) -> int:
    assert arguments[0] == "install", arguments
    project = tomllib.loads((Path(environ["DOCS_ROOT"]) / "pyproject.toml").read_text("utf-8"))["project"]
    for word in arguments[1:]:
        if match := re.fullmatch(r"muscgen\[([a-z,]+)\]", word):
            unknown = set(match[1].split(",")) - set(project["optional-dependencies"])
            assert not unknown, f"muscgen has no extra {unknown}"
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
