"""Content of records that an assessor writes, printed filled or blank: plain values, no Flask and no database."""

from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from tracker.recording_forms.form_content import MAX_HEADER_NAME
from tracker.recording_forms.printed_text import add_break_points, shorten
from tracker.vocabulary import CentreTerms, RecordStanding
from tracker.web.text_direction import isolate

UNBROKEN_STAMP = 40
"""Characters of a stamp that stays on one line."""
LONG_TEXT = 300
"""Characters of a question with its answer. A row with a longer one may continue on the next page."""
STANDINGS = {
    RecordStanding.WAITING: "Not yet answered by the candidate. This version does not count yet.",
    RecordStanding.AGREED: "The candidate has agreed to this version.",
    RecordStanding.OBJECTED: "The candidate objects. This version does not count while the objection is not decided.",
    RecordStanding.UPHELD: "The objection was upheld. This version does not count.",
    RecordStanding.DISMISSED: "The objection was dismissed. This version counts.",
    RecordStanding.WITHDRAWN: "The assessor has withdrawn this version. It does not count.",
}
STANDINGS_OF_CLOSED = {
    RecordStanding.WAITING: "Not answered by the candidate. This version does not count.",
    RecordStanding.OBJECTED: "The candidate objected, and nobody decided it. This version does not count.",
}
"""How a version stands that can no longer be answered: a newer one has replaced it, or it is out of use."""
Pieces = tuple[tuple[str, bool], ...]
"""A paragraph in pieces, each with whether it is a stamp."""


@dataclass(frozen=True)
class PrintedCriterion:
    """A criterion that the record names; on a blank one, any of the unit."""

    mark: str
    """As it stands in the narrative: `5`, `INSCC004 1`."""
    text: str
    places: str = ""
    """Times, and numbers of questions."""

    @property
    def printed_text(self) -> str:
        """Return the text with its break points."""
        return add_break_points(self.text)


@dataclass(frozen=True)
class PrintedUnit:
    """A unit with its criteria in the record."""

    code: str
    title: str
    criteria: tuple[PrintedCriterion, ...]


@dataclass(frozen=True)
class PrintedQuestion:
    """A question and the answer as given."""

    question: str
    answer: str
    mark: str
    """The criterion it is about; empty for none."""
    outcome: str
    """What its asker thought of the answer; empty while that is not decided."""
    comment: str = ""
    """What its asker wrote about the answer."""

    @property
    def is_long(self) -> bool:
        """Return whether its row may continue on the next page."""
        return len(self.question) + len(self.answer) > LONG_TEXT

    @property
    def lines(self) -> list[str]:
        """Return the lines of the answer with their break points."""
        return [add_break_points(line) for line in self.answer.splitlines()]

    @property
    def printed_comment(self) -> list[str]:
        """Return the lines of the comment with their break points."""
        return [add_break_points(line) for line in self.comment.splitlines() if line.strip()]

    @property
    def printed_question(self) -> str:
        """Return the question with its break points."""
        return add_break_points(self.question)


@dataclass(frozen=True)
class PrintedAnswer:
    """A declaration, an answer or a decision, as it was given."""

    statement: str
    name: str
    act: str
    """`declared`, `answered`, `decided`, `assessed` or `withdrawn`."""
    moment: str
    """`3 November 2026, 14:05`."""
    reason: tuple[str, ...] = ()
    """Its paragraphs."""
    note: str = ""
    """That the email address was not confirmed; empty where it was."""

    @property
    def printed_name(self) -> str:
        """Return the name, and that this is no signature by hand."""
        note = f"; {self.note}" if self.note else ""
        return f"{isolate(self.name)}, {self.act} electronically{note}"


