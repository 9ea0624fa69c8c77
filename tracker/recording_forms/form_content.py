"""Content of recording forms: plain values, without Flask or the database."""

from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby

from tracker.recording_forms.annex import FormAnnex
from tracker.recording_forms.printed_text import add_break_points, shorten
from tracker.units.documents import UnitDocument
from tracker.vocabulary import CentreTerms, ClaimMark, CriterionKind
from tracker.web.text_direction import isolate

STATEMENT_OF_COMPETENCE = (
    "I confirm that all evidence (including Knowledge and Understanding), for the entire Unit has been met:"
)
"""Verbatim from the awarding body's candidate recording form."""

GROUP_HEADINGS = {
    CriterionKind.PERFORMANCE: ("Performance Criteria", "PC"),
    CriterionKind.KNOWLEDGE: ("Knowledge and Understanding", "K&U"),
}
"""The awarding body's heading over a group of columns, and its short form over a narrow group."""

SNAPSHOT_FILE, CODE_FILE = "snapshot.json", "code.txt"
"""The files attached to an issued form."""

UNBROKEN_ROW_LENGTHS = {"few": 200, "some": 140, "many": 95}
"""Characters of about three lines in the description column, by the form's `width`. A longer row may be divided."""
MAX_HEADER_NAME = 60
MAX_HEADER_TITLE = 90
"""Characters of a name and of the unit's title in the page header; the first page has them whole."""
MAX_HEADER_LINE = 150
"""Characters that one line of the page header holds."""
TALLEST_MARKS = (ClaimMark.CONTRIBUTES, ClaimMark.MET, ClaimMark.CLAIMED)
"""The marks by the height of their signs: Inter, the font of forms, lacks the first, and another font is higher."""
MISSING_CHARACTERS = b"missing:"
"""What the rendering subprocess answers before the characters that it cannot print, in UTF-8."""
DRAFT = "Draft: not signed"


@dataclass(frozen=True)
class FormColumn:
    """One criterion of the unit."""

    kind: CriterionKind
    label: str
    is_label_assigned: bool = False
    """Whether the label is ours, because the source prints none."""


@dataclass(frozen=True)
class FormRow:
    """One item of evidence, with a mark or None for each column."""

    ref: str
    description: str
    marks: tuple[ClaimMark | None, ...]

    @property
    def printed_description(self) -> str:
        """Return the description with its break points."""
        return add_break_points(self.description)

    @property
    def signs(self) -> str:
        """Return the sign of each column, a space where it has no mark."""
        return "".join(mark.sign if mark else " " for mark in self.marks)

    @property
    def tallest_sign(self) -> str:
        """Return the sign of the row that takes the most height; empty in a row without marks."""
        return next((mark.sign for mark in TALLEST_MARKS if mark in self.marks), "")


def format_form_number(number: str) -> str:
    """Return a form's number in groups of four, as people read it out: `e285-3b04-…`."""
    return "-".join(number[at : at + 4] for at in range(0, len(number), 4))


@dataclass(frozen=True)
class FormSignature:
    """A signature on the form."""

    name: str
    signed_on: date
    time: str = ""
    """The time of the day in the United Kingdom, as in `14:05`."""
    address_note: str = ""
    """That the signer's email address was not confirmed when they signed; empty where it was."""

    @property
    def printed_name(self) -> str:
        """Return the typed name, and that it was signed electronically."""
        return f"{isolate(self.name)}, signed electronically"

    @property
    def printed_moment(self) -> str:
        """Return the date and time: `3 November 2026, 14:05`."""
        day = f"{self.signed_on.day} {self.signed_on:%B %Y}"
        return f"{day}, {self.time}" if self.time else day


@dataclass(frozen=True)
class FormIssue:
    """The number, the code and the snapshot that an issued form carries."""

    number: str
    code: str
    """As it stands in the address that the QR code leads to."""
    qr_code: bytes
    """The QR code as a PNG image."""
    verify_url: str
    """The address of the page where anyone can check a form."""
    issued_at: datetime
    snapshot: str
    ledger_size: int
    """The number of events in the ledger when the form was issued."""
    checkpoint: int | None
    """The number of the newest checkpoint of the ledger then; None before the first."""

    @property
    def printed_number(self) -> str:
        """Return the number as it is printed."""
        return format_form_number(self.number)


