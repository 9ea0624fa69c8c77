"""Statements: the lines of a section split into items, with their headings, sub-items and points.

A marker counts if it is the next of its sequence, or if it can begin a sequence there. Any other line continues the
item above, is a heading, or is an item printed without its number; where that is unclear, a doubt is recorded.
"""

import re
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace

from tracker.unit_reader import phrases
from tracker.unit_reader.criteria_ranges import take_ranges
from tracker.unit_reader.document_model import CleanLine, Doubt, SectionStatements, Statement
from tracker.unit_reader.headings import split_introduction
from tracker.unit_reader.line_wrapping import MAX_WRAP_WIDTH, continues, is_overlong, run_on
from tracker.unit_reader.markers import FIRST_WITHIN, Marker, read_markers, successor_pattern
from tracker.unit_reader.nesting import Levels
from tracker.unit_reader.separate_labels import join_label_columns, join_lone_labels
from tracker.unit_reader.unlabelled_statements import split_bare

REMARK = re.compile(r"(?:(?:please )?note|notes|n\.?b\.?|guidance|hint|tip)\s*[:–-]\s*", re.IGNORECASE)
MAX_HEADING_LENGTH = 250
MAX_STATEMENT_LENGTH = 5_000
"""What would make a statement longer than this is something else."""


FOOTNOTE = re.compile(r"\*{1,3}(?=[A-Z])")
"""`*May be assessed by questioning.`, below statements that end in a star; a bullet has a space behind it."""


def split_statements(rows: Iterable[CleanLine], width: int) -> SectionStatements:
    """The items of one section, in order. `width` is where the document wraps its lines."""
    doubts: list[Doubt] = []
    kept, ranges = take_ranges(join_lone_labels(_introductions_apart(join_label_columns(list(rows), doubts))))
    footnotes = [row for row in kept if FOOTNOTE.match(row.text)] if any("*" in row.text[1:] for row in kept) else []
    told = [row for row in kept if phrases.is_for_assessor(row.text)]
    aside = {id(row) for row in (*footnotes, *told)}  # pieces of one line have its number in common
    found = split_items([row for row in kept if id(row) not in aside], width)
    found.doubts.extend(doubts)
    found.unparsed.extend((row.numbers, row.text) for row in footnotes)
    found.rules = [*(row.text for row in told), *(each.text for each in ranges if each.is_rule)]
    found.ranges = [(each.first, each.last, each.said) for each in ranges if not each.is_rule]
    return found


def split_items(rows: Sequence[CleanLine], width: int) -> SectionStatements:
    """The items of rows that hold no introduction and speak of no ranges."""
    opener = rows[0] if len(rows) > 1 and phrases.opens_list(rows[0].text) else None
    kept = rows[1:] if opener else rows
    found = _Splitter(kept, width).split() if _has_markers(kept) else split_bare(kept, width)
    _drop_wordless(found)
    if opener:
        found.unparsed.append((opener.numbers, opener.text))
        found.doubts.append(Doubt(opener.numbers, "an introduction in words of its own", "it was placed nowhere"))
    return found


def _drop_wordless(found: SectionStatements) -> None:
    """Numbers and signs without a word are no statement, whatever stands above them."""
    kept = []
    for each in found.statements:
        if each.children or any(character.isalpha() for character in each.text):
            kept.append(each)
            continue
        label = each.marker.label if each.marker else ""
        found.unparsed.append((tuple(each.numbers), f"{label} {each.text}".strip()))
    found.statements = kept


def _introductions_apart(rows: Iterable[CleanLine]) -> list[CleanLine]:
    """Introductions taken out; what stands behind one in the same line stays."""
    found = []
    for row in rows:
        if phrases.is_introduction(row.text) and not phrases.starts_item(row.text):
            continue
        pieces = split_introduction(row.text)
        found.append(replace(row, text=pieces[1]) if pieces else row)
    return found


def _has_markers(rows: Sequence[CleanLine]) -> bool:
    """Whether any row begins with a marker: one that needs no neighbour, or one whose next is there too."""
    firsts = [found[0][0] for row in rows if (found := read_markers(row.text)) and found[0][1]]
    present = {(marker.family, marker.numbers) for marker in firsts}
    return any(
        not marker.weak
        or (marker.family == "1" and marker.is_first)
        or (marker.family, (*marker.numbers[:-1], marker.numbers[-1] + 1)) in present
        for marker in firsts
    )


