"""Plots of measurements as SVG files, readable on a light and on a dark page; the tables beside them have the figures."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from math import log10
from typing import Protocol

WIDTH, LABELS, RIGHT, ROW, TOP, BOTTOM = 820, 330, 60, 15, 34, 24
STYLE = """
.page { fill: #fff }
text { font: 11px system-ui, sans-serif; fill: #24292f }
.end { text-anchor: end } .middle { text-anchor: middle }
.grid { stroke: #d0d7de } .range { stroke: #8c959f; stroke-width: 2 }
.a { fill: #fff; stroke: #0550ae; stroke-width: 1.5 } .b { fill: #8c959f } .c { fill: #0550ae } .d { fill: #bf8700 }
.over { font-weight: 700 }
@media (prefers-color-scheme: dark) {
  .page { fill: #0d1117 } text { fill: #e6edf3 } .grid { stroke: #30363d } .range { stroke: #6e7681 }
  .a { fill: #0d1117; stroke: #79c0ff } .b { fill: #6e7681 } .c { fill: #79c0ff } .d { fill: #e3b341 }
}
"""


class Scale(Protocol):
    """A scale of milliseconds over the width of a plot."""

    def place(self, value: float) -> float: ...
    def list_ticks(self) -> list[float]: ...


@dataclass(frozen=True)
class LinearScale:
    """A scale that begins at nothing, for bars."""

    most: float

    def place(self, value: float) -> float:
        """Return the horizontal place of a value."""
        return LABELS + value / self.most * (WIDTH - LABELS - RIGHT)

    def list_ticks(self) -> list[float]:
        """List some ten multiples of 1, 2 or 5 times a power of ten."""
        steps = (digit * 10.0**power for power in range(-2, 6) for digit in (1, 2, 5))
        step = next(each for each in steps if each * 10 >= self.most)
        return [step * index for index in range(int(self.most / step) + 1)]


@dataclass(frozen=True)
class LogarithmicScale:
    """A scale on which equal ratios are equally wide."""

    least: float
    most: float

    def place(self, value: float) -> float:
        """Return the horizontal place of a value."""
        share = (log10(max(value, self.least)) - log10(self.least)) / (log10(self.most) - log10(self.least))
        return LABELS + share * (WIDTH - LABELS - RIGHT)

    def list_ticks(self) -> list[float]:
        """List round values on the scale."""
        ticks = (digit * 10.0**power for power in range(-2, 6) for digit in (1, 1.5, 2, 3, 5, 7))
        return [each for each in ticks if self.least <= each <= self.most]


def plot_growth(title: str, rows: Sequence[tuple[str, Sequence[float], str]]) -> str:
    """Return a plot of the milliseconds of each row at sizes S, M and L on a logarithmic scale.

    Args:
        title: what the plot shows.
        rows: a label, the values at three sizes, and a remark for the right end.
    """
    known = [value for _, values, _ in rows for value in values]
    scale = LogarithmicScale(min(known) / 1.1, max(known) * 1.1)
    parts = []
    for index, (label, values, remark) in enumerate(rows):
        y = TOP + ROW * index + ROW / 2
        places = [scale.place(value) for value in values]
        small, medium, large = places
        parts += [
            _text(LABELS - 8, y + 4, label, "end"),
            f'<line class="range" x1="{min(places):.1f}" x2="{max(places):.1f}" y1="{y}" y2="{y}"/>',
            f'<rect class="b" x="{medium - 2.5:.1f}" y="{y - 2.5}" width="5" height="5"/>',
            f'<circle class="c" cx="{large:.1f}" cy="{y}" r="4"/>',
            f'<circle class="a" cx="{small:.1f}" cy="{y}" r="3.5"/>',
        ]
        if remark:
            parts.append(_text(WIDTH - RIGHT + 8, y + 4, remark, "over"))
    legend = (("a", "S"), ("b", "M"), ("c", "L"))
    return _frame(title, len(rows), scale, legend, parts)


def plot_costs(title: str, kinds: Sequence[str], rows: Sequence[tuple[str, Sequence[float]]]) -> str:
    """Return a plot with a bar for each kind of cost of each row, in milliseconds."""
    scale = LinearScale(max(value for _, values in rows for value in values) * 1.02)
    parts, lines = [], len(kinds)
    for index, (label, values) in enumerate(rows):
        top = TOP + ROW * index * (lines + 1)
        parts.append(_text(LABELS - 110, top + ROW * lines / 2 + 4, label, "end"))
        for line, (kind, value, name) in enumerate(zip(kinds, values, "bcda", strict=False)):
            y = top + ROW * line
            parts += [
                _text(LABELS - 8, y + 11, kind, "end"),
                f'<rect class="{name}" x="{LABELS}" y="{y + 2}" width="{scale.place(value) - LABELS:.1f}" height="{ROW - 3}"/>',
                _text(scale.place(value) + 5, y + 11, f"{value:.1f}", ""),
            ]
    return _frame(title, len(rows) * (lines + 1), scale, (), parts)


def _frame(title: str, rows: int, scale: Scale, legend: Sequence[tuple[str, str]], parts: Iterable[str]) -> str:
    """Return the SVG file: title, scale with its ticks, legend and what is plotted."""
    height = TOP + ROW * rows + BOTTOM
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        f'<rect class="page" width="{WIDTH}" height="{height}"/>',
        _text(8, 14, title, "over"),
        *_draw_legend(legend),
    ]
    for tick in scale.list_ticks():
        x = scale.place(tick)
        lines += [
            f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{height - BOTTOM}"/>',
            _text(x, height - 8, f"{tick:g}", "middle"),
        ]
    lines += [_text(WIDTH - 4, height - 8, "ms", "end"), *parts, "</svg>"]
    return "\n".join(lines) + "\n"


def _draw_legend(legend: Sequence[tuple[str, str]]) -> Iterator[str]:
    for index, (kind, words) in enumerate(legend):
        x = WIDTH - 130 + 45 * index
        if kind == "b":
            yield f'<rect class="b" x="{x - 2.5}" y="8" width="5" height="5"/>'
        else:
            yield f'<circle class="{kind}" cx="{x}" cy="10.5" r="4"/>'
        yield _text(x + 8, 14, words, "")


def _text(x: float, y: float, words: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'