@dataclass(frozen=True)
class PrintedRecord:
    """What every printed record that an assessor writes has. The same content gives the same bytes."""

    NAME: ClassVar[str]
    """What the sheet is called in headers and footers: `Observation record`."""

    candidate_name: str
    candidate_number: str
    assessor_name: str
    centre_name: str
    units: tuple[PrintedUnit, ...]
    declaration_statement: str
    """What the assessor declares."""
    agreement_statement: str
    """What the candidate agrees to."""
    terms: CentreTerms = CentreTerms.SCOTLAND
    """The terms in which the verifier's decision is printed."""
    number: int | None = None
    """Of the evidence; None on a blank record."""
    version: int = 1
    is_erased: bool = False
    """Whether what was written has been erased; people, times and the declaration are kept."""
    replaced_by: int | None = None
    """The number of the newest version that its reader sees; None where this is it."""
    sealed_on: date | None = None
    printed_for: date | None = None
    """The day on which the answers are as printed."""
    happened_on: str = ""
    starts: str = ""
    ends: str = ""
    place: str = ""
    files: tuple[str, ...] = ()
    """The name and size of each photograph, recording or other file."""
    standing: RecordStanding | None = None
    is_open: bool = True
    """Whether the version can still be answered, as none but the newest can."""
    declaration: PrintedAnswer | None = None
    answer: PrintedAnswer | None = None
    """The candidate's; None while there is none."""
    decision: PrintedAnswer | None = None
    """The internal verifier's decision on an objection; None while there is none."""
    withdrawal: PrintedAnswer | None = None
    """The assessor's withdrawal, with its reason; None while there is none."""

    @property
    def row_count(self) -> int:
        """Return the number of table rows and paragraphs, on which the time for rendering depends."""
        return sum(len(unit.criteria) for unit in self.units)

    @property
    def is_blank(self) -> bool:
        """Return whether the record is to be filled in by hand."""
        return self.number is None

    @property
    def names_criteria(self) -> bool:
        """Return whether the criteria are those that the record names, and not all of the unit."""
        return not self.is_blank

    @property
    def reference(self) -> str:
        """Return what the record is: `Evidence 3, version 2`; empty on a blank one."""
        return "" if self.is_blank else f"Evidence {self.number}, version {self.version}"

    @property
    def standing_sentences(self) -> str:
        """Return how the version stands, and which version has replaced it."""
        if self.standing is None:
            return ""
        replaced = f" Version {self.replaced_by} has replaced it." if self.replaced_by else ""
        words = STANDINGS if self.is_open else {**STANDINGS, **STANDINGS_OF_CLOSED}
        return f"{words[self.standing]}{replaced}"

    @property
    def waits_for_decision(self) -> bool:
        """Return whether the candidate objects and nobody has decided the objection."""
        return self.standing is RecordStanding.OBJECTED

    @property
    def page_header(self) -> str:
        """Return the header of every page after the first."""
        parts = (
            isolate(shorten(self.candidate_name, MAX_HEADER_NAME)),
            f"candidate {isolate(self.candidate_number)}",
            self.NAME,
            self.reference.lower(),
        )
        return " · ".join(part for part in parts if part)

    @property
    def page_footer(self) -> str:
        """Return the page footer, which identifies every page of this record."""
        day = f"as on {self.printed_for.day} {self.printed_for:%B %Y}" if self.printed_for else "blank"
        parts = (self.NAME, self.reference.lower(), f"candidate {isolate(self.candidate_number)}", day)
        return " · ".join(part for part in parts if part)


@dataclass(frozen=True)
class ObservationRecord(PrintedRecord):
    """Everything on an observation record."""

    NAME = "Observation record"

    narrative: tuple[Pieces, ...] = ()
    questions: tuple[PrintedQuestion, ...] = ()
    feedback: tuple[str, ...] = ()
    further_action: tuple[str, ...] = ()

    @property
    def row_count(self) -> int:
        """Return the number of table rows and paragraphs, on which the time for rendering depends."""
        return (
            super().row_count
            + len(self.questions)
            + sum(map(len, (self.narrative, self.feedback, self.further_action)))
        )

    @property
    def narrative_with_breaks(self) -> list[Pieces]:
        """Return the paragraphs of the narrative with their break points."""
        return [tuple((_break(text, is_stamp), is_stamp) for text, is_stamp in pieces) for pieces in self.narrative]


@dataclass(frozen=True)
class QuestionsRecord(ObservationRecord):
    """Everything on a record of questions and answers; its narrative is the remarks."""

    NAME = "Record of questions and answers"


def _break(text: str, is_stamp: bool) -> str:
    """Return a piece of the narrative with its break points; a short stamp has none."""
    return text.replace(" ", "\u00a0") if is_stamp and len(text) <= UNBROKEN_STAMP else add_break_points(text)
