"""Issuing of recording forms: rendered once, sealed, stored by hash, and printed from those bytes ever after."""

import io
import secrets
from dataclasses import dataclass, replace
from logging import getLogger

import segno
from flask import current_app
from sqlalchemy import select

from tracker.clock import now
from tracker.errors import Busy, Conflict, Refused
from tracker.extensions import db
from tracker.ledger import checkpoints, events, keys
from tracker.ledger.events import Actor, record
from tracker.matrix import load_matrix
from tracker.models import IssuedForm, UnitAttempt
from tracker.recording_forms.codes import FormCode
from tracker.recording_forms.form_content import FormContent, FormIssue
from tracker.recording_forms.pdf_renderer import render_pdf, withdraw
from tracker.recording_forms.pdf_seals import seal_pdf
from tracker.recording_forms.queries import build_form_content
from tracker.recording_forms.snapshot import take_snapshot
from tracker.storage import file_store
from tracker.storage.file_references import remove_files
from tracker.vocabulary import AttemptState

ISSUE_STATES = frozenset({AttemptState.VERIFIED, AttemptState.CERTIFICATE_CLAIMED})
NO_KEY = (
    "This installation has no key to seal forms with yet. Nothing was issued. Ask your system operator to "
    "make one: flask keys make."
)

logger = getLogger(__name__)


@dataclass(frozen=True)
class PlannedIssue:
    """Everything that an issued form prints and records, read at one moment."""

    content: FormContent
    code: FormCode
    certificate: str


@dataclass(frozen=True)
class RenderedIssue:
    """A planned issue as a sealed PDF in the file store."""

    plan: PlannedIssue
    file: file_store.StoredFile


def plan_issue(attempt: UnitAttempt) -> PlannedIssue:
    """Read what the form of this round prints. Raises `Refused` before the unit is verified, or without a key."""
    if attempt.state not in ISSUE_STATES:
        raise Refused(
            f"This unit is {attempt.state.label.lower()}. Nothing was issued. "
            "Issue the form once the unit is verified."
        )
    key = keys.find_current_key()
    if key is None:
        raise Refused(NO_KEY)
    matrix = load_matrix(attempt)
    snapshot = take_snapshot(attempt, matrix)
    size, head = events.get_head()
    code = FormCode(secrets.token_hex(16), attempt.round, snapshot.hash, size, head, key.name)
    text = code.text(keys.sign(key.name, code.body))
    address = f"{current_app.config['SETTINGS'].base_url}/verify"
    issue = FormIssue(
        code.number, text, _make_qr_code(f"{address}?code={text}"), address, now(), snapshot.text, size,
        checkpoints.find_newest_number(),
    )  # fmt: skip
    return PlannedIssue(replace(build_form_content(attempt, matrix), issue=issue), code, key.certificate)


def render_issue(plan: PlannedIssue, person_id: int, wait_seconds: float | None = None) -> RenderedIssue:
    """Render the form for a person, seal it and store it, with no transaction open: it takes longer than any query.

    Raises `Busy` when it is not rendered within `wait_seconds`. Then it is taken out of the queue, if it still waits.
    """
    return RenderedIssue(plan, file_store.save(io.BytesIO(seal_issue(plan, person_id, wait_seconds))))


def seal_issue(plan: PlannedIssue, person_id: int, wait_seconds: float | None = None) -> bytes:
    """Render the form for a person and seal it. Raises as `render_issue` does."""
    try:
        pdf = render_pdf(plan.content, person_id, wait_seconds)
    except Busy:
        withdraw(plan.content)
        raise
    return seal_pdf(
        pdf,
        plan.certificate.encode("ascii"),
        keys.read_seal_key(plan.code.key),
        f"Issued as form {plan.code.number}",
    )


def record_issue(attempt: UnitAttempt, rendered: RenderedIssue, actor: Actor) -> IssuedForm:
    """Make the rendered form the issued form of the round; if one was issued meanwhile, return that one.

    The caller has locked the attempt. Raises `Conflict` when the attempt has changed since it was read.
    """
    assert actor.person_id is not None  # noqa: S101 - people issue forms
    if current := find_current_form(attempt):
        return current
    code, issue = rendered.plan.code, rendered.plan.content.issue
    assert issue is not None  # noqa: S101 - what was planned has one
    is_unchanged = replace(build_form_content(attempt), issue=issue) == rendered.plan.content
    if attempt.state not in ISSUE_STATES or not is_unchanged:
        raise Conflict(
            "This unit changed while its form was being made. Nothing was issued. Reload the page and check the form."
        )
    form = IssuedForm(
        number=code.number,
        attempt_id=attempt.id,
        round=code.round,
        issued_at=issue.issued_at,
        issued_by_id=actor.person_id,
        sha256=rendered.file.sha256,
        size=rendered.file.size,
        snapshot_hash=code.snapshot_hash,
        ledger_size=code.ledger_size,
        ledger_head=code.ledger_head,
        key=code.key,
    )
    db.session.add(form)
    record(
        "form_issued", form, actor, attempt=attempt.id, round=form.round, number=form.number, sha256=form.sha256,
        snapshot=form.snapshot_hash, size=form.ledger_size, head=form.ledger_head, key=form.key,
    )  # fmt: skip
    return form


def discard_unrecorded(rendered: RenderedIssue) -> None:
    """Delete the file of a rendered form if no row names it, because it was not issued or another was first."""
    try:
        remove_files([rendered.file.sha256])
    except OSError:
        logger.exception("The file of a form that was not issued could not be deleted: see flask storage check")


def find_current_form(attempt: UnitAttempt) -> IssuedForm | None:
    """Return the current issued form of an attempt; None once its round has ended, or the attempt is void."""
    if attempt.state not in ISSUE_STATES:
        return None
    query = select(IssuedForm).where(IssuedForm.attempt_id == attempt.id, IssuedForm.superseded_at.is_(None))
    return db.session.scalars(query).one_or_none()


def list_issued_forms(attempt: UnitAttempt) -> list[IssuedForm]:
    """List every form issued for an attempt, the newest first."""
    query = select(IssuedForm).where(IssuedForm.attempt_id == attempt.id).order_by(IssuedForm.id.desc())
    return list(db.session.scalars(query))


def supersede_forms(attempt: UnitAttempt) -> None:
    """Mark the forms of an ended round as superseded: they stay readable and verifiable, but are not current."""
    live = select(IssuedForm).where(IssuedForm.attempt_id == attempt.id, IssuedForm.superseded_at.is_(None))
    for form in db.session.scalars(live):
        form.superseded_at = now()


def _make_qr_code(address: str) -> bytes:
    picture = io.BytesIO()
    segno.make(address, error="m", micro=False).save(picture, kind="png", scale=4, border=2)
    return picture.getvalue()
