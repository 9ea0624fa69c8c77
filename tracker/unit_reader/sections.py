"""Sections: which lines belong to which part of the unit.

A document that prints headings is split at them. One without any is split by its markers (`P1`, `K1`, or `1.1`).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from tracker.unit_reader import metadata, phrases
from tracker.unit_reader.document_model import CleanLine, Section
from tracker.unit_reader.headings import (
    ParsedHeading,
    merge_broken_headings,
    parse_heading,
    split_introduction,
    split_run_on_headings,
)
from tracker.unit_reader.markers import Marker, parse_markers
from tracker.unit_reader.phrases import CRITERIA, Part

MAX_GROUP_LENGTH = 100
MAX_LINES_TO_FIRST_STATEMENT = 4
"""A part's first statement is at most so many lines below its heading."""
FORM_FIELD = re.compile(
    r"statement of competence"
    r"|(?:candidate|learner|student|assessor|tutor|witness|iqa|iv|internal (?:verifier|quality assurer))"
    r"(?:['’]?s)?['’]? (?:name|signature|initials)\b(?:[ (].{0,40})?\s*(?:[:_.…].*)?",
    re.IGNORECASE,
)
MIN_MARKERS = 3
CODE_PARTS = {
    "P1": Part.PERFORMANCE,
    "PC1": Part.PERFORMANCE,
    "K1": Part.KNOWLEDGE,
    "KU1": Part.KNOWLEDGE,
    "K&U1": Part.KNOWLEDGE,
}


def split_sections(lines: Sequence[CleanLine]) -> list[Section]:
    """Return the document's sections in order; the first may have no heading."""
    return _SectionSplitter(merge_broken_headings(list(split_run_on_headings(lines)))).split()


