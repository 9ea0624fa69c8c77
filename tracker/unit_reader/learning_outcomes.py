"""Units of learning outcomes: the outcomes are headings, their assessment criteria the statements."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile

from tracker.unit_reader import phrases
from tracker.unit_reader.document_model import CleanLine, Doubt, Section, SectionStatements, Statement
from tracker.unit_reader.line_wrapping import continues, run_on
from tracker.unit_reader.markers import Marker, read_markers
from tracker.unit_reader.phrases import Part
from tracker.unit_reader.sections import each_of
from tracker.unit_reader.separate_labels import join_label_columns, join_lone_labels
from tracker.unit_reader.statements import split_statements
from tracker.vocabulary import CriterionKind

ABILITY = re.compile(r"(?:be able to|know|understand|demonstrate|use|carry out)\b", re.IGNORECASE)

MAX_OUTCOME_LENGTH = 250
CRITERIA_BELOW = re.compile(r"assessment criteri(?:a|on)\W*", re.IGNORECASE)
UNNUMBERED = re.compile(r"(?:Be able to|Know|Understand)\b")
"""How outcomes begin that are printed without a number; no criterion begins so."""


@dataclass
class Outcome:
    """One learning outcome: its number and words, and the rows below it."""

    number: str | None
    text: str
    rows: list[CleanLine] = field(default_factory=list)
    found: SectionStatements = field(default_factory=SectionStatements)

    @property
    def kind(self) -> CriterionKind:
        """Outcomes of knowing give knowledge, all others performance."""
        knows = phrases.OUTCOME_OF_KNOWLEDGE.match(self.text)
        return CriterionKind.KNOWLEDGE if knows else CriterionKind.PERFORMANCE


def read_outcomes(document: Sequence[Section], width: int) -> tuple[list[Outcome], list[Doubt]]:
    """The outcomes that hold criteria, in order, and what is doubtful about them."""
    sections = list(each_of(document, Part.OUTCOMES))
    doubts: list[Doubt] = []
    rows = [row for section in sections for row in _rows_of(section)]
    rows = join_lone_labels(join_label_columns(rows, doubts))
    outcomes = _gather(list(_broken_at_first(rows)), _above_criteria(sections, rows), width)
    outcomes[0].text = _named_in_head(document) if outcomes[0].rows else ""
    for outcome in outcomes:
        outcome.found = split_statements(outcome.rows, width)
        outcome.rows = []
    doubts.extend(_bring_home(outcomes))
    if not any(map(_promises_criteria, sections)):
        doubts.extend(_set_aside_outcomes(outcomes))
    return [each for each in outcomes if each.found.statements or each.found.unparsed], doubts


def _rows_of(section: Section) -> list[CleanLine]:
    own = [section.heading] if section.heading and section.heading.heading and section.outcome else []
    return [*own, *(row for row in section.rows if not phrases.is_introduction(row.text))]


def _promises_criteria(section: Section) -> bool:
    """Whether its heading or its introduction speaks of criteria, or of what the learner can do."""
    heading = section.heading.text if section.heading else "criteria"  # found by its markers, and so with criteria
    introductions = [row.text for row in section.rows if phrases.is_introduction(row.text)]
    return any(re.search(r"criteri|\bcan\b", text, re.IGNORECASE) for text in (heading, *introductions))


def _set_aside_outcomes(outcomes: Sequence[Outcome]) -> Iterator[Doubt]:
    """A list of outcomes is none of criteria: what is neither numbered under an outcome nor below most of them."""
    named = [each for each in outcomes if each.text]
    filled = [each for each in named if each.found.statements]
    alone = outcomes if 2 * len(filled) < len(named) else outcomes[:1]
    for outcome in alone:
        aside = [each for each in outcome.found.statements if not (each.marker and len(each.marker.numbers) > 1)]
        if outcome.text and any(each.marker for each in aside):
            continue
        for each in aside:
            label = f"{each.marker.label} " if each.marker and each.marker.label else ""
            outcome.found.unparsed.append((tuple(each.numbers), f"{label}{each.text}"))
            yield Doubt(tuple(each.numbers), "an outcome without criteria", "it was placed nowhere")
        outcome.found.statements = [each for each in outcome.found.statements if each not in aside]


def _named_in_head(document: Sequence[Section]) -> str:
    """The one outcome of a page that is about nothing else, which stands in its head as a sentence; empty if none."""
    head = takewhile(lambda section: section.part is not Part.OUTCOMES, document)
    found = [row.text for section in head if section.part is None for row in section.rows if _is_outcome_alone(row)]
    return found[0] if len(found) == 1 else ""


def _is_outcome_alone(row: CleanLine) -> bool:
    return bool(UNNUMBERED.match(row.text)) and row.text.endswith(".") and len(row.text) <= MAX_OUTCOME_LENGTH


def _above_criteria(sections: Sequence[Section], rows: Sequence[CleanLine]) -> set[tuple[int, ...]]:
    """The lines of the outcomes that stand above a heading `Assessment criteria`, numbered otherwise than those.

    That is how `10.1` is known for an outcome, over its criteria `a)`, `b)` and `c)`.
    """
    starts = {
        section.rows[0].number
        for section in sections
        if section.rows and section.heading and CRITERIA_BELOW.fullmatch(section.heading.text)
    }
    families = [_first_family(row) for row in rows]
    begun = [at for at, row in enumerate(rows) if row.number in starts]
    outcomes = next(filter(None, families[: begun[0]]), "") if begun else ""
    if not outcomes or any(families[at] == outcomes for at in begun):
        return set()
    found: set[tuple[int, ...]] = set()
    last: CleanLine | None = None
    for row, family in zip(rows, families, strict=True):
        if row.number in starts and last:
            found.add(last.numbers)
        last = row if family == outcomes else last
    return found


def _first_family(row: CleanLine) -> str:
    """The kind of marker that the row begins with; empty where it has none that is labelled."""
    found = read_markers(row.text)
    return found[0][0].family if found and found[0][0].label and found[0][1] else ""


def _broken_at_first(rows: Sequence[CleanLine]) -> Iterator[CleanLine]:
    """`2.1 Prevent harm` with `2.1a Describe …` behind it in the same line, as two rows."""
    for row in rows:
        label = next((marker.label for marker, _ in read_markers(row.text)[:1] if marker.family == "1.1"), "")
        match = re.search(rf"(?<=[^\d\s.])\s*(?={re.escape(label)}a\s+\S)", row.text) if label else None
        if match:
            yield replace(row, text=row.text[: match.start()])
            yield replace(row, text=row.text[match.end() :])
        else:
            yield row


def _gather(rows: Sequence[CleanLine], above_criteria: Collection[tuple[int, ...]], width: int) -> list[Outcome]:
    """Outcomes with the rows below each; rows above the first belong to one without words."""
    firsts = [
        marker
        for row in rows
        if row.numbers not in above_criteria
        for marker, _ in read_markers(row.text)[:1]
        if len(marker.numbers) > 1
    ]
    dotted = {marker.numbers[0] for marker in firsts}
    lettered = any(marker.family == "1.1a" for marker in firsts)
    outcomes = [Outcome(None, "")]
    before: CleanLine | None = None
    for row in rows:
        numbered = dotted | _without_criteria(outcomes[-1]) if dotted else dotted
        opened = _outcome_in(row, numbered, lettered=lettered, is_above=row.numbers in above_criteria)
        current = outcomes[-1]
        if opened:
            outcomes.append(opened)
        elif current.text and not current.rows and before and _goes_on(before, row, width, bool(dotted)):
            current.text = run_on(current.text, row.text)
        else:
            current.rows.append(row)
        before = row
    return outcomes


def _outcome_in(row: CleanLine, dotted: set[int], *, lettered: bool, is_above: bool) -> Outcome | None:
    """`lettered`: criteria are numbered `1.1a`, outcomes `1.1`. `is_above`: it stands above `Assessment criteria`."""
    match = phrases.OUTCOME.fullmatch(row.text)
    if match and match[2]:
        return Outcome(match[1], match[2])
    for marker, text in read_markers(row.text)[:1]:
        if is_above or (lettered and marker.family == "1.1") or _numbers_outcome(marker, text, dotted):
            return Outcome(marker.label, text)
    if not read_markers(row.text) and (row.heading or UNNUMBERED.match(row.text)):
        return Outcome(None, row.text)
    return None


def _without_criteria(last: Outcome) -> set[int]:
    """The number behind the last outcome's: the next may stand there with no criteria of its own."""
    return {int(last.number) + 1} if last.number and last.number.isdigit() else set()


def _numbers_outcome(marker: Marker, text: str, dotted: set[int]) -> bool:
    if not text or len(marker.numbers) != 1 or marker.family[0] in "(aAi":
        return False
    if marker.family.startswith("LO"):
        return True
    if not marker.family[0].isdigit():
        return False
    return marker.numbers[0] in dotted if dotted else bool(ABILITY.match(text))


def _goes_on(before: CleanLine, row: CleanLine, width: int, has_dotted: bool) -> bool:
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
