"""Sections: which lines belong to which part of the unit.

A document that prints headings is split at them. One without any is split by its markers (`P1`, `K1`, or `1.1`).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from tracker.unit_reader import metadata, phrases
from tracker.unit_reader.document_model import CleanLine, Section
from tracker.unit_reader.headings import Headed, break_headings, heading_at, join_broken, split_introduction
from tracker.unit_reader.markers import Marker, read_markers
from tracker.unit_reader.phrases import CRITERIA, Part

MAX_GROUP_LENGTH = 100
LABELS_BELOW = 4
"""How soon below its heading a part's first statement stands."""
FORM_WORDS = re.compile(
    r"statement of competence"
    r"|(?:candidate|learner|student|assessor|tutor|witness|iqa|iv|internal (?:verifier|quality assurer))"
    r"(?:['’]?s)?['’]? (?:name|signature|initials)\b(?:[ (].{0,40})?\s*(?:[:_.…].*)?",
    re.IGNORECASE,
)


def find_sections(rows: Sequence[CleanLine]) -> list[Section]:
    """The document's parts in order; the first may hold no heading."""
    return _Finder(join_broken(list(break_headings(rows)))).find()


class _Finder:
    def __init__(self, rows: list[CleanLine]) -> None:
        self.rows = rows
        self.named = {headed.part for row in rows if (headed := heading_at(row.text))}
        self.sections = [Section(None)]
        groups = {above.text for above, row in pairwise(rows) if _heads_group(above, row)}
        self.has_groups = len(groups) > 1
        """Each group has its heading above an introduction of its own."""
        self.filled: set[Part | None] = set()
        """The parts that hold rows already."""
        self.outcome: str | None = None
        self.elements = 0
        """How many outcomes or elements were opened."""

    @property
    def current(self) -> Section:
        return self.sections[-1]

    def find(self) -> list[Section]:
        at = 0
        while at < len(self.rows):
            at += self._take(at)
            if self.current.rows:
                self.filled.add(self.current.part)
        return self.sections

    def _take(self, at: int) -> int:
        """Place the row, and say how many rows were taken."""
        row = self.rows[at]
        if self.current.part is Part.FORM and not self._leaves_form(at):
            self.current.rows.append(row)
            return 1
        if FORM_WORDS.fullmatch(row.text) and self.filled & CRITERIA:
            self._open(Part.FORM, row)
            return 1
        if self._opens_outcome(row):
            return self._take_outcome(at)
        headed = heading_at(self.rows[at].text)
        if headed and self._is_heading(headed, at):
            self._open(headed.part, replace(row, text=headed.name))
            if headed.rest:
                pieces = split_introduction(headed.rest) if headed.part in CRITERIA else None
                self.current.rows.extend(replace(row, text=text, heading=False) for text in pieces or (headed.rest,))
            return 1
        if self._opens_facts(at):
            if not self.current.facts:
                self.sections.append(Section(None, row, facts=True))
        elif (part := self._opened_by_introduction(at)) is not None:
            heading = self._group_above(at)
            self._open(part, None)
            self.current.rows.extend(heading)
        elif self.current.facts and not self._is_value_here(at):
            self.sections.append(Section(None))
        self.current.rows.append(row)
        return 1

    def _open(self, part: Part, heading: CleanLine | None) -> None:
        if part is Part.KNOWLEDGE and part not in self.filled and self.elements > 1:
            self.outcome = None  # had each element its own knowledge, the first would have had it
        outcome = self.outcome if part in CRITERIA else None
        self.sections.append(Section(part, heading, outcome=outcome))

    def _is_heading(self, headed: Headed, at: int) -> bool:
        """Known words are a heading, unless they name what they stand among, or a table's column."""
        row = self.rows[at]
        following = self.rows[at + 1] if at + 1 < len(self.rows) else None
        introduced = bool(headed.rest) or bool(following and phrases.is_introduction(following.text))
        if headed.part is Part.PERFORMANCE and self.current.part is Part.KNOWLEDGE:
            return (
                introduced
                or Part.PERFORMANCE not in self.filled
                or not self.current.rows
                or self.current.outcome != self.outcome
                or _is_coded(following, "P")
            )
        if (
            headed.part in {Part.VALUES, Part.SKILLS, Part.BEHAVIOURS, Part.GLOSSARY, Part.NOTES, Part.OVERVIEW}
            and not row.heading
        ):
            return row.text[0].isupper() and not (self.current.part in CRITERIA and row.text.endswith("."))
        return row.text[0].isupper() or row.heading

    def _leaves_form(self, at: int) -> bool:
        headed = heading_at(self.rows[at].text)
        if headed is None or headed.part is Part.FORM:
            return False
        following = self.rows[at + 1] if at + 1 < len(self.rows) else None
        if headed.part not in CRITERIA or (following and phrases.is_introduction(following.text)):
            return True
        return headed.part not in self.filled and self._has_labels_below(at)

    def _opened_by_introduction(self, at: int) -> Part | None:
        """`You must be able to:` opens a part only where no heading does, anywhere in the document."""
        row = self.rows[at]
        part = phrases.introduction_of(row.text)
        if part is None or part in self.named or self.current.part is part:
            return None
        if part is Part.OUTCOMES and self.current.part in CRITERIA:
            return None
        if self.current.part is Part.OUTCOMES:
            return None
        if phrases.is_course_talk(row.text) or (
            self.current.part is Part.OVERVIEW
            and not row.heading
            and self.named & CRITERIA
            and not self._is_labelled(at + 1)
        ):
            return None
        return part

    def _is_labelled(self, at: int) -> bool:
        """Whether the row bears a number or a letter, as points of an overview seldom do."""
        found = read_markers(self.rows[at].text) if at < len(self.rows) else []
        return bool(found) and not found[0][0].weak and not found[0][0].is_bullet

    def _has_labels_below(self, at: int) -> bool:
        """Whether labelled text follows soon: a form's own rows are blank."""
        following = self.rows[at + 1 : at + 1 + LABELS_BELOW]
        return any(behind for row in following for marker, behind in read_markers(row.text)[:1] if marker.label)

    def _group_above(self, at: int) -> list[CleanLine]:
        """The heading of the first group, where it stands above the introduction that opens its part."""
        rows = self.current.rows
        if self.current.part is not Part.OVERVIEW or not rows or rows[-1] is not self.rows[at - 1]:
            return []
        last = rows[-1]
        heads = last.heading or (last.after_blank and self.rows[at].after_blank and last.text[-1] not in ".;:,")
        heads = heads or (self.has_groups and _may_head_group(last))
        return [rows.pop()] if heads and len(last.text) <= MAX_GROUP_LENGTH else []

    def _opens_outcome(self, row: CleanLine) -> bool:
        match = phrases.OUTCOME.fullmatch(row.text)
        if not match or row.cells or len(row.text) > 300:
            return False
        return bool(match[2]) or len(row.text) < 24

    def _take_outcome(self, at: int) -> int:
        """`Outcome 1: Prepare the site`, or the number on one line and the words on the next."""
        match = phrases.OUTCOME.fullmatch(self.rows[at].text)
        self.elements += 1
        self.outcome = (match[2] if match else "") or None
        taken = 1
        while self.outcome is None and at + taken < len(self.rows) and taken < 3:
            following = self.rows[at + taken]
            if phrases.section_of(following.text) or read_markers(following.text):
                break
            taken += 1
            if not phrases.is_introduction(following.text):
                self.outcome = following.text
        inside = self.current.part if self.current.part in CRITERIA else Part.OUTCOMES
        numbers = tuple(number for row in self.rows[at : at + taken] for number in row.numbers)
        heading = replace(self.rows[at], text=self.outcome or self.rows[at].text, numbers=numbers, heading=True)
        if inside is Part.OUTCOMES:
            self.sections.append(Section(inside, heading, outcome=self.outcome or heading.text))
        else:
            self.sections.append(Section(inside, None, outcome=self.outcome or heading.text))
        return taken

    def _opens_facts(self, at: int) -> bool:
        """Among criteria only such names count as no criterion begins with."""
        if self.current.facts and metadata.unpunctuated_fact_of(self.rows[at], among_facts=True):
            return True
        if not metadata.opens_facts(self.rows, at):
            return False
        if self.current.part not in CRITERIA:
            return True
        fact = metadata.fact_of(self.rows[at])
        return (fact.key if fact else metadata.key_of(self.rows[at].text)) in metadata.UNMISTAKABLE

    def _is_value_here(self, at: int) -> bool:
        return at > 0 and metadata.key_of(self.rows[at - 1].text) is not None


