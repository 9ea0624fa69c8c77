"""Emails: written to the outbox folder after the commit, then sent by SMTP where a server is configured.

In demo mode they stay in the outbox and are shown on its page. Without SMTP and outside demo mode no email is
written: the operator issues links by command line.
"""

import os
import smtplib
import ssl
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from email import message_from_bytes, policy
from email.message import EmailMessage
from logging import getLogger
from pathlib import Path

from flask import current_app
from sqlalchemy import select

from tracker import clock
from tracker.config import Settings
from tracker.extensions import db
from tracker.ledger import transactions
from tracker.models import Notification, Person

SMTP_TIMEOUT_SECONDS = 15
RETRY_AFTER_SECONDS = 60
"""A younger file in the outbox may be on its way already."""
MAX_SHOWN = 200

logger = getLogger(__name__)
# Emails are sent in a thread of their own, so that no request waits for the mail server, and the time a response
# takes does not reveal whether an account exists. A command ends only when the thread has finished.
executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="email")


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
    """Send one email to one address after the commit, however often: for links and security notices."""
    if not can_deliver():
        return
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = get_settings().mail_sender
    message["To"] = address
    message["Subject"] = " ".join(subject.split())
    message["Date"] = clock.now()
    message["Message-ID"] = f"<{uuid.uuid4()}@{get_settings().mail_sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(body)
    transactions.after_commit(lambda: deliver_email(message))


def build_url(path: str) -> str:
    """Return an absolute URL in this installation, from `BASE_URL`: a Host header could be forged."""
    return f"{get_settings().base_url}{path}"


def can_deliver() -> bool:
    """Return whether emails are written here: for a mail server, or for the demo's outbox page."""
    return uses_smtp() or bool(current_app.config["DEMO"])


def uses_smtp() -> bool:
    """Return whether emails are sent by SMTP. Demo mode never sends any: its people are invented."""
    return bool(get_settings().mail_host) and not current_app.config["DEMO"]


def deliver_email(message: EmailMessage) -> None:
    """Write an email to the outbox, then send it; one that cannot be sent stays there for `flask email send`."""
    path = get_outbox_path() / f"{clock.now():%Y%m%dT%H%M%S%f}-{uuid.uuid4().hex[:8]}.eml"
    try:
        write_to_outbox(message, path)
    except OSError:
        # The change the email is about is committed, so the request must not look as if it had failed.
        logger.exception("an email could not be written to the outbox and is lost")
        return
    if uses_smtp():
        executor.submit(send_from_outbox, path, get_settings())


def write_to_outbox(message: EmailMessage, path: Path) -> None:
    """Write an email atomically, readable by this account only: it may contain a link that sets a password."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
        file.write(message.as_bytes())
    unfinished.rename(path)


def send_from_outbox(path: Path, settings: Settings) -> bool:
    """Send an email and delete it from the outbox; return False when the mail server did not accept it."""
    try:
        message = message_from_bytes(path.read_bytes(), policy=policy.SMTP)
        with smtplib.SMTP(settings.mail_host or "", settings.mail_port, timeout=SMTP_TIMEOUT_SECONDS) as server:
            if settings.mail_tls:
                server.starttls(context=ssl.create_default_context())
            if settings.mail_username:
                server.login(settings.mail_username, settings.mail_password or "")
            server.send_message(message)
    except (OSError, ValueError, smtplib.SMTPException) as error:
        # Log the error's class only: the server's answer may contain somebody's address.
        kind = type(error).__name__
        logger.warning("an email could not be sent (%s) and stays in the outbox for `flask email send`", kind)
        return False
    with suppress(FileNotFoundError):
        path.unlink()
    return True


def send_waiting_emails() -> list[bool]:
    """Try again to send the emails that have waited for a minute; return for each whether it was sent."""
    if not uses_smtp():
        return []
    return [send_from_outbox(path, get_settings()) for path in list_outbox_paths() if _is_due_for_retry(path)]


def list_outbox_paths() -> list[Path]:
    """List the emails in the outbox as files, oldest first."""
    return sorted(get_outbox_path().glob("*.eml"))


def _is_due_for_retry(path: Path) -> bool:
    with suppress(FileNotFoundError):
        return time.time() - path.stat().st_mtime > RETRY_AFTER_SECONDS
    return False


def load_outbox() -> list[EmailMessage]:
    """Load the newest emails in the outbox, newest first; in demo mode that is every email written."""
    newest = reversed(list_outbox_paths()[-MAX_SHOWN:])
    return [message_from_bytes(path.read_bytes(), policy=policy.SMTP) for path in newest]


def get_outbox_path() -> Path:
    """Return the folder in which emails wait to be sent."""
    folder: Path = current_app.config["OUTBOX_PATH"]
    return folder


def get_settings() -> Settings:
    """Return the installation's settings."""
    settings: Settings = current_app.config["SETTINGS"]
    return settings