class _Splitter:
    """Rows of which some begin with a marker."""

    def __init__(self, rows: Sequence[CleanLine], width: int) -> None:
        self.rows = list(rows)
        self.width = width
        self.found = SectionStatements()
        self.levels = Levels(rows)
        self.heading: str | None = None
        self.heading_row: CleanLine | None = None
        self.fresh = True
        """A heading was read and no item since: rows may begin anew."""
        self.before: CleanLine | None = None
        options = [read_markers(row.text) for row in rows]
        self.last_item = max((at for at, found in enumerate(options) if found), default=-1)
        texts = [found[0][1] for found in options if found and found[0][1]]
        self.items_begin_small = sum(text[0].islower() for text in texts) * 2 > len(texts)

    def split(self) -> SectionStatements:
        for at, row in enumerate(self.rows):
            chosen = self._choose(row)
            if chosen:
                self._open_all(row, *chosen)
            else:
                self._place_unmarked(at, row)
            self.before = row
        return self.found

    # --- rows with a marker --------------------------------------------------------------------------------

    def _choose(self, row: CleanLine) -> tuple[Marker, str, int] | None:
        """The marker that counts, the text behind it, and at which depth; None where the row has none."""
        options = [(marker, behind) for marker, behind in read_markers(row.text) if behind]
        for marker, behind in options:
            depth = self.levels.depth_in_turn(marker)
            if depth is not None:
                return marker, behind, depth
        for marker, behind in sorted(options, key=self.levels.is_unlikely):
            depth = self.levels.depth_of(marker, behind, row, fresh=self.fresh)
            if depth is not None:
                return marker, behind, depth
        return None

    def _open_all(self, row: CleanLine, marker: Marker, text: str, depth: int) -> None:
        """The item, and those that follow it in the same line."""
        waiting = deque(self._open(row, marker, text, depth))
        while waiting:
            more = replace(row, text=waiting.popleft())
            chosen = self._choose(more)
            if chosen:
                waiting.extendleft(reversed(self._open(more, *chosen)))
            elif self.levels.innermost:
                self.levels.innermost.text = f"{self.levels.innermost.text} {more.text}"

    def _open(self, row: CleanLine, marker: Marker, text: str, depth: int) -> list[str]:
        """Open one item; gives what stands behind it in the line and begins with a marker of its own."""
        opened = self.levels.open
        parent = opened[depth - 1] if depth else None
        if parent and marker.is_bullet:
            del opened[depth:]
            self._add_point(parent, text, row)
            return []
        if depth == 0:
            self._note_gap(marker, text, row)
            self.levels.indent = row.indent
        text, rest = self._cut_next(text, marker)
        text, inside = self._cut_first_within(text, marker)
        statement = Statement(text, list(row.numbers), marker, self.heading, parent)
        self.found.statements.append(statement)
        if parent:
            parent.children.append(statement)
        self.levels.open_at(depth, statement)
        self.fresh = False
        return [each for each in (inside, rest) if each]

    def _note_gap(self, marker: Marker, text: str, row: CleanLine) -> None:
        top = self.levels.top
        if top is None or (marker.follows(top) or marker.family in self.levels.all_ones):
            return
        if self.levels.gap_before(marker, text):
            missing = f"{top.label} is followed by {marker.label}"
            self._doubt(row.numbers, f"{missing}: numbers are missing in the source", "the labels stay as printed")
        elif self.levels.repeats(marker, text):
            self._doubt(row.numbers, f"the label {marker.label} is printed twice", "both statements keep it")

    def _cut_next(self, text: str, marker: Marker) -> tuple[str, str]:
        """The text up to where the next item begins in the same line, of its own row or one outside; and the rest."""
        outside = [each.marker for each in reversed(self.levels.open) if each.marker]
        for each in (marker, *(other for other in outside if other.family != marker.family)):
            pattern = None if each.family in self.levels.all_ones else successor_pattern(each)
            match = pattern.search(text) if pattern else None
            if match:
                return text[: match.start()].rstrip(), text[match.end() :].lstrip()
        return text, ""

    def _cut_first_within(self, text: str, marker: Marker | None) -> tuple[str, str]:
        """`agree with: a) who may be told b) who must not`, or `P3 agree P3.1 who may be told P3.2 who must not`."""
        label = re.escape(marker.label) if marker and marker.label else ""
        dotted = re.compile(rf"(?<=\S)\s*(?={label}(?:\.1|a)\s+\S)") if label[-1:].isdigit() else None
        match = FIRST_WITHIN.search(text) or (dotted.search(text) if dotted else None)
        if not match:
            return text, ""
        rest = text[match.end() :]
        first = next((each for each, _ in read_markers(rest) if each.is_first), None)
        following = successor_pattern(first) if first else None
        if first is None or not following or not following.search(rest):
            return text, ""
        self.levels.expect_next_of(first)
        return text[: match.start()].rstrip(), rest

    def _add_point(self, statement: Statement, text: str, row: CleanLine) -> None:
        statement.points.append(text)
        statement.numbers.extend(row.numbers)
        self.fresh = False

    # --- rows without a marker -----------------------------------------------------------------------------

    def _place_unmarked(self, at: int, row: CleanLine) -> None:
        current = self.levels.innermost
        if self._goes_on(current, row) and self._append(current, row):
            return
        if row.heading:
            self._read_heading(row)
        elif current and REMARK.match(row.text):
            current.note = f"{current.note} {row.text}" if current.note else row.text
            current.numbers.extend(row.numbers)
            self._doubt(row.numbers, "a remark among the statements", "it is kept as a note of the statement above")
        elif current and self._is_point(current, at, row):
            self._add_point(current, row.text, row)
        elif self._is_heading(at, row):
            self._read_heading(row)
        elif current and not self.fresh:
            self._place_doubtful(current, at, row)
        else:
            self._unparsed(row)

    def _goes_on(self, current: Statement | None, row: CleanLine) -> bool:
        """Whether the row is the rest of the line above; behind a colon only a full line is gone on with."""
        if self.before is None or phrases.section_of(row.text):
            return False
        if row.after_break and row.text[0].isupper() and self.items_begin_small:
            return False  # a new page may begin with a heading
        if current and not self.fresh and (current.is_open or current.points):
            return is_overlong(self.before, row, self.width) and not self.before.text.endswith(":")
        return continues(self.before, row, self.width)

    def _append(self, current: Statement | None, row: CleanLine) -> bool:
        """The rest of a wrapped line: of the heading, the last point, or the item."""
        if self.fresh and self.heading is not None and self.heading_row is self.before:
            self.heading = run_on(self.heading, row.text)
            self.heading_row = row
            return True
        if current is None or self.fresh or len(current.text) > MAX_STATEMENT_LENGTH:
            return False
        if current.points and current.numbers[-1] in (self.before.numbers if self.before else ()):
            current.points[-1] = run_on(current.points[-1], row.text)
            current.numbers.extend(row.numbers)
            return True
        marker = current.marker
        text, rest = self._cut_next(row.text, marker) if marker else (row.text, "")
        current.text, inside = self._cut_first_within(run_on(current.text, text), marker)
        current.numbers.extend(row.numbers)
        for more in filter(None, (inside, rest)):
            part = replace(row, text=more)
            if chosen := self._choose(part):
                self._open_all(part, *chosen)
            else:
                current.text = f"{current.text} {more}"
        return True

    def _is_point(self, current: Statement, at: int, row: CleanLine) -> bool:
        """A line below a colon, before the next item: a sub-point that only the colon opens."""
        stem = current.is_open or bool(current.points)
        if not stem or self.fresh:
            return False
        if current.points and row.after_blank and row.text[0].isupper() and current.points[-1][0].islower():
            return False
        ends_here = at + 1 >= len(self.rows) or bool(read_markers(self.rows[at + 1].text))
        if row.text[0].isupper() and ends_here and self.items_begin_small and (current.points or row.after_blank):
            return bool(current.points) and current.points[-1][0].isupper()
        return True

    def _is_heading(self, at: int, row: CleanLine) -> bool:
        if at >= self.last_item:
            return False
        text = row.text
        if text.endswith(":") or not text[0].islower():
            return not (text.endswith(".") and len(text) > 60) and len(text) <= MAX_HEADING_LENGTH
        return not self.levels.open

    def _read_heading(self, row: CleanLine) -> None:
        if self.fresh and self.heading_row is not None and self.heading_row is self.before:
            self._doubt(
                self.heading_row.numbers + row.numbers,
                "two headings stand one above the other",
                "the lower one is the heading of what follows",
            )
        self.heading, self.heading_row = row.text, row
        self.fresh = True
        del self.levels.open[1:]

    def _place_doubtful(self, current: Statement, at: int, row: CleanLine) -> None:
        """Neither item nor heading by its looks: an item without its number, or the rest of the item above."""
        if len(current.text) > MAX_STATEMENT_LENGTH:
            self._unparsed(row)
        elif not (row.after_blank or row.fixed or self.width > MAX_WRAP_WIDTH):
            current.text = run_on(current.text, row.text)
            current.numbers.extend(row.numbers)
        elif at < self.last_item or (row.text[0].islower() and self.items_begin_small and row.text[-1] != "."):
            statement = Statement(row.text, list(row.numbers), self.levels.top, self.heading, unlabelled=True)
            self.found.statements.append(statement)
            self.levels.open[:] = [statement]
        else:
            self._unparsed(row)

    def _unparsed(self, row: CleanLine) -> None:
        self.found.unparsed.append((row.numbers, row.text))
        self._doubt(row.numbers, "a line that is neither a statement nor a heading", "it was placed nowhere")

    def _doubt(self, numbers: tuple[int, ...], what: str, assumed: str) -> None:
        self.found.doubts.append(Doubt(numbers, what, assumed))
