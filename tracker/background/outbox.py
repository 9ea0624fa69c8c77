"""The outbox: emails wait there, are sent by SMTP where a server is configured, and are tried again.

In demo mode they stay in the outbox and are shown on its page.
"""

import smtplib
import ssl
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email.message import EmailMessage
from logging import getLogger

from flask import Flask, current_app

from tracker import clock
from tracker.background.delivery_failures import delete_failure, record_failure
from tracker.background.waiting_emails import WaitingEmail, add_email, list_waiting, read_written_at, sending_alone
from tracker.config import Settings

SMTP_TIMEOUT_SECONDS = 15
MIN_RETRY_DELAY = timedelta(minutes=1)
"""An email that was tried more recently may be on its way still."""
MAX_RETRY_TIME = timedelta(days=1)
"""How long an email is tried before it is given up."""
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
    try:
        email = add_email(message)
    except OSError:
        # The change the email is about is committed, so the request must not look as if it had failed.
        logger.exception("an email could not be written to the outbox and is lost")
        return
    if uses_smtp():
        app = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - a thread needs the app itself
        executor.submit(send_in_background, app, email)


def send_in_background(app: Flask, email: WaitingEmail) -> bool:
    """Send an email from a thread, which has no application context of its own and where nobody sees an error."""
    with app.app_context():
        try:
            return send_from_outbox(email)
        except Exception:
            logger.exception("an email stays in the outbox and is tried again")
            return False


def send_from_outbox(email: WaitingEmail) -> bool:
    """Send an email and delete it from the outbox; return False if it was not sent here.

    A refusal of the address is recorded at once, any other failure when the email is given up after a day
    (docs/rules.md, Emails).
    """
    with sending_alone(email) as may_send:
        return may_send and _send(email)


def _send(email: WaitingEmail) -> bool:
    settings = get_settings()
    try:
        email.note_attempt()
        message = email.read()
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
        _note_failure(email, address, error)
        return False
    email.remove()
    delete_failure(address)
    return True


def _note_failure(email: WaitingEmail, address: str, error: Exception) -> None:
    """Log and record why an email was not sent, and delete it after a day."""
    code = read_refusal_code(error)
    given_up = read_written_at(email) <= clock.now() - MAX_RETRY_TIME
    # Log the error's class and code only: the server's answer may contain somebody's address.
    outcome = "is given up after a day" if given_up else "stays in the outbox and is tried again"
    logger.warning("an email could not be sent (%s, %s) and %s", type(error).__name__, code or "no code", outcome)
    if code or given_up:
        record_failure(address, code, given_up=given_up)
    if given_up:
        email.remove()


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
    return [send_from_outbox(email) for email in list_waiting() if is_due(email)]


def is_due(email: WaitingEmail) -> bool:
    """Return whether an email is to be tried again.

    It waits for as long again as it has waited before, so the delays double: 1, 2, 4 … minutes.
    """
    written, tried = read_written_at(email), email.get_last_attempt()
    next_attempt = tried + max(MIN_RETRY_DELAY, tried - written)
    return clock.now() >= min(next_attempt, max(written + MAX_RETRY_TIME, tried + MIN_RETRY_DELAY))


def load_outbox() -> list[EmailMessage]:
    """Load the newest emails in the outbox, newest first; in demo mode that is every email written."""
    return [email.read() for email in reversed(list_waiting()[-MAX_SHOWN:])]


def get_settings() -> Settings:
    """Return the installation's settings."""
    settings: Settings = current_app.config["SETTINGS"]
    return settings
