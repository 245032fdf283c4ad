"""Which pages are written, and by what."""

from __future__ import annotations

from pathlib import Path

from pages import api, commands, decisions, results, settings

ROOT = Path(__file__).parent.parent


def written() -> dict[str, str]:
    """Path below the root to the whole text that belongs there."""
    return {
        "docs/decisions/README.md": decisions.page(ROOT / "docs" / "decisions"),
        "docs/reference/api.md": api.page(),
        "docs/reference/cli.md": commands.page(),
        "docs/reference/settings.md": settings.page(),
        "README.md": results.put_into((ROOT / "README.md").read_text("utf-8"), ROOT / "benchmarks"),
    }
