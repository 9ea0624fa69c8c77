"""Emails that wait to be sent: in Redis, where any host's worker sends them, or as files of this host.

They may contain a link that sets a password: a file is readable by this account only, and Redis has them encrypted.
"""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from logging import getLogger
from pathlib import Path
from typing import Any, Protocol

from flask import current_app

from tracker import clock
from tracker.hosts.leases import NoFreeLease, release_lease, take_lease
from tracker.hosts.redis_connection import find_redis, naming_faults
from tracker.web.encryption import decrypt, encrypt

FILE_NAME_TIME = "%Y%m%dT%H%M%S%f"
EMAILS, ATTEMPTS = "tracker:emails", "tracker:emails:tried"
"""Two hashes in Redis: the encrypted email by its name, and when it was last tried."""
PURPOSE = "waiting email"

logger = getLogger(__name__)


class WaitingEmail(Protocol):
    """An email that waits."""

    @property
    def name(self) -> str:
        """The moment at which it was written, and something random."""

    def read(self) -> EmailMessage:
        """Return the email. Raises `FileNotFoundError` if it was sent meanwhile."""

    def get_last_attempt(self) -> datetime:
        """Return when it was last tried; now, if another process has just sent it."""

    def note_attempt(self) -> None:
        """Note that it is tried now. Raises `FileNotFoundError`."""

    def remove(self) -> None:
        """Delete it: it was sent or given up."""


@dataclass(frozen=True)
class EmailFile:
    """An email that waits as a file; the file's modification time is that of the last attempt."""

    path: Path

    @property
    def name(self) -> str:
        """The name of the file, without its ending."""
        return self.path.stem

    def read(self) -> EmailMessage:
        """Return the email."""
        return message_from_bytes(self.path.read_bytes(), policy=policy.SMTP)

    def get_last_attempt(self) -> datetime:
        """Return when it was last tried."""
        try:
            return datetime.fromtimestamp(self.path.stat().st_mtime, UTC)
        except FileNotFoundError:
            return clock.now()

    def note_attempt(self) -> None:
        """Note that it is tried now."""
        _set_time(self.path)

    def remove(self) -> None:
        """Delete the file."""
        self.path.unlink(missing_ok=True)


@dataclass(frozen=True)
class EmailInRedis:
    """An email that waits in Redis. Every method may raise `ConnectionError`."""

    redis: Any
    name: str

    def read(self) -> EmailMessage:
        """Return the email; one that this SECRET_KEY cannot decrypt is as good as gone."""
        with naming_faults():
            token = self.redis.hget(EMAILS, self.name)
        text = decrypt(token.decode(), PURPOSE) if token else None
        if text is None:
            raise FileNotFoundError
        return message_from_bytes(text.encode(), policy=policy.SMTP)

    def get_last_attempt(self) -> datetime:
        """Return when it was last tried."""
        with naming_faults():
            moment = self.redis.hget(ATTEMPTS, self.name)
        return datetime.fromtimestamp(float(moment), UTC) if moment else clock.now()

    def note_attempt(self) -> None:
        """Note that it is tried now."""
        with naming_faults():
            if not self.redis.hexists(EMAILS, self.name):
                raise FileNotFoundError
            self.redis.hset(ATTEMPTS, self.name, clock.now().timestamp())

    def remove(self) -> None:
        """Delete the email."""
        with naming_faults(), self.redis.pipeline() as pipeline:
            pipeline.hdel(EMAILS, self.name).hdel(ATTEMPTS, self.name).execute()


def add_email(message: EmailMessage) -> WaitingEmail:
    """Let an email wait: in Redis, or as a file without Redis or while it cannot be reached. Raises `OSError`."""
    name = f"{clock.now().strftime(FILE_NAME_TIME)}-{uuid.uuid4().hex[:8]}"
    redis = find_redis() if current_app.config["SECRET_KEY"] else None
    if redis is not None:
        token = encrypt(message.as_bytes().decode(), PURPOSE)
        try:
            with naming_faults(), redis.pipeline() as pipeline:
                pipeline.hset(ATTEMPTS, name, str(clock.now().timestamp()))
                pipeline.hset(EMAILS, name, token)
                pipeline.execute()
        except ConnectionError as error:
            logger.warning("An email waits on this host: %s", error)
        else:
            return EmailInRedis(redis, name)
    email = EmailFile(get_outbox_path() / f"{name}.eml")
    _write_file(message, email.path)
    return email


def list_waiting() -> list[WaitingEmail]:
    """List the emails that wait, in Redis and on this host, oldest first."""
    waiting: list[WaitingEmail] = [EmailFile(path) for path in get_outbox_path().glob("*.eml")]
    redis = find_redis()
    if redis is not None:
        try:
            with naming_faults():
                waiting += [EmailInRedis(redis, name.decode()) for name in redis.hkeys(EMAILS)]  # type: ignore[union-attr]
        except ConnectionError as error:
            logger.warning("Emails that wait in Redis are not sent now: %s", error)
    return sorted(waiting, key=lambda each: each.name)


@contextmanager
def sending_alone(email: WaitingEmail) -> Iterator[bool]:
    """Yield whether this process may send an email: False while another process on any host does."""
    try:
        lease = take_lease(f"email-{email.name}", 1, 0) if isinstance(email, EmailInRedis) else None
    except NoFreeLease:
        yield False
        return
    try:
        yield True
    finally:
        if lease:
            release_lease(lease)


def read_written_at(email: WaitingEmail) -> datetime:
    """Return when an email was written, from its name."""
    return datetime.strptime(email.name.partition("-")[0], FILE_NAME_TIME).replace(tzinfo=UTC)


def get_outbox_path() -> Path:
    """Return the folder in which emails wait as files."""
    folder: Path = current_app.config["OUTBOX_PATH"]
    return folder


def _write_file(message: EmailMessage, path: Path) -> None:
    """Write an email atomically, readable by this account only."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
        file.write(message.as_bytes())
    _set_time(unfinished)
    unfinished.rename(path)


def _set_time(path: Path) -> None:
    moment = clock.now().timestamp()
    os.utime(path, (moment, moment))
