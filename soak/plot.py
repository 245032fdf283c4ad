"""Lines over time as SVG, small and without a library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 760, 190, 56, 26, 24
COLOURS = ("#2b6cb0", "#c05621", "#2f855a", "#6b46c1")
Point = tuple[float, float]


def chart(title: str, lines: Mapping[str, Sequence[Point]]) -> str:
    """An SVG of lines: seconds, value."""
    points = [point for line in lines.values() for point in line]
    most_x = max((x for x, _ in points), default=1.0) or 1.0
    most_y = 1.1 * max((y for _, y in points), default=1.0) or 1.0

    def place(point: Point) -> str:
        x = LEFT + point[0] / most_x * (WIDTH - LEFT - 10)
        y = HEIGHT - BOTTOM - point[1] / most_y * (HEIGHT - BOTTOM - TOP)
        return f"{x:.1f},{y:.1f}"

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}"',
        ' font-family="sans-serif" font-size="11">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="15" font-size="13">{escape(title)}</text>',
    ]
    for share in (0.0, 0.5, 1.0):
        _, y = place((0, share * most_y / 1.1)).split(",")
        parts.append(f'<line x1="{LEFT}" y1="{y}" x2="{WIDTH - 10}" y2="{y}" stroke="#ddd"/>')
        parts.append(
            f'<text x="{LEFT - 6}" y="{y}" text-anchor="end" dy="4">{share * most_y / 1.1:.4g}</text>'
        )
    for share in (0.0, 0.5, 1.0):
        x, _ = place((share * most_x, 0)).split(",")
        parts.append(
            f'<text x="{x}" y="{HEIGHT - 8}" text-anchor="middle">{share * most_x / 60:.1f} min</text>'
        )
    for number, (name, line) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(map(place, line))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        place_x = WIDTH - 10 - 110 * number
        parts.append(f'<text x="{place_x}" y="15" text-anchor="end" fill="{colour}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>", ""])
