"""What the documents say of the watermark is what was measured."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.watermark import report

ROOT = Path(__file__).parent.parent.parent
RESULTS = json.loads((ROOT / "benchmarks" / "WATERMARK.json").read_text("utf-8"))


def test_the_tables_are_those_of_the_results() -> None:
    page = (ROOT / "docs" / "trust.md").read_text("utf-8")
    assert report.within(page, RESULTS) == page
    assert report.text(RESULTS) == (ROOT / "benchmarks" / "WATERMARK.md").read_text("utf-8")