def _heads_group(above: CleanLine, row: CleanLine) -> bool:
    return phrases.is_introduction(row.text) and _may_head_group(above) and not phrases.section_of(above.text)


def _may_head_group(row: CleanLine) -> bool:
    return row.text[0].isupper() and row.text[-1] not in ".;:," and len(row.text) <= MAX_GROUP_LENGTH


def _is_coded(row: CleanLine | None, prefix: str) -> bool:
    return bool(row) and any(marker.family.startswith(prefix) for marker, _ in read_markers(row.text if row else ""))


def each_of(sections: Sequence[Section], *parts: Part) -> Iterator[Section]:
    return (section for section in sections if section.part in parts)


MINIMUM = 3
CODED = {
    "P1": Part.PERFORMANCE,
    "PC1": Part.PERFORMANCE,
    "K1": Part.KNOWLEDGE,
    "KU1": Part.KNOWLEDGE,
    "K&U1": Part.KNOWLEDGE,
}


def sections_by_markers(rows: Sequence[CleanLine]) -> list[Section]:
    """Sections of a document without headings: `P1`, `K1`, or `1.1` under numbered outcomes; else none."""
    firsts = [_first(row) for row in rows]
    if sum(_codes_in(row, marker) for row, marker in zip(rows, firsts, strict=True)) >= MINIMUM:
        return _coded(rows, firsts)
    if sum(marker is not None and marker.family == "1.1a" for marker in firsts) >= MINIMUM:
        return _from(rows, next(at for at, marker in enumerate(firsts) if marker and marker.family == "1.1"))
    dotted = [marker for marker in firsts if marker and marker.family == "1.1"]
    if len(dotted) >= MINIMUM and dotted[0].numbers[-1] == 1 and _has_outcomes(firsts, dotted):
        return _from(rows, _first_outcome(firsts, dotted[0]))
    return []


