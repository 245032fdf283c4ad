"""What the TypeScript client has from the service: openapi.json, and src/errors.ts after muscgen.errors.

    .venv/bin/python clients/typescript/generate.py [FOLDER]

`npm run types` makes src/schema.ts of openapi.json. A test and `make client-check` compare what is committed.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from muscgen.api import create_app
from muscgen.artifacts import DirectoryStore
from muscgen.errors import MuscgenError
from muscgen.jobs import Queue, connect
from muscgen.models.registry import Registry
from muscgen.settings import Settings

HERE = Path(__file__).parent
HEAD = """// Made from muscgen.errors by generate.py: the tree of the service's refusals.

/** Base of the tree. `param` names the field at fault, `suggestion` says what would work. */
export class MuscgenError extends Error {
  code: string = "internal_error";
  /** HTTP's. */
  status: number = 500;
  /** Whether the same request may succeed later. */
  retryable: boolean = false;
  param: string | null = null;
  suggestion: string | null = null;
  /** Seconds. */
  retryAfter: number | null = null;
  requestId: string | null = null;

  constructor(readonly detail: string) {
    super(detail);
    this.name = new.target.name;
  }
}
"""


def errors() -> str:
    """src/errors.ts."""
    kinds = list(_below(MuscgenError))
    lines = [HEAD, *map(_kind, kinds)]
    names = "".join(f"  {kind.code}: {kind.__name__},\n" for kind in _first(kinds))
    kind = "Readonly<Record<string, new (detail: string) => MuscgenError>>"
    return "\n".join([*lines, f"export const BY_CODE: {kind} = {{\n{names}}};\n"])


def openapi() -> str:
    """The service's specification; nothing is connected to."""
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        queue = Queue(connect("redis://127.0.0.1:1"), prefix="none")
        store, registry = DirectoryStore(folder / "artifacts"), Registry(folder / "models")
        app = create_app(Settings(home=folder), queue=queue, store=store, registry=registry)
        return json.dumps(app.openapi(), indent=2, ensure_ascii=False) + "\n"


def _kind(kind: type[MuscgenError]) -> str:
    base = kind.__bases__[0].__name__
    fields = f'  override code = "{kind.code}";\n  override status = {kind.status};\n'
    retryable = str(kind.retryable).lower()
    return (
        f"export class {kind.__name__} extends {base} {{\n{fields}  override retryable = {retryable};\n}}\n"
    )


def _below(kind: type[MuscgenError]) -> Iterator[type[MuscgenError]]:
    for child in kind.__subclasses__():
        if child.__module__.startswith("muscgen.errors"):
            yield child
            yield from _below(child)


def _first(kinds: list[type[MuscgenError]]) -> list[type[MuscgenError]]:
    """A code that is inherited belongs to whoever has it first."""
    return list({kind.code: kind for kind in reversed(kinds)}.values())[::-1]


def main() -> None:
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    (out / "openapi.json").write_text(openapi(), "utf-8")
    (out / "src").mkdir(exist_ok=True)
    (out / "src" / "errors.ts").write_text(errors(), "utf-8")


if __name__ == "__main__":
    main()
