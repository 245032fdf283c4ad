"""How a training went: log.jsonl, a line a step, and loss.svg, a picture of it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from muscgen.data import place as files

Line = dict[str, Any]
_WIDTH, _HEIGHT, _MARGIN = 800, 360, 50
_CURVES = (("loss", "#9aa5b1"), ("valid", "#0b6e4f"), ("valid_shuffled", "#c1121f"))
_SMOOTH = 20  # steps
_SIZE = f'xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}"'


class Log:
    """Lines are added; those of steps that are done again are taken away first."""

    def __init__(self, folder: Path) -> None:
        self._path, self._picture = folder / "log.jsonl", folder / "loss.svg"

    def begin(self, steps: int) -> None:
        """Keep what belongs to the first `steps` steps."""
        kept = [line for line in files.lines(self._path) if line.get("step", 0) <= steps]
        files.write(self._path, b"".join(map(files.to_line, kept)))

    def add(self, *lines: Line) -> None:
        files.append(self._path, *lines)

    def lines(self) -> list[Line]:
        return list(files.lines(self._path))

    def draw(self) -> None:
        files.write(self._picture, picture(self.lines()).encode())


def picture(lines: Sequence[Line]) -> str:
    """Losses over steps: of training, smoothed, and of validation under own and under exchanged captions."""
    curves = {name: _curve(lines, name) for name, _ in _CURVES}
    points = [point for curve in curves.values() for point in curve]
    if not points:
        return f"<svg {_SIZE}/>\n"
    most_x = max(x for x, _ in points) or 1
    low, high = min(y for _, y in points), max(y for _, y in points)
    span = (high - low) or 1.0

    def placed(x: float, y: float) -> str:
        across = _MARGIN + x / most_x * (_WIDTH - 2 * _MARGIN)
        return f"{across:.1f},{_HEIGHT - _MARGIN - (y - low) / span * (_HEIGHT - 2 * _MARGIN):.1f}"

    parts = [f'<svg {_SIZE} font-family="sans-serif">']
    for n, (name, colour) in enumerate(_CURVES):
        if curve := curves[name]:
            path = " ".join(placed(x, y) for x, y in curve)
            parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{path}"/>')
            parts.append(f'<text x="{_WIDTH - 200}" y="{30 + 18 * n}" fill="{colour}">{escape(name)}</text>')
    for x, y, text in (
        (5, _MARGIN, f"{high:.3f}"),
        (5, _HEIGHT - _MARGIN, f"{low:.3f}"),
        (_WIDTH - 2 * _MARGIN, _HEIGHT - 15, f"{most_x} steps"),
    ):
        parts.append(f'<text x="{x}" y="{y}" font-size="12">{text}</text>')
    return "\n".join([*parts, "</svg>\n"])


def _curve(lines: Sequence[Line], name: str) -> list[tuple[int, float]]:
    found = [(int(line["step"]), float(line[name])) for line in lines if name in line and "step" in line]
    if name != "loss":
        return found
    smooth = []
    for n in range(0, len(found), max(1, _SMOOTH // 4)):
        window = found[max(0, n - _SMOOTH + 1) : n + 1]
        smooth.append((found[n][0], sum(loss for _, loss in window) / len(window)))
    return smooth
