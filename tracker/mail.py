"""Telling people: written to the outbox folder once the change is safe, then sent by SMTP where one is configured.

Without SMTP and outside demo mode nothing is written: the operator issues links by command line.
"""

import smtplib
import uuid
from contextlib import suppress
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from flask import current_app
from sqlalchemy import select

from tracker import clock, transactions
from tracker.config import Settings
from tracker.extensions import db
from tracker.models import Notice, Person

SECONDS_FOR_SMTP = 15


def tell(person: Person, about: str, subject: str, body: str) -> None:
    """Mail a person about one thing, at most once a day. It goes out after the commit, or not at all.

    `about` says in code what it is about (`evidence_returned:12`).
    """
    if person.deactivated_at or not delivers():
        return
    day = clock.today().isoformat()
    query = select(Notice.id).where(Notice.person_id == person.id, Notice.subject == about, Notice.day == day)
    if db.session.scalar(query):
        return
    db.session.add(Notice(person_id=person.id, subject=about, day=day))
    post(person.email, subject, f"Hello {person.name},\n\n{body}\n")


def post(address: str, subject: str, body: str) -> None:
    """One mail to one address, however often; for links, which must always arrive."""
    if not delivers():
        return
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = settings().mail_sender
    message["To"] = address
    message["Subject"] = " ".join(subject.split())
    message["Date"] = clock.now()
    message.set_content(body)
    transactions.after_commit(lambda: deliver(message))


def link(path: str) -> str:
    """An absolute address in this installation, from its settings: a Host header is never believed."""
    return f"{settings().base_url}{path}"


def delivers() -> bool:
    """Whether mail leads anywhere here."""
    return bool(settings().mail_host) or bool(current_app.config["DEMO"])


def deliver(message: EmailMessage) -> None:
    """Keep the mail first, then send it; what could not be sent stays in the outbox for `flask mail send`."""
    folder = outbox()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{clock.now():%Y%m%dT%H%M%S%f}-{uuid.uuid4().hex[:8]}.eml"
    path.write_bytes(message.as_bytes())
    if settings().mail_host:
        send_kept(path)


def send_kept(path: Path) -> bool:
    """Send one kept mail and take it out of the outbox; False when the server would not have it."""
    found = settings()
    message = message_from_bytes(path.read_bytes(), policy=policy.SMTP)
    try:
        with smtplib.SMTP(found.mail_host or "", found.mail_port, timeout=SECONDS_FOR_SMTP) as server:
            if found.mail_tls:
                server.starttls()
            if found.mail_username:
                server.login(found.mail_username, found.mail_password or "")
            server.send_message(message)
    except (OSError, smtplib.SMTPException):
        current_app.logger.warning("a mail could not be sent and waits in the outbox; run `flask mail send`")
        return False
    with suppress(FileNotFoundError):
        path.unlink()
    return True


def list_outbox() -> list[EmailMessage]:
    """What waits in the outbox, the newest first; in demo mode, everything that was mailed."""
    paths = sorted(outbox().glob("*.eml"), reverse=True)[:200]
    return [message_from_bytes(path.read_bytes(), policy=policy.SMTP) for path in paths]


def outbox() -> Path:
    folder: Path = current_app.config["OUTBOX_PATH"]
    return folder


def settings() -> Settings:
    found: Settings = current_app.config["SETTINGS"]
    return found
