"""The facts of an attempt's form and of a candidate's index, read from the database."""

from datetime import datetime

from sqlalchemy import select

from tracker.accounts.earlier_names import build_name_at
from tracker.accounts.person_names import clean_name, remove_invisible_characters
from tracker.clock import day_of, time_of
from tracker.extensions import db
from tracker.matrix import Matrix, MatrixRow, load_matrix
from tracker.models import Allocation, IssuedForm, Person, Registration, Signature, UnitAttempt
from tracker.recording_forms.annex_queries import build_annex
from tracker.recording_forms.form_content import FormColumn, FormContent, FormRow, FormSignature
from tracker.recording_forms.snapshot import STATEMENT_OF_COMPETENCE, take_snapshot
from tracker.registrations.current_allocations import is_current
from tracker.vocabulary import AttemptState, LabelOrigin, Role, SignatureRole
from tracker.web.formatting import address_note
from tracker.web.text_direction import isolate

FoundSignature = tuple[Signature, str, datetime | None]
"""A signature, the name of its time, and when the signer confirmed the address that they have now."""


def build_form_content(attempt: UnitAttempt, matrix: Matrix | None = None) -> FormContent:
    """Return what the recording form of an attempt prints now.

    Three statements besides those of the matrix, and three for the annex.
    """
    matrix = matrix or load_matrix(attempt)
    signatures = _live_signatures(attempt)
    assessor = signatures.get(SignatureRole.ASSESSOR)
    verifier = signatures.get(SignatureRole.INTERNAL_VERIFIER)
    return FormContent(
        unit_code=attempt.unit.full_code,
        unit_title=attempt.unit.title,
        unit_version=attempt.unit.version,
        columns=tuple(
            FormColumn(each.kind, each.label, each.label_origin is LabelOrigin.ASSIGNED) for each in matrix.columns
        ),
        statement=STATEMENT_OF_COMPETENCE,
        terms=attempt.centre.terms,
        rows=tuple(_row(row, matrix) for row in matrix.claiming_rows),
        candidate_name=clean_name(attempt.candidate.name),
        candidate_number=attempt.registration.candidate_number,
        assessor_name=clean_name(assessor[1] if assessor else _assessor_name(attempt)),
        round=attempt.round,
        comments=remove_invisible_characters(assessor[0].comment if assessor else attempt.closing_comment),
        candidate=_signature(signatures.get(SignatureRole.CANDIDATE)),
        assessor=_signature(assessor),
        countersigner=_signature(signatures.get(SignatureRole.COUNTERSIGNER)),
        internal_verifier=_signature(verifier),
        date_sampled=verifier[0].date_sampled if verifier else None,
        state=_state(attempt, signatures),
        snapshot_hash=take_snapshot(attempt, matrix).hash,
        annex=build_annex(attempt, assessor and assessor[0], verifier and verifier[0])
        if attempt.centre.prints_annex
        else None,
    )


def list_address_notes(form: IssuedForm) -> list[tuple[SignatureRole, str]]:
    """List the signatures of an issued form that were made with an address that was not confirmed, as words."""
    query = (
        select(Signature.role, Signature.address_confirmed, Person.email_confirmed_at)
        .join(Person, Person.id == Signature.person_id)
        .where(
            Signature.attempt_id == form.attempt_id,
            Signature.round == form.round,
            Signature.snapshot_hash == form.snapshot_hash,
        )
        .order_by(Signature.id)
    )
    notes = [(row[0], address_note(row[1], row[2])) for row in db.session.execute(query)]
    return [(role, note) for role, note in notes if note]


def find_attempt_of_candidate(email: str, unit_id: int) -> UnitAttempt | None:
    """Return the candidate's newest attempt at a unit version that is not void."""
    query = (
        select(UnitAttempt)
        .join(Person, Person.id == UnitAttempt.candidate_id)
        .join(Registration, Registration.id == UnitAttempt.registration_id)
        .where(
            Person.email == email.strip().lower(),
            UnitAttempt.unit_id == unit_id,
            UnitAttempt.state != AttemptState.VOID,
        )
        .order_by(UnitAttempt.id.desc())
        .limit(1)
    )
    return db.session.scalars(query).one_or_none()


def describe_row(row: MatrixRow) -> str:
    """Return an item as a form describes it: its title and method."""
    title = remove_invisible_characters(row.title)
    return f"{isolate(title)} ({row.method.printed})" if row.method else title


def _row(row: MatrixRow, matrix: Matrix) -> FormRow:
    cells = (row.cells.get(column.id) for column in matrix.columns)
    return FormRow(row.ref, describe_row(row), tuple(cell.mark if cell else None for cell in cells))


def _live_signatures(attempt: UnitAttempt) -> dict[SignatureRole, FoundSignature]:
    query = (
        select(Signature, build_name_at(Signature.signed_at), Person.email_confirmed_at)
        .join(Person, Person.id == Signature.person_id)
        .where(Signature.attempt_id == attempt.id, Signature.superseded_at.is_(None))
        .order_by(Signature.id)
    )
    return {row[0].role: (row[0], row[1], row[2]) for row in db.session.execute(query)}


def _assessor_name(attempt: UnitAttempt) -> str:
    query = (
        select(Person.name)
        .join(Allocation, Allocation.person_id == Person.id)
        .join(UnitAttempt, UnitAttempt.id == Allocation.attempt_id)
        .where(
            Allocation.attempt_id == attempt.id,
            Allocation.role == Role.ASSESSOR,
            is_current(),
        )
    )
    return db.session.scalar(query) or ""


def _signature(found: FoundSignature | None) -> FormSignature | None:
    if found is None:
        return None
    signature, name, confirmed_at = found
    return FormSignature(
        clean_name(name),
        day_of(signature.signed_at),
        time_of(signature.signed_at),
        address_note(signature.address_confirmed, confirmed_at),
    )


def _state(attempt: UnitAttempt, signatures: dict[SignatureRole, FoundSignature]) -> str:
    """Return the state in words for the page footer, with the date of the last signature."""
    last = max((found[0].signed_at for found in signatures.values()), default=None)
    words = attempt.state.label.lower()
    if last is None or attempt.state is AttemptState.VOID:
        return words  # nobody signed that it is void
    day = day_of(last)
    verifier = signatures.get(SignatureRole.INTERNAL_VERIFIER)
    unsampled = ", not sampled" if verifier and verifier[0].unsampled_reason else ""
    return f"{words} {day.day} {day:%B %Y}{unsampled}"
