"""Units of learning outcomes: the outcomes are headings, their assessment criteria the statements."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from tracker.standards.reading import words
from tracker.standards.reading.lines import Doubt
from tracker.standards.reading.lone_labels import join_lone_labels
from tracker.standards.reading.markers import Marker, read_markers
from tracker.standards.reading.rows import Row
from tracker.standards.reading.sections import Section
from tracker.standards.reading.statement import Split, Statement
from tracker.standards.reading.statements import split_statements
from tracker.standards.reading.wrapping import continues, run_on
from tracker.vocabulary import CriterionKind

ABILITY = re.compile(r"(?:be able to|know|understand|demonstrate|use|carry out)\b", re.IGNORECASE)

UNNUMBERED = re.compile(r"(?:Be able to|Know|Understand)\b")
"""How outcomes begin that are printed without a number; no criterion begins so."""


@dataclass
class Outcome:
    """One learning outcome: its number and words, and the rows below it."""

    number: str | None
    text: str
    rows: list[Row] = field(default_factory=list)
    found: Split = field(default_factory=Split)

    @property
    def kind(self) -> CriterionKind:
        """Outcomes of knowing give knowledge, all others performance."""
        knows = words.OUTCOME_OF_KNOWLEDGE.match(self.text)
        return CriterionKind.KNOWLEDGE if knows else CriterionKind.PERFORMANCE


def read_outcomes(sections: Sequence[Section], width: int) -> tuple[list[Outcome], list[Doubt]]:
    """The outcomes that hold criteria, in order, and what is doubtful about them."""
    rows = join_lone_labels([row for section in sections for row in _rows_of(section)])
    outcomes = _gather(rows, width)
    for outcome in outcomes:
        outcome.found = split_statements(outcome.rows, width)
        outcome.rows = []
    doubts = _bring_home(outcomes)
    return [each for each in outcomes if each.found.statements or each.found.unparsed], doubts


def _rows_of(section: Section) -> list[Row]:
    own = [section.heading] if section.heading and section.heading.heading and section.outcome else []
    return [*own, *(row for row in section.rows if not words.is_introduction(row.text))]


def _gather(rows: Sequence[Row], width: int) -> list[Outcome]:
    """Outcomes with the rows below each; rows above the first belong to one without words."""
    dotted = {
        marker.numbers[0] for row in rows for marker, _ in read_markers(row.text)[:1] if len(marker.numbers) > 1
    }
    outcomes = [Outcome(None, "")]
    before: Row | None = None
    for row in rows:
        opened = _outcome_in(row, dotted)
        current = outcomes[-1]
        if opened:
            outcomes.append(opened)
        elif current.text and not current.rows and before and _goes_on(before, row, width, bool(dotted)):
            current.text = run_on(current.text, row.text)
        else:
            current.rows.append(row)
        before = row
    return outcomes


def _outcome_in(row: Row, dotted: set[int]) -> Outcome | None:
    match = words.OUTCOME.fullmatch(row.text)
    if match and match[2]:
        return Outcome(match[1], match[2])
    for marker, text in read_markers(row.text)[:1]:
        if _numbers_outcome(marker, text, dotted):
            return Outcome(marker.label, text)
    if not read_markers(row.text) and (row.heading or UNNUMBERED.match(row.text)):
        return Outcome(None, row.text)
    return None


def _numbers_outcome(marker: Marker, text: str, dotted: set[int]) -> bool:
    if not text or len(marker.numbers) != 1 or marker.family[0] in "(aAi":
        return False
    if marker.family.startswith("LO"):
        return True
    if not marker.family[0].isdigit():
        return False
    return marker.numbers[0] in dotted if dotted else bool(ABILITY.match(text))


def _goes_on(before: Row, row: Row, width: int, has_dotted: bool) -> bool:
    """The rest of an outcome's words: whatever stands between it and its first numbered criterion."""
    if read_markers(row.text):
        return False
    return continues(before, row, width) or (row.text[0].islower() and (has_dotted or not before.fixed))


def _bring_home(outcomes: list[Outcome]) -> list[Doubt]:
    """`2.1` belongs to outcome 2, also where all outcomes are printed first and all criteria after them."""
    by_number = {each.number: each for each in outcomes if each.number}
    doubts: list[Doubt] = []
    for outcome in outcomes:
        stay: list[Statement] = []
        for statement in outcome.found.statements:
            home = by_number.get(_outcome_number(statement) or "", outcome)
            (stay if home is outcome else home.found.statements).append(statement)
        outcome.found.statements = stay
    for outcome in outcomes:
        for statement in outcome.found.statements:
            statement.heading = outcome.text or statement.heading
        if outcome.found.statements and not outcome.text:
            numbers = tuple(outcome.found.statements[0].numbers)
            doubts.append(
                Doubt(numbers, "assessment criteria without an outcome above them", "they are taken as performance")
            )
    return doubts


def _outcome_number(statement: Statement) -> str | None:
    marker = statement.marker
    if marker is None or len(marker.numbers) < 2 or not marker.label[0].isdigit():
        return None
    return str(marker.numbers[0])
