"""A hundred thousand rows: in seconds, and without holding them."""

from __future__ import annotations

import json
import resource
import subprocess
import sys

import pytest

from data import layouts

pytestmark = pytest.mark.timeout(400)
ROWS = 100_000
# Peak memory of a process that reads so many rows, and of one that prepares them.
READ = """
import json, resource, sys
from pathlib import Path
from muscgen.data.readers import reader_of
count = sum(1 for _ in reader_of(sys.argv[1], Path(sys.argv[2])).read(Path(sys.argv[2])))
print(json.dumps([count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]))
"""


def read(name, root):
    done = subprocess.run([sys.executable, "-c", READ, name, str(root)], capture_output=True, check=True)
    return json.loads(done.stdout)


def spent_s() -> float:
    """Of computing by children: on a busy machine the clock says nothing."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    """Each layout twice, small and large, without sound."""
    folder = tmp_path_factory.mktemp("large")
    for count in (100, ROWS):
        layouts.fma(folder / f"fma-{count}", count, size="large", audio=False)
        layouts.nsynth(folder / f"nsynth-{count}", count, audio=False)
        layouts.maestro(folder / f"maestro-{count}", count, audio=False)
    return folder


@pytest.mark.parametrize("name", ["fma", "nsynth", "maestro"])
def test_readers_stream(sets, name):
    _, little = read(name, sets / f"{name}-100")
    start = spent_s()
    count, much = read(name, sets / f"{name}-{ROWS}")
    assert count > 0.9 * ROWS or name == "nsynth"  # whose names repeat in this copy
    assert much - little < 8_000  # kB
    assert spent_s() - start < 20


def test_a_ledger_of_a_hundred_thousand_rows(sets, tmp_path):
    run = [
        *(sys.executable, "-m", "muscgen", "data", "prepare", "fma", str(sets / f"fma-{ROWS}")),
        *("--use", "commercial", "--out", str(tmp_path / "out"), "--json"),
    ]
    start = spent_s()
    made = json.loads(subprocess.run(run, capture_output=True, check=True).stdout)
    assert made["run"]["listed"] == ROWS
    assert made["tracks"] == 0  # there is no sound
    assert spent_s() - start < 45
    with (tmp_path / "out" / "ledger.jsonl").open() as file:
        reasons = [json.loads(line)["reason"] for line in file]
    assert len(reasons) == ROWS
    assert set(reasons) == {
        "missing", "not_for_this_use", "no_derivatives", "unknown_licence",
    }  # fmt: skip
