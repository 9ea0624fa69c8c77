"""Units of learning outcomes: the outcomes are headings, their assessment criteria the statements."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile

from tracker.unit_reader import phrases
from tracker.unit_reader.document_model import CleanLine, Doubt, Section, SectionStatements, Statement
from tracker.unit_reader.line_wrapping import continues, merge_texts
from tracker.unit_reader.markers import Marker, parse_markers
from tracker.unit_reader.phrases import Part
from tracker.unit_reader.sections import filter_sections
from tracker.unit_reader.separate_labels import merge_label_columns, merge_lone_labels
from tracker.unit_reader.statements import split_statements
from tracker.vocabulary import CriterionKind

ABILITY_START = re.compile(r"(?:be able to|know|understand|demonstrate|use|carry out)\b", re.IGNORECASE)

MAX_OUTCOME_LENGTH = 250
CRITERIA_HEADING = re.compile(r"assessment criteri(?:a|on)\W*", re.IGNORECASE)
UNNUMBERED_OUTCOME = re.compile(r"(?:Be able to|Know|Understand)\b")
"""The words with which outcomes start that are printed without a number; no criterion starts with them."""


@dataclass
class LearningOutcome:
    """One learning outcome: its number, its text, and the lines below it."""

    number: str | None
    text: str
    lines: list[CleanLine] = field(default_factory=list)
    section_statements: SectionStatements = field(default_factory=SectionStatements)

    @property
    def kind(self) -> CriterionKind:
        """Return knowledge for outcomes of knowing or understanding, performance for all others."""
        is_knowledge = phrases.OUTCOME_OF_KNOWLEDGE.match(self.text)
        return CriterionKind.KNOWLEDGE if is_knowledge else CriterionKind.PERFORMANCE


def split_outcomes(document: Sequence[Section], width: int) -> tuple[list[LearningOutcome], list[Doubt]]:
    """Return the outcomes that hold criteria, in order, and the doubts about them."""
    sections = list(filter_sections(document, Part.OUTCOMES))
    doubts: list[Doubt] = []
    lines = [line for section in sections for line in _list_lines(section)]
    lines = merge_lone_labels(merge_label_columns(lines, doubts))
    outcomes = _group_by_outcome(
        list(_split_at_first_criterion(lines)), _find_outcomes_above_criteria(sections, lines), width
    )
    outcomes[0].text = _find_outcome_in_head(document) if outcomes[0].lines else ""
    for outcome in outcomes:
        outcome.section_statements = split_statements(outcome.lines, width)
        outcome.lines = []
    doubts.extend(_assign_by_number(outcomes))
    if not any(map(_mentions_criteria, sections)):
        doubts.extend(_remove_outcomes_without_criteria(outcomes))
    return [
        each for each in outcomes if each.section_statements.statements or each.section_statements.unparsed
    ], doubts


def _list_lines(section: Section) -> list[CleanLine]:
    own = [section.heading] if section.heading and section.heading.is_heading and section.outcome else []
    return [*own, *(line for line in section.lines if not phrases.is_introduction(line.text))]


def _mentions_criteria(section: Section) -> bool:
    """Return whether the heading or introduction mentions criteria, or what the learner can do."""
    # A section without a heading was found by its markers, so it has criteria.
    heading = section.heading.text if section.heading else "criteria"
    introductions = [line.text for line in section.lines if phrases.is_introduction(line.text)]
    return any(re.search(r"criteri|\bcan\b", text, re.IGNORECASE) for text in (heading, *introductions))


def _remove_outcomes_without_criteria(outcomes: Sequence[LearningOutcome]) -> Iterator[Doubt]:
    """Remove statements that are outcomes in a mere list, and yield a doubt for each.

    If at least half of the named outcomes hold statements, only those above the first outcome are looked at.
    Statements with numbers such as `1.1` are kept, and so are all below a named outcome if any has a marker.
    """
    named_outcomes = [each for each in outcomes if each.text]
    with_statements = [each for each in named_outcomes if each.section_statements.statements]
    without_criteria = outcomes if 2 * len(with_statements) < len(named_outcomes) else outcomes[:1]
    for outcome in without_criteria:
        removed = [
            each
            for each in outcome.section_statements.statements
            if not (each.marker and len(each.marker.numbers) > 1)
        ]
        if outcome.text and any(each.marker for each in removed):
            continue
        for each in removed:
            label = f"{each.marker.label} " if each.marker and each.marker.label else ""
            outcome.section_statements.unparsed.append((tuple(each.line_numbers), f"{label}{each.text}"))
            yield Doubt(tuple(each.line_numbers), "an outcome without criteria", "it was not used")
        outcome.section_statements.statements = [
            each for each in outcome.section_statements.statements if each not in removed
        ]


def _find_outcome_in_head(document: Sequence[Section]) -> str:
    """Return the one outcome of a page that is about nothing else, or an empty text.

    Such a page prints it as a sentence above the first section.
    """
    head = takewhile(lambda section: section.part is not Part.OUTCOMES, document)
    texts = [
        line.text for section in head if section.part is None for line in section.lines if _is_outcome_sentence(line)
    ]
    return texts[0] if len(texts) == 1 else ""


def _is_outcome_sentence(line: CleanLine) -> bool:
    return (
        bool(UNNUMBERED_OUTCOME.match(line.text)) and line.text.endswith(".") and len(line.text) <= MAX_OUTCOME_LENGTH
    )


def _find_outcomes_above_criteria(sections: Sequence[Section], lines: Sequence[CleanLine]) -> set[tuple[int, ...]]:
    """Return the line numbers of outcomes above a heading `Assessment criteria`.

    They count only if they are numbered differently from the criteria. That is how `10.1` is recognised as an
    outcome, above its criteria `a)`, `b)` and `c)`.
    """
    starts = {
        section.lines[0].line_number
        for section in sections
        if section.lines and section.heading and CRITERIA_HEADING.fullmatch(section.heading.text)
    }
    styles = [_get_first_style(line) for line in lines]
    start_indexes = [index for index, line in enumerate(lines) if line.line_number in starts]
    outcome_style = next(filter(None, styles[: start_indexes[0]]), "") if start_indexes else ""
    if not outcome_style or any(styles[index] == outcome_style for index in start_indexes):
        return set()
    numbers_above: set[tuple[int, ...]] = set()
    last: CleanLine | None = None
    for line, style in zip(lines, styles, strict=True):
        if line.line_number in starts and last:
            numbers_above.add(last.line_numbers)
        last = line if style == outcome_style else last
    return numbers_above


def _get_first_style(line: CleanLine) -> str:
    """Return the style of the marker that the line starts with, or an empty text."""
    markers = parse_markers(line.text)
    return markers[0][0].style if markers and markers[0][0].label and markers[0][1] else ""


def _split_at_first_criterion(lines: Sequence[CleanLine]) -> Iterator[CleanLine]:
    """Split `2.1 Prevent harm` from the `2.1a Describe …` after it in the same line."""
    for line in lines:
        label = next((marker.label for marker, _ in parse_markers(line.text)[:1] if marker.style == "1.1"), "")
        match = re.search(rf"(?<=[^\d\s.])\s*(?={re.escape(label)}a\s+\S)", line.text) if label else None
        if match:
            yield replace(line, text=line.text[: match.start()])
            yield replace(line, text=line.text[match.end() :])
        else:
            yield line


def _group_by_outcome(
    lines: Sequence[CleanLine], above_criteria: Collection[tuple[int, ...]], width: int
) -> list[LearningOutcome]:
    """Return the outcomes with the lines below each. Lines above the first belong to one without text."""
    dotted_markers = [
        marker
        for line in lines
        if line.line_numbers not in above_criteria
        for marker, _ in parse_markers(line.text)[:1]
        if len(marker.numbers) > 1
    ]
    dotted_numbers = {marker.numbers[0] for marker in dotted_markers}
    has_letters = any(marker.style == "1.1a" for marker in dotted_markers)
    outcomes = [LearningOutcome(None, "")]
    previous: CleanLine | None = None
    for line in lines:
        numbered = dotted_numbers | _find_next_number(outcomes[-1]) if dotted_numbers else dotted_numbers
        opened = _parse_outcome(line, numbered, has_letters=has_letters, is_above=line.line_numbers in above_criteria)
        current = outcomes[-1]
        if opened:
            outcomes.append(opened)
        elif (
            current.text
            and not current.lines
            and previous
            and _continues_outcome(previous, line, width, bool(dotted_numbers))
        ):
            current.text = merge_texts(current.text, line.text)
        else:
            current.lines.append(line)
        previous = line
    return outcomes


def _parse_outcome(
    line: CleanLine, dotted_numbers: set[int], *, has_letters: bool, is_above: bool
) -> LearningOutcome | None:
    """Return the outcome that the line starts, or None.

    `has_letters`: criteria are numbered `1.1a`, and outcomes `1.1`. `is_above`: the line is above a heading
    `Assessment criteria`.
    """
    match = phrases.OUTCOME.fullmatch(line.text)
    if match and match[2]:
        return LearningOutcome(match[1], match[2])
    for marker, text in parse_markers(line.text)[:1]:
        if is_above or (has_letters and marker.style == "1.1") or _is_outcome_marker(marker, text, dotted_numbers):
            return LearningOutcome(marker.label, text)
    if not parse_markers(line.text) and (line.is_heading or UNNUMBERED_OUTCOME.match(line.text)):
        return LearningOutcome(None, line.text)
    return None


def _find_next_number(last: LearningOutcome) -> set[int]:
    """Return the number after the last outcome's, because the next outcome may have no criteria."""
    return {int(last.number) + 1} if last.number and last.number.isdigit() else set()


