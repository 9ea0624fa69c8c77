"""Invented units for `scripts/bench`, as files of the standards folder and as documents in four formats."""

import io
import random
from html import escape
from typing import Any

VERBS = ("agree", "check", "describe", "explain", "record", "compare", "plan", "report", "arrange", "assessment")
THINGS = (
    "the order of work", "the delivery note", "a colleague’s request", "the tools in use", "the safety notice",
    "the stock list", "the loading bay", "an unusual complaint", "the day’s figures", "the handover sheet",
    "a spare key", "the visitors’ book", "the repair log", "the van’s route", "the cold store",
)  # fmt: skip
CONDITIONS = (
    "before the shift begins", "with the person responsible", "within the limits of your authority",
    "as your organisation asks", "and say what still needs doing", "so that nobody has to ask twice",
    "when the usual way is closed", "and keep a note of it", "without delay to others", "and check the result",
)  # fmt: skip
HEADINGS = ("Prepare the work", "Do the work", "Finish the work", "Work with others")


def invent_unit(number: int, performance: int = 16, knowledge: int = 12) -> dict[str, Any]:
    """Return a unit as its YAML file holds it; the same number gives the same unit."""
    generator = random.Random(number)  # noqa: S311 - invented text, and the same in every run

    def statement() -> str:
        return f"{generator.choice(VERBS)} {generator.choice(THINGS)} {generator.choice(CONDITIONS)}"

    return {
        "code": f"BENCH{number:04}",
        "slug": f"bench{number:04}",
        "title": f"{generator.choice(VERBS).capitalize()} {generator.choice(THINGS)} {generator.choice(CONDITIONS)}",
        "document_type": "nos",
        "version": "1",
        "revision": 1,
        "identifiers": [{"scheme": "URN", "value": f"BENCH{number:04}"}],
        "simulation": "unstated",
        "overview": [f"This unit is about how you {statement()}, and {statement()}."],
        "metadata": {"suites": f"Invented suite {number % 20}", "keywords": generator.choice(THINGS)},
        "performance": [
            {
                "heading": heading,
                "items": [
                    {"label": str(label), "text": statement()}
                    for label in range(1 + index * performance // 4, 1 + (index + 1) * performance // 4)
                ],
            }
            for index, heading in enumerate(HEADINGS)
        ],
        "knowledge": [
            {"items": [{"label": f"K{label}", "text": f"how to {statement()}"} for label in range(1, knowledge + 1)]}
        ],
        "evidence_requirements": [{"label": "1", "text": f"Show that you {statement()}."}],
        "provenance": {"source": "Invented for measuring", "read": "Made by scripts/bench."},
    }


def as_lines(unit: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the lines of a unit as a document prints them: (`h1`, `h2` or `p`, text)."""
    lines = [("h1", unit["title"]), ("p", f"URN: {unit['code']}"), ("h2", "Overview"), ("p", unit["overview"][0])]
    lines.append(("h2", "Performance criteria"))
    for group in unit["performance"]:
        lines.append(("h2", group["heading"]))
        lines += [("p", f"P{each['label']} {each['text']}") for each in group["items"]]
    lines.append(("h2", "Knowledge and understanding"))
    lines += [("p", f"{each['label']} {each['text']}") for each in unit["knowledge"][0]["items"]]
    return lines


def as_txt(unit: dict[str, Any]) -> bytes:
    """Return the unit as plain text."""
    return "\n\n".join(text for _, text in as_lines(unit)).encode()


def as_html(unit: dict[str, Any]) -> bytes:
    """Return the unit as a web page."""
    body = "\n".join(f"<{tag}>{escape(text)}</{tag}>" for tag, text in as_lines(unit))
    return f"<!doctype html><html lang='en'><title>{escape(unit['title'])}</title><body>{body}</body></html>".encode()


def as_docx(unit: dict[str, Any]) -> bytes:
    """Return the unit as a Word document."""
    from docx import Document

    document, buffer = Document(), io.BytesIO()
    for tag, text in as_lines(unit):
        if tag == "p":
            document.add_paragraph(text)
        else:
            document.add_heading(text, int(tag[1]))
    document.save(buffer)
    return buffer.getvalue()


def as_pdf(unit: dict[str, Any]) -> bytes:
    """Return the unit as a PDF."""
    from weasyprint import HTML

    return bytes(HTML(string=as_html(unit).decode()).write_pdf())
