"""Text of an email: its header, its body, and the names of its attachments."""

import email
import email.policy

from lxml import etree, html

HEADERS = ("From", "To", "Cc", "Date", "Subject")
HIDDEN = ("script", "style", "head", "title")
BLOCKS = {"p", "div", "br", "tr", "li", "h1", "h2", "h3", "h4", "blockquote", "table"}


def read_eml(content: bytes) -> str:
    """Return the text of the email."""
    message = email.message_from_bytes(content, policy=email.policy.default)
    lines = [f"{name}: {value}" for name in HEADERS for value in message.get_all(name, [])]
    body = message.get_body(("plain", "html"))
    text = ""
    if body is not None:
        text = str(body.get_content())
        if body.get_content_subtype() == "html":
            text = _read_html(text)
    parts = ["\n".join(lines), text.strip()]
    if names := [each.get_filename() or each.get_content_type() for each in message.iter_attachments()]:
        parts.append("\n".join(("Attachments (download the email to open them)", *names)))
    return "\n\n".join(part for part in parts if part)


def _read_html(text: str) -> str:
    root = html.document_fromstring(text.encode(), parser=html.HTMLParser(encoding="utf-8", no_network=True))
    etree.strip_elements(root, *HIDDEN, with_tail=False)
    for element in root.iter():
        if element.tag in BLOCKS:
            element.tail = "\n" + (element.tail or "")
    return str(root.text_content())