def _is_outcome_marker(marker: Marker, text: str, dotted_numbers: set[int]) -> bool:
    """Return whether a marker numbers an outcome rather than a criterion."""
    if not text or len(marker.numbers) != 1 or marker.style[0] in "(aAi":
        return False
    if marker.style.startswith("LO"):
        return True
    if not marker.style[0].isdigit():
        return False
    return marker.numbers[0] in dotted_numbers if dotted_numbers else bool(ABILITY_START.match(text))


def _continues_outcome(previous: CleanLine, line: CleanLine, width: int, has_dotted: bool) -> bool:
    """Return whether the line continues the outcome's text, before its first numbered criterion."""
    if parse_markers(line.text):
        return False
    return continues(previous, line, width) or (
        line.text[0].islower() and (has_dotted or not previous.ends_paragraph)
    )


def _assign_by_number(outcomes: list[LearningOutcome]) -> list[Doubt]:
    """Move criteria to the outcome of their number: `2.1` belongs to outcome 2.

    Some units print all outcomes first and all criteria after them.
    """
    by_number = {each.number: each for each in outcomes if each.number}
    doubts: list[Doubt] = []
    for outcome in outcomes:
        remaining: list[Statement] = []
        for statement in outcome.section_statements.statements:
            target = by_number.get(_get_outcome_number(statement) or "", outcome)
            (remaining if target is outcome else target.section_statements.statements).append(statement)
        outcome.section_statements.statements = remaining
    for outcome in outcomes:
        for statement in outcome.section_statements.statements:
            statement.heading = outcome.text or statement.heading
        if outcome.section_statements.statements and not outcome.text:
            numbers = tuple(outcome.section_statements.statements[0].line_numbers)
            doubts.append(
                Doubt(
                    numbers,
                    "assessment criteria without an outcome above them",
                    "they were read as performance criteria",
                )
            )
    return doubts


def _get_outcome_number(statement: Statement) -> str | None:
    marker = statement.marker
    if marker is None or len(marker.numbers) < 2 or not marker.label[0].isdigit():
        return None
    return str(marker.numbers[0])
