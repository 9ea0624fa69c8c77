"""Telling people: written to the outbox folder once the change is safe, then sent by SMTP where one is configured.

In demo mode it stays in the outbox and is shown there. Without SMTP and outside demo mode nothing is written:
the operator issues links by command line.
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
from tracker.models import Notice, Person

SECONDS_FOR_SMTP = 15
MAX_SHOWN = 200

logger = getLogger(__name__)
# A thread of its own, so that nobody waits for the mail server, and how long an answer takes does not tell
# whether there was somebody to write to. A command ends only when it has finished.
postman = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mail")


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
    message["Message-ID"] = f"<{uuid.uuid4()}@{settings().mail_sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(body)
    transactions.after_commit(lambda: deliver(message))


def link(path: str) -> str:
    """An absolute address in this installation, from its settings: a Host header is never believed."""
    return f"{settings().base_url}{path}"


def delivers() -> bool:
    """Whether mail leads anywhere here: to a mail server, or to the outbox page of the demonstration."""
    return sends() or bool(current_app.config["DEMO"])


def sends() -> bool:
    """Whether mail leaves this machine. The demonstration's never does: its people are invented."""
    return bool(settings().mail_host) and not current_app.config["DEMO"]


def deliver(message: EmailMessage) -> None:
    """Keep the mail first, then send it; what could not be sent stays in the outbox for `flask mail send`."""
    path = outbox() / f"{clock.now():%Y%m%dT%H%M%S%f}-{uuid.uuid4().hex[:8]}.eml"
    try:
        keep(message, path)
    except OSError:
        # the change it tells of is committed and must not look as if it had failed
        logger.exception("a mail could not be kept in the outbox and is lost")
        return
    if sends():
        postman.submit(send_kept, path, settings())


def keep(message: EmailMessage, path: Path) -> None:
    """Write a mail whole or not at all, readable by us alone: it may hold a link that sets a password."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
        file.write(message.as_bytes())
    unfinished.rename(path)


def send_kept(path: Path, found: Settings) -> bool:
    """Send one kept mail and take it out of the outbox; False when the server would not have it."""
    try:
        message = message_from_bytes(path.read_bytes(), policy=policy.SMTP)
        with smtplib.SMTP(found.mail_host or "", found.mail_port, timeout=SECONDS_FOR_SMTP) as server:
            if found.mail_tls:
                server.starttls(context=ssl.create_default_context())
            if found.mail_username:
                server.login(found.mail_username, found.mail_password or "")
            server.send_message(message)
    except (OSError, ValueError, smtplib.SMTPException) as error:
        # its kind alone: the server's answer may repeat somebody's address
        kind = type(error).__name__
        logger.warning("a mail could not be sent (%s) and waits in the outbox for `flask mail send`", kind)
        return False
    with suppress(FileNotFoundError):
        path.unlink()
    return True


def send_waiting() -> list[bool]:
    """Try again what has waited for a minute, and so is not just on its way; whether each was sent comes out."""
    if not sends():
        return []
    return [send_kept(path, settings()) for path in list_waiting() if _has_waited(path)]


def list_waiting() -> list[Path]:
    """The mails kept in the outbox, the oldest first."""
    return sorted(outbox().glob("*.eml"))


def _has_waited(path: Path) -> bool:
    with suppress(FileNotFoundError):
        return time.time() - path.stat().st_mtime > 60
    return False


def list_outbox() -> list[EmailMessage]:
    """What is in the outbox, the newest first; in demo mode, what was mailed."""
    newest = reversed(list_waiting()[-MAX_SHOWN:])
    return [message_from_bytes(path.read_bytes(), policy=policy.SMTP) for path in newest]


def outbox() -> Path:
    folder: Path = current_app.config["OUTBOX_PATH"]
    return folder


def settings() -> Settings:
    found: Settings = current_app.config["SETTINGS"]
    return found
