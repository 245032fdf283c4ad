"""Pictures of figures, as SVG that stands in a page by itself."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from muscgen.evaluation.frechet import Extrapolated

_WIDTH, _BAR = 560, 26
_LABEL = 130
OWN, OTHER, LINE = "#0b6e4f", "#9aa5b1", "#c1121f"


def bars(rows: Sequence[tuple[str, float, float | None]]) -> str:
    """Names with shares from 0 to 1: of what was asked, and thin below, of other prompts."""
    if not rows:
        return ""
    height, room = _BAR * len(rows) + 8, _WIDTH - _LABEL - 60
    parts = [_open(_WIDTH, height, "Shares of songs that are what was asked")]
    for n, (name, value, other) in enumerate(rows):
        top = 4 + n * _BAR
        parts.append(f'<text x="{_LABEL - 8}" y="{top + 15}" text-anchor="end">{escape(name)}</text>')
        parts.append(_rect(_LABEL, top + 2, value * room, 13, OWN))
        if other is not None:
            parts.append(_rect(_LABEL, top + 16, other * room, 5, OTHER))
        parts.append(f'<text x="{_LABEL + value * room + 6:.1f}" y="{top + 14}">{value:.2f}</text>')
    return "\n".join([*parts, "</svg>"])


def line(name: str, curve: Extrapolated) -> str:
    """Distances over 1 / windows, and the line through them to 0."""
    width, height, margin = 270, 180, 34
    most_x = max(x for x, _ in curve.points)
    values = [curve.distance, *(y for _, y in curve.points)]
    low, high = min(0.0, *values), max(values) or 1.0

    def placed(x: float, y: float) -> tuple[str, str]:
        across = margin + x / most_x * (width - 2 * margin)
        up = height - margin - (y - low) / ((high - low) or 1.0) * (height - 2 * margin)
        return f"{across:.1f}", f"{up:.1f}"

    slope = _slope(curve)
    (x0, y0), (x1, y1) = placed(0.0, curve.distance), placed(most_x, curve.distance + slope * most_x)
    parts = [
        _open(width, height, f"Fréchet distance by {name} over one divided by the number of windows"),
        f'<path d="M{margin} {height - margin}H{width - margin}" stroke="#ccc"/>',
        f'<line x1="{x0}" y1="{y0}" x2="{x1}" y2="{y1}" stroke="{LINE}" stroke-dasharray="4 3"/>',
    ]
    for x, y in curve.points:
        across, up = placed(x, y)
        parts.append(f'<circle cx="{across}" cy="{up}" r="3" fill="{OWN}"/>')
    parts += [
        f'<text x="{margin}" y="16">{escape(name)}: {curve.distance:.3g} at endless windows</text>',
        f'<text x="{margin}" y="{height - 12}">0</text>',
        f'<text x="{width - margin}" y="{height - 12}" text-anchor="end">1/{round(1 / most_x)}</text>',
        f'<text x="{margin - 4}" y="{margin}" text-anchor="end">{high:.3g}</text>',
    ]
    return "\n".join([*parts, "</svg>"])


def _slope(curve: Extrapolated) -> float:
    """Of the line from the value at 0 through the middle of the points."""
    count = len(curve.points)
    x = sum(point[0] for point in curve.points) / count
    y = sum(point[1] for point in curve.points) / count
    return (y - curve.distance) / x


def _open(width: int, height: int, title: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" font-size="12" font-family="sans-serif" fill="currentColor">'
        f"<title>{escape(title)}</title>"
    )


def _rect(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{height}" fill="{colour}"/>'
