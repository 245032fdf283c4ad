"""The styles that the recipe composes in: tables, and nothing that plays."""

from __future__ import annotations

from tinysong.styles.bands import BANDS
from tinysong.styles.machines import MACHINES
from tinysong.styles.quiet import QUIET
from tinysong.styles.style import Style

__all__ = ["STYLES", "Style"]
STYLES = {**QUIET, **BANDS, **MACHINES}
