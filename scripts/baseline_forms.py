"""Text and structure tags of the recording forms, blank and filled in."""

import tempfile
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from baseline_app import run_command, running_app
from flask import Flask

from tests.recording_forms.example_form import UNITS, build_blank_form, build_filled_form, print_form
from tests.recording_forms.tagged_pdf import Sheet

DEMONSTRATION = {"chloe@example.org": "CFACC15", "alice@example.org": "CFACC15", "ben@example.org": "DELIVERCC"}
"""Candidates of the demonstration, with a unit that each attempts."""


def describe_forms() -> dict[str, str]:
    """Return forms.txt: for each form its metadata, the lines of its text and the tree of its tags."""
    forms = {f"{code}, blank": print_form(build_blank_form(code)) for code in UNITS}
    forms |= {f"{code}, filled in": print_form(build_filled_form(code)) for code in UNITS}
    with running_app(demo=True) as app:
        run_command(app, "standards", "load")
        run_command(app, "demo")
        for email, code in DEMONSTRATION.items():
            forms[f"{code}, {email} in the demonstration"] = print_demonstration(app, email, code)
    return {"forms.txt": "\n".join(line for name, sheet in forms.items() for line in describe(name, sheet))}


def print_demonstration(app: Flask, email: str, code: str) -> Sheet:
    """Return the form that `flask form` prints."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "form.pdf"
        run_command(app, "form", code, "--candidate", email, "-o", str(path))
        return Sheet(path.read_bytes())


def describe(name: str, sheet: Sheet) -> Iterator[str]:
    root = sheet.reader.trailer["/Root"]
    yield f"=== {name}"
    yield f"title: {sheet.reader.metadata.title}"
    yield f"language: {root.get('/Lang')}; pages: {len(sheet.pages)}"  # type: ignore[attr-defined]  # the root of a PDF is a dictionary
    for number, text in enumerate(sheet.pages, 1):
        yield f"--- text of page {number}"
        yield from (line.rstrip() for line in text.splitlines())
    yield "--- tags"
    yield from count_repeats(list_tags(root["/StructTreeRoot"]))
    for number, table in enumerate(sheet.tables, 1):
        yield f"--- cells of table {number}, a row a line: tag, span, scope, (headings) and text"
        yield from count_repeats(" | ".join(count_repeats(map(describe_cell, row))) for row in table)
    yield ""


def list_tags(element: Any, depth: int = 0) -> Iterator[str]:
    """Yield each tag below an element, indented by its depth; the tags inside a table row stay on the row's line."""
    for child in children(element):
        tag = str(child["/S"])[1:]
        if tag == "TR":
            cells = [" ".join(["", *list_tags(cell)]) for cell in children(child)]
            tags = (str(cell["/S"])[1:] + inside for cell, inside in zip(children(child), cells, strict=True))
            yield f"{'  ' * depth}TR: {', '.join(count_repeats(tags))}"
        else:
            yield "  " * depth + tag
            yield from list_tags(child, depth + 1)


def children(element: Any) -> list[Any]:
    """Return the tags directly inside an element."""
    inside = element.get("/K", [])
    resolved = [each.get_object() for each in (inside if isinstance(inside, list) else [inside])]
    return [each for each in resolved if isinstance(each, dict) and "/S" in each]


def describe_cell(cell: Any) -> str:
    """Return a cell's tag, span and scope, and where it has text, its headings and the text."""
    span = f"[{cell.span}]" if cell.span > 1 else ""
    scope = f" {cell.scope}" if cell.scope else ""
    headings = f" ({' / '.join(cell.heads)})" if cell.text and cell.heads else ""
    return f"{cell.tag}{span}{scope}{headings} {cell.text}".strip()


def count_repeats(lines: Any) -> Iterator[str]:
    """Yield each line once for a run of the same, with the length of the run."""
    for line, run in groupby(lines):
        length = len(list(run))
        yield line if length == 1 else f"{line} ×{length}"
