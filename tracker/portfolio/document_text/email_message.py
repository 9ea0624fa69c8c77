"""Text of an email: its header, its body, and the names of its attachments."""

import email
import email.policy
from collections.abc import Iterable, Sequence

from lxml import etree, html

HEADERS = ("From", "To", "Cc", "Date", "Subject")
HIDDEN = ("script", "style", "head", "title")
BLOCKS = {"p", "div", "br", "tr", "li", "h1", "h2", "h3", "h4", "blockquote", "table"}
NOT_SHOWN = "Formatting and pictures are not shown. Download the email to see them."


def read_eml(content: bytes) -> str:
    """Return the text of the email."""
    message = email.message_from_bytes(content, policy=email.policy.default)
    headers = [(name, value) for name in HEADERS for value in message.get_all(name, [])]
    body = message.get_body(("plain", "html"))
    text = ""
    if body is not None:
        text = str(body.get_content())
        if body.get_content_subtype() == "html":
            text = read_html(text)
    names = [each.get_filename() or each.get_content_type() for each in message.iter_attachments()]
    return format_message(headers, text, names, is_formatted=message.get_body(("html",)) is not None)


def format_message(
    headers: Iterable[tuple[str, str]], body: str, attachments: Sequence[str], *, is_formatted: bool
) -> str:
    """Return the text that is shown of an email. Of one that `is_formatted` it says what is not shown."""
    parts = ["\n".join(f"{name}: {value}" for name, value in headers), body.strip()]
    if attachments:
        parts.append("\n".join(("Attachments (download the email to open them)", *attachments)))
    if is_formatted:
        parts.append(NOT_SHOWN)
    return "\n\n".join(part for part in parts if part)


def read_html(text: str) -> str:
    """Return the text of a formatted body, without scripts and styles. Nothing that it links to is fetched."""
    if not text.strip():
        return ""
    root = html.document_fromstring(text.encode(), parser=html.HTMLParser(encoding="utf-8", no_network=True))
    etree.strip_elements(root, *HIDDEN, with_tail=False)
    for element in root.iter():
        if element.tag in BLOCKS:
            element.tail = "\n" + (element.tail or "")
    return str(root.text_content())
