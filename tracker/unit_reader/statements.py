"""Statements: the lines of a section split into items, with their headings, sub-items and points.

A marker counts if it is the next of its sequence, or if it can begin a sequence there. Any other line continues the
item above, is a heading, or is an item printed without its number; where that is unclear, a doubt is recorded.
"""

import re
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace

from tracker.unit_reader import phrases
from tracker.unit_reader.criteria_ranges import extract_ranges
from tracker.unit_reader.document_model import CleanLine, Doubt, SectionStatements, Statement
from tracker.unit_reader.headings import split_introduction
from tracker.unit_reader.line_wrapping import MAX_WRAP_WIDTH, continues, continues_full_line, merge_texts
from tracker.unit_reader.markers import FIRST_SUB_ITEM, Marker, build_next_marker_pattern, parse_markers
from tracker.unit_reader.nesting import Nesting
from tracker.unit_reader.separate_labels import merge_label_columns, merge_lone_labels
from tracker.unit_reader.unlabelled_statements import split_unlabelled

NOTE_START = re.compile(r"(?:(?:please )?note|notes|n\.?b\.?|guidance|hint|tip)\s*[:–-]\s*", re.IGNORECASE)
MAX_GROUP_HEADING_LENGTH = 250
MAX_STATEMENT_LENGTH = 5_000
"""In characters. Text that would make a statement longer is something else."""
FOOTNOTE = re.compile(r"\*{1,3}(?=[A-Z])")
"""`*May be assessed by questioning.`, below statements that end in a star. A bullet has a space after it."""


def split_statements(lines: Iterable[CleanLine], width: int) -> SectionStatements:
    """Return the statements of one section, in order. `width` is the document's wrap width in characters."""
    doubts: list[Doubt] = []
    kept, ranges = extract_ranges(merge_lone_labels(_remove_introductions(merge_label_columns(list(lines), doubts))))
    footnotes = (
        [line for line in kept if FOOTNOTE.match(line.text)] if any("*" in line.text[1:] for line in kept) else []
    )
    assessor_rules = [line for line in kept if phrases.is_assessor_rule(line.text)]
    # Compared by identity, because parts of one line share its number.
    set_aside = {id(line) for line in (*footnotes, *assessor_rules)}
    result = split_items([line for line in kept if id(line) not in set_aside], width)
    result.doubts.extend(doubts)
    result.unparsed.extend((line.line_numbers, line.text) for line in footnotes)
    result.assessor_rules = [*(line.text for line in assessor_rules), *(each.text for each in ranges if each.is_rule)]
    result.ranges = [(each.first, each.last, each.description) for each in ranges if not each.is_rule]
    return result


def split_items(lines: Sequence[CleanLine], width: int) -> SectionStatements:
    """Return the statements of lines without introductions and ranges."""
    introduction = lines[0] if len(lines) > 1 and phrases.is_list_introduction(lines[0].text) else None
    kept = lines[1:] if introduction else lines
    result = _StatementSplitter(kept, width).split() if _has_markers(kept) else split_unlabelled(kept, width)
    _remove_wordless(result)
    if introduction:
        result.unparsed.append((introduction.line_numbers, introduction.text))
        result.doubts.append(Doubt(introduction.line_numbers, "an introduction in unusual words", "it was not used"))
    return result


def _remove_wordless(result: SectionStatements) -> None:
    """Remove items without a letter, which are no statements whatever is above them."""
    kept = []
    for each in result.statements:
        if each.children or any(character.isalpha() for character in each.text):
            kept.append(each)
            continue
        label = each.marker.label if each.marker else ""
        result.unparsed.append((tuple(each.line_numbers), f"{label} {each.text}".strip()))
    result.statements = kept


