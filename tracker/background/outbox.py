"""The outbox: emails wait there as files, are sent by SMTP where a server is configured, and are tried again.

In demo mode they stay in the outbox and are shown on its page.
"""

import os
import smtplib
import ssl
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from logging import getLogger
from pathlib import Path

from flask import Flask, current_app

from tracker import clock
from tracker.background.delivery_failures import delete_failure, record_failure
from tracker.config import Settings

SMTP_TIMEOUT_SECONDS = 15
MIN_RETRY_DELAY = timedelta(minutes=1)
"""An email that was tried more recently may be on its way still."""
MAX_RETRY_TIME = timedelta(days=1)
"""How long an email is tried before it is given up."""
FILE_NAME_TIME = "%Y%m%dT%H%M%S%f"
MAX_SHOWN = 200

logger = getLogger(__name__)
# Emails are sent in a thread of their own, so that no request waits for the email server, and the time a response
# takes does not reveal whether an account exists. A command ends only when the thread has finished.
executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="email")


def uses_smtp() -> bool:
    """Return whether emails are sent by SMTP. Demo mode never sends any: its people are invented."""
    return bool(get_settings().mail_host) and not current_app.config["DEMO"]


def deliver_email(message: EmailMessage) -> None:
    """Write an email to the outbox, then send it; the worker tries again to send one that stays there.

    An email that cannot be written to the outbox is lost, and only the log says so.
    """
    path = get_outbox_path() / f"{clock.now().strftime(FILE_NAME_TIME)}-{uuid.uuid4().hex[:8]}.eml"
    try:
        write_to_outbox(message, path)
    except OSError:
        # The change the email is about is committed, so the request must not look as if it had failed.
        logger.exception("an email could not be written to the outbox and is lost")
        return
    if uses_smtp():
        app = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - a thread needs the app itself
        executor.submit(send_in_background, app, path)


def send_in_background(app: Flask, path: Path) -> bool:
    """Send an email from a thread, which has no application context of its own and where nobody sees an error."""
    with app.app_context():
        try:
            return send_from_outbox(path)
        except Exception:
            logger.exception("an email stays in the outbox and is tried again")
            return False


def write_to_outbox(message: EmailMessage, path: Path) -> None:
    """Write an email atomically, readable by this account only: it may contain a link that sets a password."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
        file.write(message.as_bytes())
    set_last_attempt(unfinished)
    unfinished.rename(path)


def send_from_outbox(path: Path) -> bool:
    """Send an email and delete it from the outbox; return False if the email server did not accept it.

    A refusal of the address is recorded at once, any other failure when the email is given up after a day
    (docs/rules.md, Emails).
    """
    settings = get_settings()
    try:
        set_last_attempt(path)
        message = message_from_bytes(path.read_bytes(), policy=policy.SMTP)
    except FileNotFoundError:
        return False  # another process has sent it or given it up
    address = str(message["To"])
    try:
        with smtplib.SMTP(settings.mail_host or "", settings.mail_port, timeout=SMTP_TIMEOUT_SECONDS) as server:
            if settings.mail_tls:
                server.starttls(context=ssl.create_default_context())
            if settings.mail_username:
                server.login(settings.mail_username, settings.mail_password or "")
            server.send_message(message)
    except (OSError, ValueError, smtplib.SMTPException) as error:
        code = read_refusal_code(error)
        given_up = read_written_at(path) <= clock.now() - MAX_RETRY_TIME
        # Log the error's class and code only: the server's answer may contain somebody's address.
        outcome = "is given up after a day" if given_up else "stays in the outbox and is tried again"
        logger.warning("an email could not be sent (%s, %s) and %s", type(error).__name__, code or "no code", outcome)
        if code or given_up:
            record_failure(address, code, given_up=given_up)
        if given_up:
            path.unlink(missing_ok=True)
        return False
    path.unlink(missing_ok=True)
    delete_failure(address)
    return True


def read_refusal_code(error: Exception) -> int | None:
    """Return the code with which the email server refused an address or an email for good (5xx), or None."""
    match error:
        case smtplib.SMTPRecipientsRefused():
            codes = [code for code, _ in error.recipients.values()]
        case smtplib.SMTPDataError():
            codes = [error.smtp_code]
        case _:  # the server could not be reached, or it refuses this installation
            codes = []
    return next((code for code in codes if 500 <= code < 600), None)


def send_waiting_emails() -> list[bool]:
    """Try again to send the emails that are due; return for each whether it was sent. A job of every minute."""
    if not uses_smtp():
        return []
    return [send_from_outbox(path) for path in list_outbox_paths() if is_due(path)]


def is_due(path: Path) -> bool:
    """Return whether an email is to be tried again.

    It waits for as long again as it has waited before, so the delays double: 1, 2, 4 … minutes.
    """
    written, tried = read_written_at(path), read_last_attempt(path)
    next_attempt = tried + max(MIN_RETRY_DELAY, tried - written)
    return clock.now() >= min(next_attempt, max(written + MAX_RETRY_TIME, tried + MIN_RETRY_DELAY))


def read_written_at(path: Path) -> datetime:
    """Return when an email was written to the outbox, from its file's name."""
    return datetime.strptime(path.name.partition("-")[0], FILE_NAME_TIME).replace(tzinfo=UTC)


def read_last_attempt(path: Path) -> datetime:
    """Return when an email was last tried; now, if another process has just sent it."""
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:
        return clock.now()


def set_last_attempt(path: Path) -> None:
    """Note in the file's modification time that an email is tried now."""
    moment = clock.now().timestamp()
    os.utime(path, (moment, moment))


def list_outbox_paths() -> list[Path]:
    """List the emails in the outbox as files, oldest first."""
    return sorted(get_outbox_path().glob("*.eml"))


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