class _SectionSplitter:
    """Assignment of a document's lines to sections, one line after the other."""

    def __init__(self, lines: list[CleanLine]) -> None:
        self.lines = lines
        self.named_parts = {heading.part for line in lines if (heading := parse_heading(line.text))}
        self.sections = [Section(None)]
        groups = {above.text for above, line in pairwise(lines) if _heads_group(above, line)}
        self.has_groups = len(groups) > 1
        """Each group has its heading above an introduction of its own."""
        self.filled_parts: set[Part | None] = set()
        """The parts that have lines already."""
        self.outcome: str | None = None
        self.outcome_count = 0
        """How many outcomes or elements were opened."""

    @property
    def current(self) -> Section:
        """Return the section that is being filled."""
        return self.sections[-1]

    def split(self) -> list[Section]:
        """Return the sections."""
        index = 0
        while index < len(self.lines):
            index += self._place_line(index)
            if self.current.lines:
                self.filled_parts.add(self.current.part)
        return self.sections

    def _place_line(self, index: int) -> int:
        """Place a line, and return how many lines were placed with it."""
        line = self.lines[index]
        if self.current.part is Part.FORM and not self._leaves_form(index):
            self.current.lines.append(line)
            return 1
        if FORM_FIELD.fullmatch(line.text) and self.filled_parts & CRITERIA:
            self._open_section(Part.FORM, line)
            return 1
        if self._starts_outcome(line):
            return self._read_outcome(index)
        heading = parse_heading(self.lines[index].text)
        if heading and self._is_heading(heading, index):
            self._open_section(heading.part, replace(line, text=heading.name))
            if heading.rest:
                pieces = split_introduction(heading.rest) if heading.part in CRITERIA else None
                self.current.lines.extend(
                    replace(line, text=text, is_heading=False) for text in pieces or (heading.rest,)
                )
            return 1
        if self._starts_metadata(index):
            if not self.current.is_metadata:
                self.sections.append(Section(None, line, is_metadata=True))
        elif (part := self._match_introduction(index)) is not None:
            group_heading = self._pop_group_heading(index)
            self._open_section(part, None)
            self.current.lines.extend(group_heading)
        elif self.current.is_metadata and not self._is_value_at(index):
            self.sections.append(Section(None))
        self.current.lines.append(line)
        return 1

    def _open_section(self, part: Part, heading: CleanLine | None) -> None:
        if part is Part.KNOWLEDGE and part not in self.filled_parts and self.outcome_count > 1:
            self.outcome = None  # knowledge of a single element would have been below the first element, too
        outcome = self.outcome if part in CRITERIA else None
        self.sections.append(Section(part, heading, outcome=outcome))

    def _is_heading(self, heading: ParsedHeading, index: int) -> bool:
        """Return whether known words are a heading here, and not a group's name or a table's column."""
        line = self.lines[index]
        following = self.lines[index + 1] if index + 1 < len(self.lines) else None
        introduced = bool(heading.rest) or bool(following and phrases.is_introduction(following.text))
        if heading.part is Part.PERFORMANCE and self.current.part is Part.KNOWLEDGE:
            return (
                introduced
                or Part.PERFORMANCE not in self.filled_parts
                or not self.current.lines
                or self.current.outcome != self.outcome
                or _is_coded(following, "P")
            )
        if (
            heading.part in {Part.VALUES, Part.SKILLS, Part.BEHAVIOURS, Part.GLOSSARY, Part.NOTES, Part.OVERVIEW}
            and not line.is_heading
        ):
            return line.text[0].isupper() and not (self.current.part in CRITERIA and line.text.endswith("."))
        return line.text[0].isupper() or line.is_heading

    def _leaves_form(self, index: int) -> bool:
        """Return whether a heading ends the recording form."""
        heading = parse_heading(self.lines[index].text)
        if heading is None or heading.part is Part.FORM:
            return False
        following = self.lines[index + 1] if index + 1 < len(self.lines) else None
        if heading.part not in CRITERIA or (following and phrases.is_introduction(following.text)):
            return True
        return heading.part not in self.filled_parts and self._has_labels_below(index)

    def _match_introduction(self, index: int) -> Part | None:
        """Return the part that `You must be able to:` opens, if no heading of the document does."""
        line = self.lines[index]
        part = phrases.match_introduction(line.text)
        if part is None or part in self.named_parts or self.current.part is part:
            return None
        if part is Part.OUTCOMES and self.current.part in CRITERIA:
            return None
        if self.current.part is Part.OUTCOMES:
            return None
        if phrases.is_course_introduction(line.text) or (
            self.current.part is Part.OVERVIEW
            and not line.is_heading
            and self.named_parts & CRITERIA
            and not self._has_label(index + 1)
        ):
            return None
        return part

    def _has_label(self, index: int) -> bool:
        """Return whether the line has a number or a letter, which points of an overview seldom have."""
        markers = parse_markers(self.lines[index].text) if index < len(self.lines) else []
        return bool(markers) and not markers[0][0].is_ambiguous and not markers[0][0].is_bullet

    def _has_labels_below(self, index: int) -> bool:
        """Return whether labelled text follows soon; a form's own rows are blank."""
        following = self.lines[index + 1 : index + 1 + MAX_LINES_TO_FIRST_STATEMENT]
        return any(
            remainder for line in following for marker, remainder in parse_markers(line.text)[:1] if marker.label
        )

    def _pop_group_heading(self, index: int) -> list[CleanLine]:
        """Take the heading of the first group from above the introduction that opens its part."""
        lines = self.current.lines
        if self.current.part is not Part.OVERVIEW or not lines or lines[-1] is not self.lines[index - 1]:
            return []
        last = lines[-1]
        is_group_heading = last.is_heading or (
            last.after_blank and self.lines[index].after_blank and last.text[-1] not in ".;:,"
        )
        is_group_heading = is_group_heading or (self.has_groups and _may_head_group(last))
        return [lines.pop()] if is_group_heading and len(last.text) <= MAX_GROUP_LENGTH else []

    def _starts_outcome(self, line: CleanLine) -> bool:
        match = phrases.OUTCOME.fullmatch(line.text)
        if not match or line.cells or len(line.text) > 300:
            return False
        return bool(match[2]) or len(line.text) < 24

    def _read_outcome(self, index: int) -> int:
        """Open the section of `Outcome 1: Prepare the site`, whose text may be on the next line."""
        match = phrases.OUTCOME.fullmatch(self.lines[index].text)
        self.outcome_count += 1
        self.outcome = (match[2] if match else "") or None
        lines_taken = 1
        while self.outcome is None and index + lines_taken < len(self.lines) and lines_taken < 3:
            following = self.lines[index + lines_taken]
            if phrases.match_heading(following.text) or parse_markers(following.text):
                break
            lines_taken += 1
            if not phrases.is_introduction(following.text):
                self.outcome = following.text
        part = self.current.part if self.current.part in CRITERIA else Part.OUTCOMES
        numbers = tuple(number for line in self.lines[index : index + lines_taken] for number in line.line_numbers)
        heading = replace(
            self.lines[index], text=self.outcome or self.lines[index].text, line_numbers=numbers, is_heading=True
        )
        if part is Part.OUTCOMES:
            self.sections.append(Section(part, heading, outcome=self.outcome or heading.text))
        else:
            self.sections.append(Section(part, None, outcome=self.outcome or heading.text))
        return lines_taken

    def _starts_metadata(self, index: int) -> bool:
        """Return whether metadata starts here; among criteria only names count with which no criterion starts."""
        if self.current.is_metadata and metadata.parse_unpunctuated_entry(self.lines[index], among_entries=True):
            return True
        if not metadata.starts_metadata(self.lines, index):
            return False
        if self.current.part not in CRITERIA:
            return True
        entry = metadata.parse_entry(self.lines[index])
        return (entry.key if entry else metadata.parse_key(self.lines[index].text)) in metadata.DISTINCTIVE_KEYS

    def _is_value_at(self, index: int) -> bool:
        return index > 0 and metadata.parse_key(self.lines[index - 1].text) is not None


