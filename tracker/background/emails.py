"""Emails about what happened: written to the outbox after the commit (tracker/background/outbox.py).

Without SMTP and outside demo mode no email is written: the operator issues links by command line.
"""

import uuid
from email import policy
from email.message import EmailMessage

from flask import current_app
from sqlalchemy import select

from tracker import clock
from tracker.background.outbox import deliver_email, get_settings, uses_smtp
from tracker.extensions import db
from tracker.ledger import transactions
from tracker.models import Notification, Person
from tracker.web.text_direction import isolate_runs


def notify(person: Person, topic: str, subject: str, body: str) -> None:
    """Email a person about a topic, at most once a day. Nothing is sent if the transaction is rolled back.

    Args:
        person: the recipient; a deactivated person gets no email.
        topic: what the email is about, as a code: `evidence_returned:12`.
        subject: the email's subject line.
        body: the text that follows the greeting.
    """
    if person.deactivated_at or not can_deliver():
        return
    day = clock.today().isoformat()
    query = select(Notification.id).where(
        Notification.person_id == person.id, Notification.topic == topic, Notification.day == day
    )
    if db.session.scalar(query):
        return
    db.session.add(Notification(person_id=person.id, topic=topic, day=day))
    send(person.email, subject, f"Hello {person.name},\n\n{body}\n")


def send(address: str, subject: str, body: str) -> None:
    """Send one email to one address after the commit, however often: for links and security notices.

    Typed text from right to left is isolated in the subject and the body (docs/rules.md, Typed text, rule 7).
    """
    if not can_deliver():
        return
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = get_settings().mail_sender
    message["To"] = address
    message["Subject"] = isolate_runs(" ".join(subject.split()))
    message["Date"] = clock.now()
    message["Message-ID"] = f"<{uuid.uuid4()}@{get_settings().mail_sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(isolate_runs(body))
    transactions.after_commit(lambda: deliver_email(message))


def build_url(path: str) -> str:
    """Return an absolute URL in this installation, from `BASE_URL`: a Host header could be forged."""
    return f"{get_settings().base_url}{path}"


def can_deliver() -> bool:
    """Return whether emails are written here: for an email server, or for the demo's outbox page."""
    return uses_smtp() or bool(current_app.config["DEMO"])