@dataclass(frozen=True)
class FormContent:
    """Everything on one candidate recording form. The same content gives the same bytes."""

    unit_code: str
    unit_title: str
    unit_version: str
    columns: tuple[FormColumn, ...]
    statement: str = STATEMENT_OF_COMPETENCE
    terms: CentreTerms = CentreTerms.SCOTLAND
    """The terms in which the labels of the verifier's signature are printed."""
    rows: tuple[FormRow, ...] = ()
    candidate_name: str = ""
    candidate_number: str = ""
    assessor_name: str = ""
    round: int | None = None
    comments: str = ""
    candidate: FormSignature | None = None
    assessor: FormSignature | None = None
    countersigner: FormSignature | None = None
    """Only where the assessor's signature needed one."""
    internal_verifier: FormSignature | None = None
    date_sampled: date | None = None
    state: str = "blank form"
    """In words, for the foot of every page: `verified 3 November 2026`."""
    snapshot_hash: str = ""
    issue: FormIssue | None = None
    annex: FormAnnex | None = None
    """What is printed on sheets of its own; None on a blank form, and where the centre has switched the annex off."""

    @property
    def row_count(self) -> int:
        """Return the number of table rows, on which the time for rendering depends."""
        return len(self.rows) + (self.annex.row_count if self.annex else 0)

    @property
    def mark_kinds(self) -> tuple[ClaimMark, ...]:
        """Return the marks that the legend explains."""
        return tuple(ClaimMark)

    @property
    def is_blank(self) -> bool:
        """Return whether the form is to be filled in by hand."""
        return not self.candidate_name

    @property
    def groups(self) -> list[tuple[CriterionKind, int]]:
        """Return the groups of columns, and how many columns each spans."""
        return [(kind, len(list(columns))) for kind, columns in groupby(self.columns, key=lambda c: c.kind)]

    @property
    def width(self) -> str:
        """Return the CSS class that shares the width between the description and the columns."""
        return "few" if len(self.columns) <= 26 else "some" if len(self.columns) <= 40 else "many"

    @property
    def page_state(self) -> str:
        """Return the state of a filled form, for the foot of every page; empty on a blank form."""
        if self.is_blank:
            return ""
        draft = DRAFT if self.is_draft else ""
        parts = (draft, self.state, f"round {self.round}", f"candidate {isolate(self.candidate_number)}")
        return " · ".join(part for part in parts if part)

    @property
    def page_footer(self) -> str:
        """Return the rest of the page footer, which identifies every page of this form."""
        parts = (
            f"{self.unit_code} version {self.unit_version}",
            self.state if self.is_blank else "",
            f"record {self.snapshot_hash[:16]}" if self.snapshot_hash else "",
            f"form {self.issue.number[:8]}" if self.issue else "",
        )
        return " · ".join(part for part in parts if part)

    @property
    def page_header(self) -> str:
        """Return the header of every page after the first."""
        parts = (
            DRAFT if self.is_draft else "",
            isolate(shorten(self.candidate_name, MAX_HEADER_NAME)),
            f"candidate {isolate(self.candidate_number)}",
            f"assessor {isolate(shorten(self.assessor_name, MAX_HEADER_NAME)) or 'not allocated yet'}",
            f"{self.unit_code} {isolate(shorten(self.unit_title, MAX_HEADER_TITLE))}",
        )
        return " · ".join(part for part in parts if part)

    @property
    def sheet_class(self) -> str:
        """Return the CSS class that gives the pages their header; empty on a blank form."""
        if self.is_blank:
            return ""
        return "filled two-lines" if len(self.page_header) > MAX_HEADER_LINE else "filled"

    @property
    def is_draft(self) -> bool:
        """Return whether the form is filled and nobody has signed it."""
        return not self.is_blank and self.last_signed_on is None

    def may_divide(self, row: FormRow) -> bool:
        """Return whether a row is so long that it may continue on the next page."""
        return len(row.description) > UNBROKEN_ROW_LENGTHS[self.width]

    @property
    def follows_table(self) -> bool:
        """Return whether the comments stay on the page where the table ends; moving a long row there leaves a gap."""
        return not self.rows or len(self.rows[-1].description) <= UNBROKEN_ROW_LENGTHS[self.width] // 2

    @property
    def has_short_comments(self) -> bool:
        """Return whether the comments are kept together on one page."""
        return len(self.comments) < 300

    @property
    def comment_lines(self) -> list[str]:
        """Return the lines of the comments with their break points."""
        return [add_break_points(line) for line in self.comments.splitlines()]

    @property
    def last_signed_on(self) -> date | None:
        """Return the date of the last signature, which is also the date of the PDF; None without signatures."""
        signatures = (self.candidate, self.assessor, self.countersigner, self.internal_verifier)
        return max((each.signed_on for each in signatures if each), default=None)

    @property
    def label_note(self) -> str:
        """Return the footnote on assigned labels; empty where the source prints all."""
        has_assigned = any(column.is_label_assigned for column in self.columns)
        return "*\u00a0label assigned; the source prints none" if has_assigned else ""

    def has_only_assigned_labels(self, kind: CriterionKind) -> bool:
        """Return whether we assigned every label of a group: then its heading is marked, not each label."""
        return all(column.is_label_assigned for column in self.columns if column.kind is kind)

    def get_label(self, column: FormColumn) -> str:
        """Return the label of a column, marked if we assigned it."""
        is_marked = column.is_label_assigned and not self.has_only_assigned_labels(column.kind)
        return f"{column.label}*" if is_marked else column.label

    def get_heading(self, kind: CriterionKind, span: int) -> str:
        """Return the heading over a group of columns, short if it is narrow, marked if all labels are ours."""
        heading, short = GROUP_HEADINGS[kind]
        return f"{heading if span > 4 else short}{'*' if self.has_only_assigned_labels(kind) else ''}"


def find_texts_with(content: FormContent, characters: str) -> list[str]:
    """Return the names of the parts of a form that have one of these characters."""
    texts = {
        "the candidate’s name": content.candidate_name,
        "the candidate number": content.candidate_number,
        "the assessor’s name": content.assessor_name,
        "the verifier’s name": content.internal_verifier.name if content.internal_verifier else "",
        "the unit’s title": content.unit_title,
        "the comments": content.comments,
    } | {f"evidence {row.ref}": row.description for row in content.rows}
    texts |= content.annex.texts if content.annex else {}
    return [name for name, text in texts.items() if any(each in text for each in characters)]


def build_blank_content(unit: UnitDocument, statement: str = STATEMENT_OF_COMPETENCE) -> FormContent:
    """Return the content of a unit's blank form, to be filled in by hand."""
    return FormContent(
        unit_code=unit.full_code,
        unit_title=unit.title,
        unit_version=unit.version,
        columns=tuple(FormColumn(each.kind, each.label) for each in unit.assessable),
        statement=statement,
    )