def _heads_group(above: CleanLine, line: CleanLine) -> bool:
    return phrases.is_introduction(line.text) and _may_head_group(above) and not phrases.match_heading(above.text)


def _may_head_group(line: CleanLine) -> bool:
    return line.text[0].isupper() and line.text[-1] not in ".;:," and len(line.text) <= MAX_GROUP_LENGTH


def _is_coded(line: CleanLine | None, prefix: str) -> bool:
    return bool(line) and any(
        marker.style.startswith(prefix) for marker, _ in parse_markers(line.text if line else "")
    )


def filter_sections(sections: Sequence[Section], *parts: Part) -> Iterator[Section]:
    """Yield the sections of the given parts."""
    return (section for section in sections if section.part in parts)


def split_sections_by_markers(lines: Sequence[CleanLine]) -> list[Section]:
    """Return the sections of a document without headings, by its markers: `P1`, `K1`, or `1.1` below outcomes.

    Returns nothing if there are too few of them.
    """
    first_markers = [_parse_first_marker(line) for line in lines]
    if sum(_count_codes(line, marker) for line, marker in zip(lines, first_markers, strict=True)) >= MIN_MARKERS:
        return _split_by_codes(lines, first_markers)
    if sum(marker is not None and marker.style == "1.1a" for marker in first_markers) >= MIN_MARKERS:
        return _split_outcomes_from(
            lines, next(index for index, marker in enumerate(first_markers) if marker and marker.style == "1.1")
        )
    dotted_markers = [marker for marker in first_markers if marker and marker.style == "1.1"]
    if (
        len(dotted_markers) >= MIN_MARKERS
        and dotted_markers[0].numbers[-1] == 1
        and _has_outcomes(first_markers, dotted_markers)
    ):
        return _split_outcomes_from(lines, _find_first_outcome(first_markers, dotted_markers[0]))
    return []


def _parse_first_marker(line: CleanLine) -> Marker | None:
    markers = parse_markers(line.text)
    return markers[0][0] if markers else None


def _count_codes(line: CleanLine, marker: Marker | None) -> int:
    """Return how many codes of the kind that the line starts with are in it."""
    return line.text.count(f" {marker.style[:-1]}") + 1 if marker and marker.style in CODE_PARTS else 0


def _split_by_codes(lines: Sequence[CleanLine], first_markers: Sequence[Marker | None]) -> list[Section]:
    sections = [Section(None)]
    for line, marker in zip(lines, first_markers, strict=True):
        part = CODE_PARTS.get(marker.style) if marker else None
        if part and sections[-1].part is not part:
            above = sections[-1].lines
            heading = [above.pop()] if above and above[-1].is_heading else []
            sections.append(Section(part, None, heading))
        sections[-1].lines.append(line)
    return sections


def _has_outcomes(first_markers: Sequence[Marker | None], dotted_markers: Sequence[Marker]) -> bool:
    numbers = {marker.numbers for marker in first_markers if marker and len(marker.numbers) == 1}
    return all((marker.numbers[0],) in numbers for marker in dotted_markers)


def _find_first_outcome(first_markers: Sequence[Marker | None], criterion: Marker) -> int:
    """Return the index of the first criterion's outcome: the last `1` above `1.1`, since other lists come before."""
    below = next(index for index, marker in enumerate(first_markers) if marker is criterion)
    above = [
        index
        for index, marker in enumerate(first_markers[:below])
        if marker and marker.numbers == criterion.numbers[:1]
    ]
    return above[-1] if above else below


def _split_outcomes_from(lines: Sequence[CleanLine], start: int) -> list[Section]:
    return [Section(None, None, list(lines[:start])), Section(Part.OUTCOMES, None, list(lines[start:]))]
