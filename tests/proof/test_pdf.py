"""Text that would make a form fetch, attach or run something, or never end: it is printed as text, or rendering is stopped."""

import io
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader
from pypdf.generic import DictionaryObject, IndirectObject

from tests.proof.proof_size import choose_size, record_figures
from tests.recording_forms.example_form import build_filled_form
from tracker.errors import FormNotRendered
from tracker.recording_forms.form_content import FormContent, FormRow, FormSignature
from tracker.recording_forms.index_content import IndexContent, IndexRow
from tracker.recording_forms.pdf_renderer import PdfRenderer

FETCHING = [
    '<img src="{url}">', '<img srcset="{url} 2x">', '<link rel="stylesheet" href="{url}">', "<style>@import url({url});</style>",
    '<p style="background:url({url})">', "<style>@font-face{{font-family:x;src:url({url})}}*{{font-family:x}}</style>",
    '<object data="{url}">', '<embed src="{url}">', '<iframe src="{url}">', '<svg><image href="{url}"/></svg>',
    '<svg><use xlink:href="{url}#x"/></svg>', "<svg><style>@import url({url})</style></svg>", '<input type="image" src="{url}">',
    '<base href="{url}">', '<meta http-equiv="refresh" content="0;url={url}">', '<link rel="attachment" href="{url}">',
    '<a rel="attachment" href="{url}">x</a>', '<link rel="attachment" href="file:///etc/passwd">', '<img src="file:///etc/passwd">',
    '<iframe src="file:///etc/hosts">', '<object data="file:///etc/passwd">', '<a href="{url}">x</a>', '<a href="javascript:alert(1)">x</a>',
    '<img src="data:image/svg+xml,<svg><image href={url}/></svg>">', '<table background="{url}">', '<video poster="{url}">',
    '<audio src="{url}">', '<ul style="list-style-image:url({url})"><li>x</ul>', '<p style="content:url({url})">', "{{{{ config }}}} {url}",
    "<!DOCTYPE x [<!ENTITY e SYSTEM '{url}'>]>&e;", '<script src="{url}"></script>',
]  # fmt: skip
"""Markup that made other products fetch when printing (WeasyPrint CVE-2025-68616, CVE-2022-44544, HedgeDoc CVE-2021-29475)."""
FORBIDDEN = {
    "/URI",
    "/Launch",
    "/JavaScript",
    "/JS",
    "/EmbeddedFile",
    "/EmbeddedFiles",
    "/GoToR",
    "/SubmitForm",
    "/RichMedia",
}


def build_endless_forms() -> dict[str, FormContent]:
    """Return ten forms that take too long to render."""
    row = FormRow("1", "Call", build_filled_form(rows=1).rows[0].marks)
    return {
        "fifty thousand rows": replace(build_filled_form(rows=1), rows=(row,) * 50_000),
        "a word of two million letters": build_filled_form(comments="x" * 2_000_000),
        "a hundred thousand lines": build_filled_form(comments="\n".join("ab" * 50_000)),
        "signs on signs": build_filled_form(comments="a" + "\u0301" * 500_000),
        "turning words": build_filled_form(comments="\u202e\u202d" * 300_000),
        "pictures in words": build_filled_form(comments="🙂👩‍👩‍👧‍👦" * 100_000),
        "a name without end": build_filled_form(candidate_name="Alice " * 200_000),
        "soft hyphens": build_filled_form(comments="x\u00ad" * 500_000),
        "unbreakable": build_filled_form(comments="x\u00a0" * 500_000),
        "a million columns": replace(build_filled_form(rows=0), columns=build_filled_form().columns * 20_000),
    }


@pytest.fixture
def renderer() -> Iterator[PdfRenderer]:
    renderer = PdfRenderer(timeout_seconds=60)
    yield renderer
    renderer.close()


@pytest.fixture
def trap() -> Iterator[socket.socket]:
    """A listening socket that no rendering may connect to."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0)
        yield listening


def form_of(words: str) -> FormContent:
    """Return a form with this text in every field."""
    fields = (
        "unit_code", "unit_title", "unit_version", "statement", "candidate_name", "candidate_number", "assessor_name", "comments",
        "state",
    )  # fmt: skip
    names = dict.fromkeys(fields, words)
    signed = FormSignature(words, date(2026, 11, 2))
    row = FormRow(words, words, build_filled_form(rows=1).rows[0].marks)
    form = build_filled_form(rows=0, **names)
    columns = (replace(form.columns[0], label=words), *form.columns[1:])
    return replace(form, columns=columns, rows=(row,), candidate=signed, assessor=signed, internal_verifier=signed)


def index_of(words: str) -> IndexContent:
    row = IndexRow(words, words, words, words, words, words, words)
    return IndexContent(words, words, words, date(2026, 11, 3), (row,))


def list_names(pdf_object: Any, visited: set[int]) -> Iterator[str]:
    """Yield every name anywhere in a PDF, as a key or a value."""
    if isinstance(pdf_object, IndirectObject):
        if pdf_object.idnum in visited:
            return
        visited.add(pdf_object.idnum)
        pdf_object = pdf_object.get_object()
    if isinstance(pdf_object, DictionaryObject):
        for key in pdf_object:
            value = pdf_object.raw_get(key)
            yield str(key)
            yield from list_names(value, visited)
    elif isinstance(pdf_object, list):
        for each in pdf_object:
            yield from list_names(each, visited)
    elif isinstance(pdf_object, str) and pdf_object.startswith("/"):
        yield str(pdf_object)


def test_markup_that_would_fetch_is_printed_as_text(renderer: PdfRenderer, trap: socket.socket) -> None:
    url = f"http://127.0.0.1:{trap.getsockname()[1]}/x"
    assert len(FETCHING) == 32
    templates, sheets = FETCHING[:: choose_size(8, 1)], 0
    for template in templates:
        words = template.format(url=url)
        for facts in (form_of(words), index_of(words)):
            reader = PdfReader(io.BytesIO(renderer.render(facts, 1)))
            names = set(list_names(reader.trailer, set()))
            assert not names & FORBIDDEN, (template, names & FORBIDDEN)
            text = "".join("".join(page.extract_text() for page in reader.pages).split()).replace("\u200b", "")
            assert "".join(words.split())[:12] in text, (template, text[:300])
            assert b"root:" not in b"".join(
                page.get_contents().get_data() for page in reader.pages if page.get_contents()
            )
            sheets += 1
    with pytest.raises(BlockingIOError):
        trap.accept()
    record_figures(payloads=len(templates), sheets=sheets, fetched=0, attached=0)


def test_rendering_of_an_endless_form_is_stopped_and_the_next_one_is_rendered(renderer: PdfRenderer) -> None:
    stopped = rendered = 0
    sheets = list(build_endless_forms().values())
    assert len(sheets) == 10
    for facts in sheets[:: choose_size(10, 1)]:
        renderer.timeout_seconds, renderer.timeout_seconds_per_row = choose_size(5, 8), 0
        try:
            renderer.render(facts, 1)
            rendered += 1
        except FormNotRendered:
            stopped += 1
        renderer.timeout_seconds = 60  # an ordinary form must not time out on a busy machine
        assert renderer.render(build_filled_form(rows=1), 1).startswith(b"%PDF")
    assert not Path("core").exists()
    record_figures(stopped=stopped, still_rendered=rendered)
