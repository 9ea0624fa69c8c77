"""Unsaved text: what a person sent after their session had timed out, or to sign too late after the second step.

It is encrypted and kept for a day.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select

from tracker.clock import now
from tracker.errors import NotFound
from tracker.extensions import db
from tracker.ledger import transactions
from tracker.ledger.transactions import lock_rows
from tracker.models import Person, UnsavedText
from tracker.web.encryption import decrypt, encrypt

LIFETIME = timedelta(hours=24)
MAX_SIZE = 1024 * 1024
"""Bytes of one form's fields."""
MAX_PER_PERSON = 20
FORMER_PURPOSE = "unsaved text"
"""That of releases which did not bind a text to its person."""

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class UnsavedForm:
    """A form as it was sent: where it was sent to, the page it is on, and its fields."""

    action: str
    """The path that the form was sent to."""
    page: str
    """The address of the page with the form: a path, with its query."""
    fields: Pairs
    """Names and values in the order of the form, without passwords, codes and tokens."""
    has_files: bool
    """Whether files were sent with it; they are not kept."""
    was_signed_in: bool = False
    """Whether the person was signed in: then the form signs, and waited for the second step."""
    id: int = 0
    kept_at: datetime | None = None


def keep_unsaved_form(person_id: int, form: UnsavedForm) -> int | None:
    """Keep a form for its person and return its id; None if it is larger than `MAX_SIZE`.

    The oldest goes when a person has more than `MAX_PER_PERSON`. Runs in a transaction of its own.
    """
    content = json.dumps([form.action, form.page, form.fields, form.has_files, form.was_signed_in])
    if len(content.encode()) > MAX_SIZE:
        return None
    with transactions.transaction():
        lock_rows(Person, [person_id])
        row = UnsavedText(person_id=person_id, content=encrypt(content, _name_purpose(person_id)), kept_at=now())
        db.session.add(row)
        db.session.flush()
        newest = select(UnsavedText.id).where(UnsavedText.person_id == person_id).order_by(UnsavedText.id.desc())
        surplus = db.session.scalars(newest.offset(MAX_PER_PERSON)).all()
        db.session.execute(delete(UnsavedText).where(UnsavedText.id.in_(surplus)))
    return row.id


def list_unsaved_forms(person_id: int) -> list[UnsavedForm]:
    """List the forms kept for a person, newest first."""
    query = select(UnsavedText).where(UnsavedText.person_id == person_id, UnsavedText.kept_at > now() - LIFETIME)
    rows = db.session.scalars(query.order_by(UnsavedText.id.desc()))
    return [form for row in rows if (form := _decrypt_form(row))]


def find_unsaved_form(person_id: int, unsaved_id: int) -> UnsavedForm | None:
    """Return a form kept for this person, or None: it is somebody else's, too old, or cannot be decrypted."""
    query = select(UnsavedText).where(
        UnsavedText.id == unsaved_id, UnsavedText.person_id == person_id, UnsavedText.kept_at > now() - LIFETIME
    )
    row = db.session.scalars(query).one_or_none()
    return _decrypt_form(row) if row else None


def delete_unsaved_form(person_id: int, unsaved_id: int) -> None:
    """Delete a form kept for this person; raise `NotFound` if there is none."""
    query = delete(UnsavedText).where(UnsavedText.id == unsaved_id, UnsavedText.person_id == person_id)
    if db.session.scalar(query.returning(UnsavedText.id)) is None:
        raise NotFound


def delete_expired_unsaved_texts() -> None:
    """Delete what has been kept for 24 hours; the worker calls it every minute."""
    with transactions.reading():
        is_due = db.session.scalar(select(UnsavedText.id).where(UnsavedText.kept_at <= now() - LIFETIME).limit(1))
    if is_due:
        with transactions.transaction():
            db.session.execute(delete(UnsavedText).where(UnsavedText.kept_at <= now() - LIFETIME))


def _name_purpose(person_id: int) -> str:
    """Return the purpose of a person's key, so that a row given to somebody else in the database is not decrypted."""
    return f"unsaved text of person {person_id}"


def _decrypt_form(row: UnsavedText) -> UnsavedForm | None:
    content = decrypt(row.content, _name_purpose(row.person_id), within=LIFETIME)
    content = content or decrypt(row.content, FORMER_PURPOSE, within=LIFETIME)
    if content is None:
        return None
    action, page, fields, has_files, *rest = json.loads(content)  # earlier releases kept four values
    pairs = tuple((name, value) for name, value in fields)
    return UnsavedForm(action, page, pairs, has_files, bool(rest and rest[0]), row.id, row.kept_at)
