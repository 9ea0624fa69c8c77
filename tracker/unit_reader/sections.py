"""Sections: which rows belong to which part of the unit."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise, takewhile, zip_longest

from tracker.unit_reader import metadata, words
from tracker.unit_reader.markers import read_markers
from tracker.unit_reader.rows import Row
from tracker.unit_reader.words import CRITERIA, Part
from tracker.unit_reader.wrapping import OPEN_END, run_on

ABOUT = frozenset(
    {Part.OVERVIEW, Part.SCOPE, Part.SKILLS, Part.VALUES, Part.BEHAVIOURS, Part.LINKS, Part.NOTES, Part.RULES}
)
MORE = re.compile(r":|\b(?:you|learners?|candidates?)\b|\bThis (?:standard|unit)\b", re.IGNORECASE)
"""What a heading can be followed by in its own line."""
MIN_RUN_ON_LENGTH = 80
MAX_GROUP_LENGTH = 100
HEAD = 40
"""How far down a document its title may stand."""
MIN_NAME_LENGTH = 8
LABELS_BELOW = 4
"""How soon below its heading a part's first statement stands."""
RUN_ON = re.compile(
    r"(?<=\S)\s+(?=(?:Performance [Cc]riteria|Knowledge (?:and|&) [Uu]nderstanding|Assessment [Cc]riteria"
    r"|PERFORMANCE [A-Z]+|KNOWLEDGE(?: [A-Z]+){0,3})\s*:?\s+"
    r"(?:You|The (?:learner|candidate))\b|Overview This (?:standard|unit)\b)"
)
FORM_WORDS = re.compile(
    r"statement of competence"
    r"|(?:candidate|learner|student|assessor|tutor|witness|iqa|iv|internal (?:verifier|quality assurer))"
    r"(?:['’]?s)?['’]? (?:name|signature|initials)\b(?:[ (].{0,40})?\s*(?:[:_.…].*)?",
    re.IGNORECASE,
)


@dataclass
class Section:
    """One part of the document: its heading's row, and the rows under it."""

    part: Part | None
    """None before the first heading, and for facts about the unit."""
    heading: Row | None = None
    rows: list[Row] = field(default_factory=list)
    outcome: str | None = None
    """The outcome or element that it belongs to."""
    facts: bool = False


@dataclass(frozen=True)
class Headed:
    """A heading: its part, and the words that stand behind it in the row."""

    part: Part
    name: str
    rest: str = ""


def find_sections(rows: Sequence[Row]) -> list[Section]:
    """The document's parts in order; the first may hold no heading."""
    return _Finder(join_broken(list(break_headings(rows)))).find()


def heading_at(text: str) -> Headed | None:
    """The known heading that the row is, or that it begins with: with its introduction, or with what it names."""
    if part := words.section_of(text) or _part_of_cells(text):
        return Headed(part, text)
    if not text[0].isupper() or not MORE.search(text):
        return None
    pieces = text.split(" ")
    for count in range(min(6, len(pieces) - 1), 0, -1):
        name, rest = " ".join(pieces[:count]), " ".join(pieces[count:])
        part = words.section_of(name)
        if part in CRITERIA and (words.is_introduction(rest) or split_introduction(rest)):
            return Headed(part, name, rest)
        if part is Part.OVERVIEW and re.match(r"This (?:standard|unit)\b", rest):
            return Headed(part, name, rest)
        if part in ABOUT and name.endswith(":") and rest[:1].isupper():
            return Headed(part, name, rest)
    return None


def _part_of_cells(text: str) -> Part | None:
    """`Knowledge and understanding / Evidence reference`: a table's head written in one line, its cells ruled off."""
    cells = text.split(" / ") if len(text) <= words.MAX_HEADING_LENGTH else []
    parts = [words.section_of(cell) for cell in cells]
    filled_in = [words.is_filled_in(cell) for cell in cells]
    if len(cells) < 2 or not all(part or filled for part, filled in zip(parts, filled_in, strict=True)):
        return None
    return Part.FORM if filled_in[0] else parts[0]


def break_headings(rows: Sequence[Row]) -> Iterator[Row]:
    """Rows that run on over a heading (`… the work. Performance criteria You must …`), cut before it."""
    for row in without_running_names(rows):
        if len(row.text) < MIN_RUN_ON_LENGTH or row.cells:
            yield row
            continue
        start = 0
        for match in RUN_ON.finditer(row.text):
            yield replace(row, text=row.text[start : match.start()].rstrip())
            start = match.end()
        yield replace(row, text=row.text[start:], after_blank=row.after_blank and start == 0)


def without_running_names(rows: Sequence[Row]) -> Iterator[Row]:
    """Headings that have the unit's own title before them in their line, as on each page's head, without it."""
    head = takewhile(lambda row: not words.section_of(row.text), rows[:HEAD])
    names = tuple(f"{row.text} " for row in head if len(row.text) >= MIN_NAME_LENGTH)
    for row, following in zip_longest(rows, rows[1:]):
        name = next((each for each in names if row.text.startswith(each)), "")
        rest = row.text.removeprefix(name)
        below = following.text if following and following.text[0].islower() else ""
        is_heading = bool(name) and bool(words.section_of(rest) or words.section_of(f"{rest} {below}"))
        yield replace(row, text=rest) if is_heading else row


