"""Nesting of statements: the statement open at each depth, and the depth at which a marker opens the next."""

from collections import Counter
from collections.abc import Sequence

from tracker.unit_reader.document_model import CleanLine, Statement
from tracker.unit_reader.markers import Marker, parse_markers

MAX_DEPTH = 2
MAX_MISSING_LABELS = 20
"""So many numbers may be missing in a source; a larger step shows a number that is no label."""


def compute_next_numbers(marker: Marker) -> tuple[int, ...]:
    """Return the numbers of the next marker of the sequence; `()` for a bullet."""
    return (*marker.numbers[:-1], marker.numbers[-1] + 1) if marker.numbers else ()


class Nesting:
    """The statement open at each depth of a section, the outermost first, and what its markers have in common."""

    def __init__(self, lines: Sequence[CleanLine]) -> None:
        self.open_statements: list[Statement] = []
        self.indent = 0
        """The indent of the outermost statements."""
        self.last_markers: dict[int, Marker] = {}
        """The last marker at each depth, even if a statement outside it was opened since."""
        options = [markers for line in lines if (markers := parse_markers(line.text))]
        self.seen_markers = {(marker.style, marker.numbers) for markers in options for marker, _ in markers}
        self.highest_numbers: dict[tuple[str, tuple[int, ...]], int] = {}
        """The highest number of each sequence."""
        for marker in (marker for markers in options for marker, _ in markers if marker.numbers):
            key = (marker.style, marker.numbers[:-1])
            self.highest_numbers[key] = max(self.highest_numbers.get(key, 0), marker.numbers[-1])
        styles = Counter(markers[0][0].style for markers in options)
        first_numbers = Counter(markers[0][0].style for markers in options if markers[0][0].numbers == (1,))
        self.constant_styles = {
            name for name, count in first_numbers.items() if count > 1 and count * 3 >= styles[name] * 2
        }
        """The styles of which every marker is 1."""

    @property
    def top_marker(self) -> Marker | None:
        """Return the marker of the outermost open statement."""
        return self.open_statements[0].marker if self.open_statements else None

    @property
    def innermost(self) -> Statement | None:
        """Return the innermost open statement."""
        return self.open_statements[-1] if self.open_statements else None

    def find_depth(self, marker: Marker, text: str, line: CleanLine, *, is_group_start: bool) -> int | None:
        """Return the depth at which a marker opens a statement, or None if it is a word of the text.

        `is_group_start`: a heading is above and no statement since, so that sequences may start again.
        """
        if not self.open_statements:
            return 0 if self.can_start_sequence(marker, text) else None
        depths_within = [
            depth for depth, each in enumerate(self.open_statements) if each.marker and marker.is_within(each.marker)
        ]
        if depths_within:
            return depths_within[0] + 1
        if marker.is_bullet:
            return self._find_bullet_depth(marker, line, is_group_start=is_group_start)
        if self.top_marker and marker.style == self.top_marker.style:
            later = self.count_missing_before(marker, text) or self.repeats_label(marker, text)
            return (
                0
                if later or self._starts_again(marker, is_group_start=is_group_start)
                else self._find_depth_inside(marker)
            )
        if self.can_start_sequence(marker, text) and (is_group_start or marker.is_first):
            return 0 if is_group_start or self._leaves_bullets(line) else min(len(self.open_statements), MAX_DEPTH)
        return 0 if self._is_dotted_sibling(marker) else None

    def find_depth_in_sequence(self, marker: Marker) -> int | None:
        """Return the depth at which the marker is the next of its sequence, the innermost first."""
        for depth in range(len(self.open_statements) - 1, -1, -1):
            last_marker = self.open_statements[depth].marker
            if last_marker is None or (marker.is_bullet and depth < len(self.open_statements) - 1):
                continue
            if marker.follows(last_marker) or (
                marker.style in self.constant_styles and marker.style == last_marker.style
            ):
                return depth
        return self._find_depth_of_continued_sequence(marker)

    def _find_depth_of_continued_sequence(self, marker: Marker) -> int | None:
        """Return the depth of a sequence that continues below another stem.

        `P4` below `2. Serve` follows `P3` below `1. Prepare`.
        """
        last_marker = self.last_markers.get(len(self.open_statements))
        is_continued = (
            last_marker is not None
            and not marker.is_ambiguous
            and not marker.is_bullet
            and marker.follows(last_marker)
        )
        return len(self.open_statements) if is_continued else None

    def open_at(self, depth: int, statement: Statement) -> None:
        """Open a statement at a depth, and close those at that depth and deeper."""
        self.open_statements[depth:] = [statement]
        if statement.marker:
            self.last_markers[depth] = statement.marker

    def expect_next(self, marker: Marker) -> None:
        """Record that the marker after this one was seen inside a line."""
        key = (marker.style, marker.numbers[:-1])
        self.highest_numbers[key] = max(self.highest_numbers.get(key, 0), marker.numbers[-1] + 1)

    def is_unlikely(self, option: tuple[Marker, str]) -> bool:
        """Return whether a marker neither starts a sequence nor has a next one.

        It decides between a letter and a Roman number, such as `i)`.
        """
        marker, _ = option
        return not marker.is_first and (marker.style, compute_next_numbers(marker)) not in self.seen_markers

    def count_missing_before(self, marker: Marker, text: str) -> int:
        """Return how many labels are missing before this marker; 0 if it is not later in the sequence."""
        if self.top_marker is None:
            return 0
        gap = marker.count_missing_after(self.top_marker)
        max_missing = 1 if marker.is_ambiguous and text[0].islower() else MAX_MISSING_LABELS
        return gap if 0 < gap <= max_missing else 0

    def repeats_label(self, marker: Marker, text: str) -> bool:
        """Return whether the marker is that of the outermost open statement once more."""
        same = (
            self.top_marker is not None
            and marker.numbers == self.top_marker.numbers
            and marker.style == self.top_marker.style
        )
        return same and not (marker.is_ambiguous and text[0].islower())

    def can_start_sequence(self, marker: Marker, text: str) -> bool:
        """Return whether a marker can start a sequence.

        An ambiguous one can only if a later one is there, too. `1 Why …` can alone.
        """
        if marker.is_bullet or not marker.is_ambiguous or marker.style in self.constant_styles:
            return True
        if marker.is_first and marker.style == "1" and text[0].isupper():
            return True
        return self.highest_numbers.get((marker.style, marker.numbers[:-1]), 0) > marker.numbers[-1]

    def _find_bullet_depth(self, marker: Marker, line: CleanLine, *, is_group_start: bool) -> int:
        """Return 0 for a bullet among bullets of its sign, unless it is indented further; else a point's depth."""
        if self.top_marker and not self.top_marker.is_bullet:
            return 0 if is_group_start else len(self.open_statements)
        same_sign = self.top_marker is None or marker.style == self.top_marker.style
        return 0 if same_sign and (is_group_start or line.indent <= self.indent) else len(self.open_statements)

    def _starts_again(self, marker: Marker, *, is_group_start: bool) -> bool:
        """Return whether the outermost sequence starts again, below a heading or in the next outcome."""
        if is_group_start and not marker.is_ambiguous:
            return True
        if len(marker.numbers) > 1 and self.top_marker:
            return marker.numbers[:-1] != self.top_marker.numbers[:-1] and marker.numbers > self.top_marker.numbers
        if not marker.is_first or (marker.is_ambiguous and not is_group_start):
            return False
        return not (self.innermost and self.innermost.is_open)

    def _find_depth_inside(self, marker: Marker) -> int | None:
        """Return depth 1 for 1, 2, 3 below a stem that is itself numbered 4, or None."""
        return (
            1 if marker.is_first and not marker.is_ambiguous and self.innermost and self.innermost.is_open else None
        )

    def _leaves_bullets(self, line: CleanLine) -> bool:
        """Return whether a number follows bullets and is not inside the last of them."""
        if not (self.top_marker and self.top_marker.is_bullet and self.innermost):
            return False
        return not self.innermost.is_open and line.indent <= self.indent

    def _is_dotted_sibling(self, marker: Marker) -> bool:
        """Return whether a dotted number is the next after sub-items, as `2.1` is after those of outcome 1."""
        if len(marker.numbers) < 2 or marker.is_ambiguous or self.top_marker is None:
            return False
        previous = (marker.style, (*marker.numbers[:-1], marker.numbers[-1] - 1))
        return marker.style.startswith(self.top_marker.style[:1]) and (
            marker.is_first or previous in self.seen_markers
        )
