"""Fixtures for emails: a fake SMTP server, and the emails sent to a person."""

import re
import smtplib
from collections.abc import Callable, Iterator
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Self

import pytest
from flask import Flask

from tracker.background import outbox
from tracker.models import Person

BASE_URL = "https://tracker.example.org"


class MailServer:
    """A replacement of smtplib's client."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.is_down = False
        self.error: Exception | None = None

    def __call__(self, *_: object, timeout: float) -> Self:
        assert timeout
        if self.is_down:
            raise OSError
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def starttls(self, context: Any) -> None:
        assert context.check_hostname

    def send_message(self, message: EmailMessage) -> None:
        if self.error:
            raise self.error
        self.messages.append(message)


@pytest.fixture
def mail_server(app: Flask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[MailServer]:
    """SMTP is configured, and emails arrive here."""
    server = MailServer()
    monkeypatch.setattr(smtplib, "SMTP", server)
    app.config["SETTINGS"] = replace(app.config["SETTINGS"], mail_host="mail.example.org", base_url=BASE_URL)
    app.config["OUTBOX_PATH"] = tmp_path / "outbox"
    yield server
    outbox.executor.submit(int).result()  # wait for queued emails, so that none goes to a real server afterwards


@pytest.fixture
def emails_to(mail_server: MailServer) -> Callable[[Person | str], list[str]]:
    """`emails_to(world.alice)` lists the emails she got: subject and body."""

    def list_emails(person: Person | str) -> list[str]:
        outbox.executor.submit(int).result()  # wait for the emails queued before
        email = person if isinstance(person, str) else person.email
        messages = [each for each in mail_server.messages if each["To"] == email]
        return [f"{each['Subject']}\n{each.get_content()}".replace("\r\n", "\n") for each in messages]

    return list_emails


@pytest.fixture
def demo(app: Flask, tmp_path: Path) -> Iterator[None]:
    """Demo mode, without the guard's check of the database."""
    app.config.update(DEMO=True, OUTBOX_PATH=tmp_path / "outbox")
    app.extensions["demo_checked"] = True
    yield
    app.extensions.pop("demo_checked")


def find_link(text: str) -> str:
    """Return the path of the link in an email, or in a command's output."""
    match = re.search(r"https?://[^/\s]+(/(?:links|account/confirm-address|sign-in/new-browser)/\S+)", text)
    assert match, text
    return match.group(1)