def join_broken(rows: Sequence[Row]) -> list[Row]:
    """Headings, introductions and names that a narrow column broke over two lines, as one row each."""
    found: list[Row] = []
    for row in rows:
        if (
            found
            and not row.after_blank
            and not row.cells
            and not found[-1].cells
            and _is_broken(found[-1].text, row.text)
        ):
            last = found[-1]
            found[-1] = replace(last, text=run_on(last.text, row.text), numbers=last.numbers + row.numbers)
        else:
            found.append(row)
    return found


def _is_broken(above: str, below: str) -> bool:
    if len(above) > 60 or len(below) > 200:
        return False
    joined = f"{above} {below}"
    if not below[0].islower():
        return bool(metadata.key_of(joined)) and not metadata.key_of(above) and not words.section_of(above)
    if (
        (words.is_introduction(above) and not OPEN_END.search(above))
        or metadata.key_of(above)
        or words.starts_item(above)
    ):
        return False
    if words.is_introduction(joined) or split_introduction(joined) or metadata.key_of(joined):
        return True
    if _part_of_cells(joined):
        return True
    return words.section_of(joined) is not None and words.section_of(above) in {None, words.section_of(joined)}


def split_introduction(text: str) -> tuple[str, str] | None:
    """An introduction with the first statement behind it in one line."""
    match = re.match(r"([^:]{8,120}:)\s*(\S.*)", text)
    return (match[1], match[2]) if match and words.is_introduction(match[1]) else None


class _Finder:
    def __init__(self, rows: list[Row]) -> None:
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

    def _open(self, part: Part, heading: Row | None) -> None:
        if part is Part.KNOWLEDGE and part not in self.filled and self.elements > 1:
            self.outcome = None  # had each element its own knowledge, the first would have had it
        outcome = self.outcome if part in CRITERIA else None
        self.sections.append(Section(part, heading, outcome=outcome))

    def _is_heading(self, headed: Headed, at: int) -> bool:
        """Known words are a heading, unless they name what they stand among, or a table's column."""
        row = self.rows[at]
        following = self.rows[at + 1] if at + 1 < len(self.rows) else None
        introduced = bool(headed.rest) or bool(following and words.is_introduction(following.text))
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
        if headed.part not in CRITERIA or (following and words.is_introduction(following.text)):
            return True
        return headed.part not in self.filled and self._has_labels_below(at)

    def _opened_by_introduction(self, at: int) -> Part | None:
        """`You must be able to:` opens a part only where no heading does, anywhere in the document."""
        row = self.rows[at]
        part = words.introduction_of(row.text)
        if part is None or part in self.named or self.current.part is part:
            return None
        if part is Part.OUTCOMES and self.current.part in CRITERIA:
            return None
        if self.current.part is Part.OUTCOMES:
            return None
        if words.is_course_talk(row.text) or (
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

    def _group_above(self, at: int) -> list[Row]:
        """The heading of the first group, where it stands above the introduction that opens its part."""
        rows = self.current.rows
        if self.current.part is not Part.OVERVIEW or not rows or rows[-1] is not self.rows[at - 1]:
            return []
        last = rows[-1]
        heads = last.heading or (last.after_blank and self.rows[at].after_blank and last.text[-1] not in ".;:,")
        heads = heads or (self.has_groups and _may_head_group(last))
        return [rows.pop()] if heads and len(last.text) <= MAX_GROUP_LENGTH else []

    def _opens_outcome(self, row: Row) -> bool:
        match = words.OUTCOME.fullmatch(row.text)
        if not match or row.cells or len(row.text) > 300:
            return False
        return bool(match[2]) or len(row.text) < 24

    def _take_outcome(self, at: int) -> int:
        """`Outcome 1: Prepare the site`, or the number on one line and the words on the next."""
        match = words.OUTCOME.fullmatch(self.rows[at].text)
        self.elements += 1
        self.outcome = (match[2] if match else "") or None
        taken = 1
        while self.outcome is None and at + taken < len(self.rows) and taken < 3:
            following = self.rows[at + taken]
            if words.section_of(following.text) or read_markers(following.text):
                break
            taken += 1
            if not words.is_introduction(following.text):
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


def _heads_group(above: Row, row: Row) -> bool:
    return words.is_introduction(row.text) and _may_head_group(above) and not words.section_of(above.text)


def _may_head_group(row: Row) -> bool:
    return row.text[0].isupper() and row.text[-1] not in ".;:," and len(row.text) <= MAX_GROUP_LENGTH


def _is_coded(row: Row | None, prefix: str) -> bool:
    return bool(row) and any(marker.family.startswith(prefix) for marker, _ in read_markers(row.text if row else ""))


def each_of(sections: Sequence[Section], *parts: Part) -> Iterator[Section]:
    return (section for section in sections if section.part in parts)
