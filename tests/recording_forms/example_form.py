"""Example recording forms of Alice for any unit and of any length, and the PDFs rendered from them."""

from dataclasses import replace
from datetime import date
from functools import cache

from tests.recording_forms.tagged_pdf import Sheet
from tracker.recording_forms.form_content import FormContent, FormRow, FormSignature, build_blank_content
from tracker.recording_forms.rendering import render_form_pdf
from tracker.units.documents import UnitDocument
from tracker.units.standards_folder import read_standards
from tracker.vocabulary import ClaimMark

UNITS = ["CFACC15", "DELIVERCC", "INSCC004", "CFAM&LFD3"]


@cache
def find_unit(code: str) -> UnitDocument:
    return read_standards().find_unit(code, None)


@cache
def print_form(content: FormContent) -> Sheet:
    """Render the PDF of a form, once for all tests that read it."""
    return Sheet(render_form_pdf(content))


def build_blank_form(code: str) -> FormContent:
    return build_blank_content(find_unit(code))


def build_filled_form(code: str = "CFACC15", rows: int = 3, **changes: object) -> FormContent:
    """Return Alice's form, signed by all three: row n has a tick at criteria n and n + 2 and a circle at n + 1."""
    form = build_blank_form(code)
    alices = replace(
        form,
        rows=tuple(_row(number, len(form.columns)) for number in range(1, rows + 1)),
        candidate_name="Alice Moran",
        candidate_number="NG-0042",
        assessor_name="Bob Archer",
        round=2,
        comments="A good spread of evidence over ten weeks.",
        candidate=FormSignature("Alice Moran", date(2026, 11, 2), "16:20"),
        assessor=FormSignature("Bob Archer", date(2026, 11, 1), "09:05"),
        internal_verifier=FormSignature("Carol Hughes", date(2026, 11, 3), "11:30"),
        date_sampled=date(2026, 11, 3),
        state="verified 3 November 2026",
        snapshot_hash="7f3a9c0123456789" * 4,
    )
    return replace(alices, **changes)  # type: ignore[arg-type]  # the tests name real fields


def _row(number: int, columns: int) -> FormRow:
    marks: list[ClaimMark | None] = [None] * columns
    for step, mark in enumerate((ClaimMark.MET, ClaimMark.CLAIMED, ClaimMark.MET)):
        marks[(number - 1 + step) % columns] = mark
    return FormRow(str(number), f"Call {number}: billing dispute settled, with the recording (WP)", tuple(marks))