def _remove_introductions(lines: Iterable[CleanLine]) -> list[CleanLine]:
    """Remove introductions, and keep the text after one in the same line."""
    remaining = []
    for line in lines:
        if phrases.is_introduction(line.text) and not phrases.starts_item(line.text):
            continue
        pieces = split_introduction(line.text)
        remaining.append(replace(line, text=pieces[1]) if pieces else line)
    return remaining


def _has_markers(lines: Sequence[CleanLine]) -> bool:
    """Return whether any line starts with a marker: an unambiguous one, or one whose next is there, too."""
    first_markers = [markers[0][0] for line in lines if (markers := parse_markers(line.text)) and markers[0][1]]
    present = {(marker.style, marker.numbers) for marker in first_markers}
    return any(
        not marker.is_ambiguous
        or (marker.style == "1" and marker.is_first)
        or (marker.style, (*marker.numbers[:-1], marker.numbers[-1] + 1)) in present
        for marker in first_markers
    )


class _StatementSplitter:
    """Splitting of lines of which some start with a marker."""

    def __init__(self, lines: Sequence[CleanLine], width: int) -> None:
        self.lines = list(lines)
        self.width = width
        self.result = SectionStatements()
        self.nesting = Nesting(lines)
        self.heading: str | None = None
        self.heading_line: CleanLine | None = None
        self.is_group_start = True
        """A heading was read and no item since, so that sequences may start again."""
        self.previous: CleanLine | None = None
        options = [parse_markers(line.text) for line in lines]
        self.last_item = max((index for index, markers in enumerate(options) if markers), default=-1)
        texts = [markers[0][1] for markers in options if markers and markers[0][1]]
        self.items_in_lower_case = sum(text[0].islower() for text in texts) * 2 > len(texts)

    def split(self) -> SectionStatements:
        """Return the statements."""
        for index, line in enumerate(self.lines):
            chosen = self._choose_marker(line)
            if chosen:
                self._open_statements(line, *chosen)
            else:
                self._place_line_without_marker(index, line)
            self.previous = line
        return self.result

    # --- lines with a marker --------------------------------------------------------------------------------

    def _choose_marker(self, line: CleanLine) -> tuple[Marker, str, int] | None:
        """Return the marker that counts, the text after it and its depth, or None if the line has none."""
        options = [(marker, remainder) for marker, remainder in parse_markers(line.text) if remainder]
        for marker, remainder in options:
            depth = self.nesting.find_depth_in_sequence(marker)
            if depth is not None:
                return marker, remainder, depth
        for marker, remainder in sorted(options, key=self.nesting.is_unlikely):
            depth = self.nesting.find_depth(marker, remainder, line, is_group_start=self.is_group_start)
            if depth is not None:
                return marker, remainder, depth
        return None

    def _open_statements(self, line: CleanLine, marker: Marker, text: str, depth: int) -> None:
        """Open the statement of a line, and those that follow it in the same line."""
        pending = deque(self._open_statement(line, marker, text, depth))
        while pending:
            rest_of_line = replace(line, text=pending.popleft())
            chosen = self._choose_marker(rest_of_line)
            if chosen:
                pending.extendleft(reversed(self._open_statement(rest_of_line, *chosen)))
            elif self.nesting.innermost:
                self.nesting.innermost.text = f"{self.nesting.innermost.text} {rest_of_line.text}"

    def _open_statement(self, line: CleanLine, marker: Marker, text: str, depth: int) -> list[str]:
        """Open one statement, and return the texts after it in the line that start with a marker."""
        opened = self.nesting.open_statements
        parent = opened[depth - 1] if depth else None
        if parent and marker.is_bullet:
            del opened[depth:]
            self._add_point(parent, text, line)
            return []
        if depth == 0:
            self._doubt_gap(marker, text, line)
            self.nesting.indent = line.indent
        text, rest = self._split_before_next(text, marker)
        text, sub_items = self._split_before_sub_item(text, marker)
        statement = Statement(text, list(line.line_numbers), marker, self.heading, parent)
        self.result.statements.append(statement)
        if parent:
            parent.children.append(statement)
        self.nesting.open_at(depth, statement)
        self.is_group_start = False
        return [each for each in (sub_items, rest) if each]

    def _doubt_gap(self, marker: Marker, text: str, line: CleanLine) -> None:
        """Report labels that are missing before this one, or printed twice."""
        top = self.nesting.top_marker
        if top is None or (marker.follows(top) or marker.style in self.nesting.constant_styles):
            return
        if self.nesting.count_missing_before(marker, text):
            missing = f"{top.label} is followed by {marker.label}"
            self._add_doubt(
                line.line_numbers, f"{missing}: numbers are missing in the source", "the labels stay as printed"
            )
        elif self.nesting.repeats_label(marker, text):
            self._add_doubt(
                line.line_numbers, f"the label {marker.label} is printed twice", "both statements keep it"
            )

    def _split_before_next(self, text: str, marker: Marker) -> tuple[str, str]:
        """Split the text before the next item in the same line, of its own or an outer sequence."""
        outside = [each.marker for each in reversed(self.nesting.open_statements) if each.marker]
        for each in (marker, *(other for other in outside if other.style != marker.style)):
            pattern = None if each.style in self.nesting.constant_styles else build_next_marker_pattern(each)
            match = pattern.search(text) if pattern else None
            if match:
                return text[: match.start()].rstrip(), text[match.end() :].lstrip()
        return text, ""

    def _split_before_sub_item(self, text: str, marker: Marker | None) -> tuple[str, str]:
        """Split the text before sub-items in the same line.

        `agree with: a) who may be told b) who must not`, or `P3 agree P3.1 who may be told P3.2 who must not`.
        """
        label = re.escape(marker.label) if marker and marker.label else ""
        dotted = re.compile(rf"(?<=\S)\s*(?={label}(?:\.1|a)\s+\S)") if label[-1:].isdigit() else None
        match = FIRST_SUB_ITEM.search(text) or (dotted.search(text) if dotted else None)
        if not match:
            return text, ""
        rest = text[match.end() :]
        first = next((each for each, _ in parse_markers(rest) if each.is_first), None)
        following = build_next_marker_pattern(first) if first else None
        if first is None or not following or not following.search(rest):
            return text, ""
        self.nesting.expect_next(first)
        return text[: match.start()].rstrip(), rest

    def _add_point(self, statement: Statement, text: str, line: CleanLine) -> None:
        statement.points.append(text)
        statement.line_numbers.extend(line.line_numbers)
        self.is_group_start = False

    # --- lines without a marker -----------------------------------------------------------------------------

    def _place_line_without_marker(self, index: int, line: CleanLine) -> None:
        current = self.nesting.innermost
        if self._continues_previous(current, line) and self._append_to_current(current, line):
            return
        if line.is_heading:
            self._set_heading(line)
        elif current and NOTE_START.match(line.text):
            current.note = f"{current.note} {line.text}" if current.note else line.text
            current.line_numbers.extend(line.line_numbers)
            self._add_doubt(
                line.line_numbers, "a remark among the statements", "it is kept as a note of the statement above"
            )
        elif current and self._is_point(current, index, line):
            self._add_point(current, line.text, line)
        elif self._is_heading(index, line):
            self._set_heading(line)
        elif current and not self.is_group_start:
            self._place_unclear_line(current, index, line)
        else:
            self._add_unused(line)

    def _continues_previous(self, current: Statement | None, line: CleanLine) -> bool:
        """Return whether the line continues the one above; after a colon only a full line is continued."""
        if self.previous is None or phrases.match_heading(line.text):
            return False
        if line.after_break and line.text[0].isupper() and self.items_in_lower_case:
            return False  # a new page may begin with a heading
        if current and not self.is_group_start and (current.is_open or current.points):
            return continues_full_line(self.previous, line, self.width) and not self.previous.text.endswith(":")
        return continues(self.previous, line, self.width)

    def _append_to_current(self, current: Statement | None, line: CleanLine) -> bool:
        """Append a wrapped line to the heading, the last point, or the statement."""
        if self.is_group_start and self.heading is not None and self.heading_line is self.previous:
            self.heading = merge_texts(self.heading, line.text)
            self.heading_line = line
            return True
        if current is None or self.is_group_start or len(current.text) > MAX_STATEMENT_LENGTH:
            return False
        if current.points and current.line_numbers[-1] in (self.previous.line_numbers if self.previous else ()):
            current.points[-1] = merge_texts(current.points[-1], line.text)
            current.line_numbers.extend(line.line_numbers)
            return True
        marker = current.marker
        text, rest = self._split_before_next(line.text, marker) if marker else (line.text, "")
        current.text, sub_items = self._split_before_sub_item(merge_texts(current.text, text), marker)
        current.line_numbers.extend(line.line_numbers)
        for rest_of_line in filter(None, (sub_items, rest)):
            part = replace(line, text=rest_of_line)
            if chosen := self._choose_marker(part):
                self._open_statements(part, *chosen)
            else:
                current.text = f"{current.text} {rest_of_line}"
        return True

    def _is_point(self, current: Statement, index: int, line: CleanLine) -> bool:
        """Return whether a line below a colon is a point of the statement, which nothing else marks."""
        stem = current.is_open or bool(current.points)
        if not stem or self.is_group_start:
            return False
        if current.points and line.after_blank and line.text[0].isupper() and current.points[-1][0].islower():
            return False
        ends_here = index + 1 >= len(self.lines) or bool(parse_markers(self.lines[index + 1].text))
        if line.text[0].isupper() and ends_here and self.items_in_lower_case and (current.points or line.after_blank):
            return bool(current.points) and current.points[-1][0].isupper()
        return True

    def _is_heading(self, index: int, line: CleanLine) -> bool:
        if index >= self.last_item:
            return False
        text = line.text
        if text.endswith(":") or not text[0].islower():
            return not (text.endswith(".") and len(text) > 60) and len(text) <= MAX_GROUP_HEADING_LENGTH
        return not self.nesting.open_statements

    def _set_heading(self, line: CleanLine) -> None:
        if self.is_group_start and self.heading_line is not None and self.heading_line is self.previous:
            self._add_doubt(
                self.heading_line.line_numbers + line.line_numbers,
                "two headings follow each other",
                "the second is the heading of the statements below",
            )
        self.heading, self.heading_line = line.text, line
        self.is_group_start = True
        del self.nesting.open_statements[1:]

    def _place_unclear_line(self, current: Statement, index: int, line: CleanLine) -> None:
        """Place a line that looks like neither an item nor a heading.

        It is the rest of the statement above, or a statement printed without its number.
        """
        if len(current.text) > MAX_STATEMENT_LENGTH:
            self._add_unused(line)
        elif not (line.after_blank or line.ends_paragraph or self.width > MAX_WRAP_WIDTH):
            current.text = merge_texts(current.text, line.text)
            current.line_numbers.extend(line.line_numbers)
        elif index < self.last_item or (line.text[0].islower() and self.items_in_lower_case and line.text[-1] != "."):
            statement = Statement(
                line.text, list(line.line_numbers), self.nesting.top_marker, self.heading, is_unlabelled=True
            )
            self.result.statements.append(statement)
            self.nesting.open_statements[:] = [statement]
        else:
            self._add_unused(line)

    def _add_unused(self, line: CleanLine) -> None:
        self.result.unparsed.append((line.line_numbers, line.text))
        self._add_doubt(line.line_numbers, "a line that is neither a statement nor a heading", "it was not used")

    def _add_doubt(self, numbers: tuple[int, ...], what: str, assumed: str) -> None:
        self.result.doubts.append(Doubt(numbers, what, assumed))
