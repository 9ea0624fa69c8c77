"""Weekly reminders to administrators of registrations due for erasure. Nothing is erased automatically."""

from datetime import timedelta

from flask import current_app
from sqlalchemy import select

from tracker.background import emails
from tracker.clock import LONDON, now, today
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Centre, Grant, Notification, Person
from tracker.privacy import emails as email_texts
from tracker.privacy.retention import list_due
from tracker.storage.file_references import remove_erased_files
from tracker.vocabulary import Role
from tracker.web.formatting import counted

HOUR = 3
"""In London time: after the nightly integrity check."""
REMINDER_INTERVAL = timedelta(days=7)


def send_retention_reminders() -> None:
    """Remove files left behind by erasures, and remind administrators: called every minute, done once a night."""
    day = today()
    if current_app.extensions.get("reminded_on") == day or now().astimezone(LONDON).hour < HOUR:
        return
    current_app.extensions["reminded_on"] = day
    remove_erased_files()
    if not emails.can_deliver():
        return
    for centre_id in db.session.scalars(select(Centre.id).order_by(Centre.id)).all():
        with transaction():
            remind_centre(centre_id)


def remind_centre(centre_id: int) -> None:
    """Email each administrator of a centre how many registrations are due, at most once a week."""
    due = list_due(centre_id, today())
    if not due:
        return
    topic, url = f"retention_due:{centre_id}", emails.build_url(f"/centres/{centre_id}/retention")
    message = email_texts.build_erasure_due_email(counted(len(due), "registration"), url)
    for person in _list_administrators(centre_id):
        if not _was_reminded(person, topic):
            emails.notify(person, topic, *message)


def _list_administrators(centre_id: int) -> list[Person]:
    query = (
        select(Person)
        .join(Grant, Grant.person_id == Person.id)
        .where(Grant.centre_id == centre_id, Grant.role == Role.ADMINISTRATOR, Grant.starts_at <= now())
        .where(Grant.ends_at.is_(None) | (Grant.ends_at > now()))
        .order_by(Person.id)
    )
    return list(db.session.scalars(query))


def _was_reminded(person: Person, topic: str) -> bool:
    since = (today() - REMINDER_INTERVAL).isoformat()
    query = select(Notification.id).where(
        Notification.person_id == person.id, Notification.topic == topic, Notification.day > since
    )
    return db.session.scalar(query.limit(1)) is not None
