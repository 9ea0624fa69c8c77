"""Outlook messages (MSG) are shown as text, read in the sandbox."""

from datetime import UTC, datetime

import pytest
from flask.testing import FlaskClient

from tests.portfolio.compound_files import attached, compound_file, filetime, fixed, outlook_message, recipient, text
from tests.portfolio.test_download import attach, fetch
from tracker.models import Evidence
from tracker.portfolio.document_text.email_message import NOT_SHOWN
from tracker.portfolio.document_text.outlook_message import NO_TEXT

pytestmark = pytest.mark.one_database

SENDER = text(0x0C1A, "Ann Lee") | text(0x5D01, "ann@example.org")
SENT = filetime(datetime(2026, 11, 14, 9, 5, tzinfo=UTC))


def show(alice: FlaskClient, complaint: Evidence, content: bytes) -> str:
    """Upload a message and return its text."""
    return fetch(alice, f"{attach(complaint, content, 'thanks.msg')}?show=1").text


def test_a_message_is_shown_with_its_header_its_text_and_the_names_of_its_attachments(
    alice: FlaskClient, complaint: Evidence
) -> None:
    content = outlook_message(
        SENDER,
        text(0x0037, "Thank you – Café"),
        text(0x1000, "Thanks for sorting\r\nmy complaint."),
        {"__substg1.0_10090102": b"rich text"},
        recipient(0, "Ben Ode", "ben@example.org"),
        recipient(1, "Cy Mo", "cy@example.org"),
        recipient(2, "dee@example.org", "dee@example.org", kind=2),
        attached(0, "receipt.pdf"),
        attached(1, "photo.jpg"),
        n00390040=SENT,
    )
    assert show(alice, complaint, content) == (
        "From: Ann Lee <ann@example.org>\nTo: Ben Ode <ben@example.org>, Cy Mo <cy@example.org>\n"
        "Cc: dee@example.org\nDate: 14 November 2026, 09:05 UTC\nSubject: Thank you – Café\n\n"
        "Thanks for sorting\nmy complaint.\n\n"
        "Attachments (download the email to open them)\nreceipt.pdf\nphoto.jpg\n\n"
        f"{NOT_SHOWN}"
    )
    assert 'aria-label="Text of thanks.msg"' in alice.get(f"/evidence/{complaint.id}").text


def test_a_long_text_and_many_properties_are_read(alice: FlaskClient, complaint: Evidence) -> None:
    people = [recipient(number, f"Person {number}", f"p{number}@example.org") for number in range(60)]
    shown = show(alice, complaint, outlook_message(SENDER, text(0x1000, "word " * 3_000), *people))
    assert "Person 59 <p59@example.org>" in shown
    assert shown.count("word") == 3_000
    assert NOT_SHOWN not in shown


def test_a_formatted_text_is_shown_plain_in_its_code_page(alice: FlaskClient, complaint: Evidence) -> None:
    body = "<html><style>p { color: red }</style><p>Café</p><p>Thanks</p><script>alert(1)</script></html>"
    shown = show(
        alice,
        complaint,
        outlook_message(SENDER, {"__substg1.0_10130102": body.encode("cp1252")}, n3FDE0003=1252),
    )
    assert "Café\nThanks" in shown
    assert NOT_SHOWN in shown
    assert "alert" not in shown
    assert "color" not in shown


def test_older_text_is_read_in_its_code_page(alice: FlaskClient, complaint: Evidence) -> None:
    content = outlook_message(SENDER, {"__substg1.0_1000001E": "Спасибо".encode("cp1251")}, n3FFD0003=1251)
    assert "Спасибо" in show(alice, complaint, content)


def test_an_address_of_a_directory_is_left_out(alice: FlaskClient, complaint: Evidence) -> None:
    content = outlook_message(
        text(0x0C1A, "Ann Lee") | text(0x0C1F, "/o=Northgate/cn=ann"), text(0x1000, "Hello"), text(0x0E04, "Ben Ode")
    )
    shown = show(alice, complaint, content)
    assert "From: Ann Lee\nTo: Ben Ode\n" in shown
    assert "/o=" not in shown


@pytest.mark.parametrize("body", [{}, {"__substg1.0_10090102": b"rich text only"}], ids=["none", "rich text"])
def test_a_message_whose_text_cannot_be_shown_says_so(
    alice: FlaskClient, complaint: Evidence, body: dict[str, bytes]
) -> None:
    shown = show(alice, complaint, outlook_message(SENDER, text(0x0037, "Thanks"), body, n00390040=2**64 - 1))
    assert "Subject: Thanks" in shown
    assert NO_TEXT in shown


def test_a_damaged_message_is_a_download(alice: FlaskClient, complaint: Evidence) -> None:
    content = compound_file(text(0x1000, "Hello " * 2_000) | fixed(32))
    attach(complaint, content[: len(content) // 2] + "__properties_version1.0".encode("utf-16-le"), "cut.msg")
    page = alice.get(f"/evidence/{complaint.id}").text
    assert "This file cannot be shown here. Download it to read it." in page
