"""Nesting of statements: the statement open at each depth, and the depth at which a marker opens the next."""

from collections import Counter
from collections.abc import Sequence

from tracker.unit_reader.document_model import CleanLine, Statement
from tracker.unit_reader.markers import Marker, read_markers

MAX_DEPTH = 2
MAX_GAP_WIDTH = 20
"""So many numbers may be missing in a source; a longer step is a number that is no label."""


def next_of(marker: Marker) -> tuple[int, ...]:
    """The place behind the marker's own; none for a bullet."""
    return (*marker.numbers[:-1], marker.numbers[-1] + 1) if marker.numbers else ()


class Levels:
    """What the markers of a section have in common, and the statement open at each depth, the outermost first."""

    def __init__(self, rows: Sequence[CleanLine]) -> None:
        self.open: list[Statement] = []
        self.indent = 0
        """Of the outermost statements."""
        self.closed: dict[int, Marker] = {}
        """The last marker at each depth, also where a statement outside it was opened since."""
        options = [found for row in rows if (found := read_markers(row.text))]
        self.present = {(marker.family, marker.numbers) for found in options for marker, _ in found}
        self.latest: dict[tuple[str, tuple[int, ...]], int] = {}
        """The highest number of each family."""
        for marker in (marker for found in options for marker, _ in found if marker.numbers):
            key = (marker.family, marker.numbers[:-1])
            self.latest[key] = max(self.latest.get(key, 0), marker.numbers[-1])
        families = Counter(found[0][0].family for found in options)
        ones = Counter(found[0][0].family for found in options if found[0][0].numbers == (1,))
        self.all_ones = {name for name, count in ones.items() if count > 1 and count * 3 >= families[name] * 2}
        """The families that print 1 throughout."""

    @property
    def top(self) -> Marker | None:
        return self.open[0].marker if self.open else None

    @property
    def innermost(self) -> Statement | None:
        return self.open[-1] if self.open else None

    def depth_of(self, marker: Marker, text: str, row: CleanLine, *, fresh: bool) -> int | None:
        """Where the marker opens a statement; None where it is no marker but a word of the text.

        `fresh`: a heading stands above and no statement since, so that rows may begin anew.
        """
        if not self.open:
            return 0 if self.may_open(marker, text) else None
        within = [depth for depth, each in enumerate(self.open) if each.marker and marker.is_within(each.marker)]
        if within:
            return within[0] + 1
        if marker.is_bullet:
            return self._depth_of_bullet(marker, row, fresh=fresh)
        if self.top and marker.family == self.top.family:
            later = self.gap_before(marker, text) or self.repeats(marker, text)
            return 0 if later or self._begins_anew(marker, fresh=fresh) else self._depth_inside(marker)
        if self.may_open(marker, text) and (fresh or marker.is_first):
            return 0 if fresh or self._leaves_bullets(row) else min(len(self.open), MAX_DEPTH)
        return 0 if self._is_dotted_sibling(marker) else None

    def depth_in_turn(self, marker: Marker) -> int | None:
        """Where it is the next one of its row, the innermost first."""
        for depth in range(len(self.open) - 1, -1, -1):
            last = self.open[depth].marker
            if last is None or (marker.is_bullet and depth < len(self.open) - 1):
                continue
            if marker.follows(last) or (marker.family in self.all_ones and marker.family == last.family):
                return depth
        return self._depth_counted_on(marker)

    def _depth_counted_on(self, marker: Marker) -> int | None:
        """`P4` under `2. Serve`, after `P3` under `1. Prepare`: a numbering that runs on through those outside it."""
        last = self.closed.get(len(self.open))
        runs_on = last is not None and not marker.weak and not marker.is_bullet and marker.follows(last)
        return len(self.open) if runs_on else None

    def open_at(self, depth: int, statement: Statement) -> None:
        """Open a statement, and close those that stood at its depth and within."""
        self.open[depth:] = [statement]
        if statement.marker:
            self.closed[depth] = statement.marker

    def expect_next_of(self, marker: Marker) -> None:
        """Its next one was seen inside the line, where `latest` does not look."""
        key = (marker.family, marker.numbers[:-1])
        self.latest[key] = max(self.latest.get(key, 0), marker.numbers[-1] + 1)

    def is_unlikely(self, option: tuple[Marker, str]) -> bool:
        """Of a letter and a Roman number, the one that neither begins a row nor has a next one is the less likely."""
        marker, _ = option
        return not marker.is_first and (marker.family, next_of(marker)) not in self.present

    def gap_before(self, marker: Marker, text: str) -> int:
        """How many labels are left out between the outermost statement and this one; 0 where it is not later."""
        if self.top is None:
            return 0
        gap = marker.gap_after(self.top)
        widest = 1 if marker.weak and text[0].islower() else MAX_GAP_WIDTH
        return gap if 0 < gap <= widest else 0

    def repeats(self, marker: Marker, text: str) -> bool:
        """The label of the statement above printed once more."""
        same = self.top is not None and marker.numbers == self.top.numbers and marker.family == self.top.family
        return same and not (marker.weak and text[0].islower())

    def may_open(self, marker: Marker, text: str) -> bool:
        """A weak marker opens a row only where a later one is there too; `1 Why …` may stand alone."""
        if marker.is_bullet or not marker.weak or marker.family in self.all_ones:
            return True
        if marker.is_first and marker.family == "1" and text[0].isupper():
            return True
        return self.latest.get((marker.family, marker.numbers[:-1]), 0) > marker.numbers[-1]

    def _depth_of_bullet(self, marker: Marker, row: CleanLine, *, fresh: bool) -> int:
        """Outermost among bullets of its own sign, unless it stands further in; else a sub-point."""
        if self.top and not self.top.is_bullet:
            return 0 if fresh else len(self.open)
        same_sign = self.top is None or marker.family == self.top.family
        return 0 if same_sign and (fresh or row.indent <= self.indent) else len(self.open)

    def _begins_anew(self, marker: Marker, *, fresh: bool) -> bool:
        """The outermost row starts again: under a heading, or with the next outcome's first."""
        if fresh and not marker.weak:
            return True
        if len(marker.numbers) > 1 and self.top:
            return marker.numbers[:-1] != self.top.numbers[:-1] and marker.numbers > self.top.numbers
        if not marker.is_first or (marker.weak and not fresh):
            return False
        return not (self.innermost and self.innermost.is_open)

    def _depth_inside(self, marker: Marker) -> int | None:
        """1, 2, 3 below a stem that is itself numbered 4."""
        return 1 if marker.is_first and not marker.weak and self.innermost and self.innermost.is_open else None

    def _leaves_bullets(self, row: CleanLine) -> bool:
        """A numbered row that follows bullets, and is not inside the last of them."""
        if not (self.top and self.top.is_bullet and self.innermost):
            return False
        return not self.innermost.is_open and row.indent <= self.indent

    def _is_dotted_sibling(self, marker: Marker) -> bool:
        """`2.1` after the sub-items of outcome 1."""
        if len(marker.numbers) < 2 or marker.weak or self.top is None:
            return False
        before = (marker.family, (*marker.numbers[:-1], marker.numbers[-1] - 1))
        return marker.family.startswith(self.top.family[:1]) and (marker.is_first or before in self.present)
