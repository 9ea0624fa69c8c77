"""Issuing a form: rendered once, sealed, kept by its hash, and printed again only from those bytes."""

import io
import secrets
from dataclasses import dataclass, replace

import segno
from flask import current_app
from sqlalchemy import select

from tracker.clock import now
from tracker.errors import Conflict, Refused
from tracker.extensions import db
from tracker.ledger import events, keys
from tracker.ledger.events import Actor, record
from tracker.matrix import load_matrix
from tracker.models import IssuedForm, UnitAttempt
from tracker.recording_forms.codes import FormCode
from tracker.recording_forms.form_content import FormContent, FormIssue
from tracker.recording_forms.pdf_renderer import render_pdf
from tracker.recording_forms.pdf_seals import seal_pdf
from tracker.recording_forms.queries import build_form_content
from tracker.recording_forms.snapshot import snapshot_of
from tracker.storage import file_store
from tracker.vocabulary import AttemptState

ISSUED_WHEN = frozenset({AttemptState.VERIFIED, AttemptState.CERTIFICATE_CLAIMED})
NO_KEY = (
    "This installation has no key to seal forms with yet. Nothing was issued. Ask whoever runs it to make one: "
    "flask keys make."
)


@dataclass(frozen=True)
class Planned:
    """Everything an issue prints and pins, read at one moment."""

    facts: FormContent
    code: FormCode
    certificate: str


@dataclass(frozen=True)
class Printed:
    """A planned issue as a sealed file that is safe on disk."""

    planned: Planned
    kept: file_store.StoredFile


def plan_issue(attempt: UnitAttempt) -> Planned:
    """What the form of this verified round would print. Raises `Refused` before it is verified, or without a key."""
    if attempt.state not in ISSUED_WHEN:
        raise Refused(
            f"This unit is {attempt.state.label.lower()}. A form is issued once it is verified; nothing was issued."
        )
    key = keys.find_current()
    if key is None:
        raise Refused(NO_KEY)
    matrix = load_matrix(attempt)
    snapshot = snapshot_of(attempt, matrix)
    size, head = events.head()
    code = FormCode(secrets.token_hex(16), attempt.round, snapshot.hash, size, head, key.name)
    text = code.text(keys.sign(key.name, code.body))
    address = f"{current_app.config['SETTINGS'].base_url}/verify"
    issue = FormIssue(code.number, text, _square(f"{address}?code={text}"), address, now(), snapshot.text)
    return Planned(replace(build_form_content(attempt, matrix), issue=issue), code, key.certificate)


def print_issue(planned: Planned) -> Printed:
    """Render, seal and keep it. No transaction is open meanwhile: it takes longer than any query."""
    pdf = render_pdf(planned.facts)
    sealed = seal_pdf(
        pdf,
        planned.certificate.encode("ascii"),
        keys.read_seal(planned.code.key),
        f"Issued as form {planned.code.number}",
    )
    return Printed(planned, file_store.save(io.BytesIO(sealed)))


def record_issue(attempt: UnitAttempt, printed: Printed, actor: Actor) -> IssuedForm:
    """Make what was printed the issued form of the round; where one was issued meanwhile, that one stands.

    The caller locked the attempt. Raises `Conflict` when what was printed is no longer so.
    """
    assert actor.person_id is not None  # noqa: S101 - people issue forms
    if found := find_current(attempt):
        return found
    code, issue = printed.planned.code, printed.planned.facts.issue
    still_so = (attempt.round, snapshot_of(attempt).hash) == (code.round, code.snapshot_hash)
    if attempt.state not in ISSUED_WHEN or not still_so or issue is None:
        raise Conflict(
            "This unit changed while its form was being made. Nothing was issued. Open the page again and look."
        )
    form = IssuedForm(
        number=code.number,
        attempt_id=attempt.id,
        round=code.round,
        issued_at=issue.issued_at,
        issued_by_id=actor.person_id,
        sha256=printed.kept.sha256,
        size=printed.kept.size,
        snapshot_hash=code.snapshot_hash,
        ledger_size=code.ledger_size,
        ledger_head=code.ledger_head,
        key=code.key,
    )
    db.session.add(form)
    db.session.flush()
    record(
        "form_issued", form, actor, attempt=attempt.id, round=form.round, number=form.number, sha256=form.sha256,
        snapshot=form.snapshot_hash, size=form.ledger_size, head=form.ledger_head, key=form.key,
    )  # fmt: skip
    return form


def find_current(attempt: UnitAttempt) -> IssuedForm | None:
    """The issued form of an attempt that stands now; none once its round has ended, or the attempt is void."""
    if attempt.state not in ISSUED_WHEN:
        return None
    query = select(IssuedForm).where(IssuedForm.attempt_id == attempt.id, IssuedForm.superseded_at.is_(None))
    return db.session.scalars(query).one_or_none()


def list_issued(attempt: UnitAttempt) -> list[IssuedForm]:
    """Every form issued for an attempt, the newest first."""
    query = select(IssuedForm).where(IssuedForm.attempt_id == attempt.id).order_by(IssuedForm.id.desc())
    return list(db.session.scalars(query))


def supersede_forms(attempt: UnitAttempt) -> None:
    """The round has ended: its form is kept, readable and verifiable, and never served as current again."""
    live = select(IssuedForm).where(IssuedForm.attempt_id == attempt.id, IssuedForm.superseded_at.is_(None))
    for form in db.session.scalars(live):
        form.superseded_at = now()


def _square(address: str) -> bytes:
    picture = io.BytesIO()
    segno.make(address, error="m", micro=False).save(picture, kind="png", scale=4, border=2)
    return picture.getvalue()