def _first(row: CleanLine) -> Marker | None:
    found = read_markers(row.text)
    return found[0][0] if found else None


def _codes_in(row: CleanLine, marker: Marker | None) -> int:
    """How many codes of the row's own kind stand in it, the first at its begin."""
    return row.text.count(f" {marker.family[:-1]}") + 1 if marker and marker.family in CODED else 0


def _coded(rows: Sequence[CleanLine], firsts: Sequence[Marker | None]) -> list[Section]:
    sections = [Section(None)]
    for row, marker in zip(rows, firsts, strict=True):
        part = CODED.get(marker.family) if marker else None
        if part and sections[-1].part is not part:
            above = sections[-1].rows
            heading = [above.pop()] if above and above[-1].heading else []
            sections.append(Section(part, None, heading))
        sections[-1].rows.append(row)
    return sections


def _has_outcomes(firsts: Sequence[Marker | None], dotted: Sequence[Marker]) -> bool:
    numbers = {marker.numbers for marker in firsts if marker and len(marker.numbers) == 1}
    return all((marker.numbers[0],) in numbers for marker in dotted)


def _first_outcome(firsts: Sequence[Marker | None], criterion: Marker) -> int:
    """Where the outcome of the first criterion stands: the last `1` above `1.1`, since other lists come before."""
    below = next(at for at, marker in enumerate(firsts) if marker is criterion)
    above = [at for at, marker in enumerate(firsts[:below]) if marker and marker.numbers == criterion.numbers[:1]]
    return above[-1] if above else below


def _from(rows: Sequence[CleanLine], start: int) -> list[Section]:
    return [Section(None, None, list(rows[:start])), Section(Part.OUTCOMES, None, list(rows[start:]))]
