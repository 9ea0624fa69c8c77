"""Extraction of plain text, and detection of the kind of document."""

import io
import zipfile

import pytest

from tests.unit_reader.extraction.reading import read, refusal, texts
from tracker.unit_reader import extraction, sandboxed_reader
from tracker.unit_reader.document_model import Unreadable


def test_every_line_is_kept_and_numbered_as_an_editor_numbers_it() -> None:
    source = read("Title\r\n\r\n  1. greet\rend  \u00a0\n\n")
    assert [(line.number, line.text) for line in source.lines] == [
        (1, "Title"),
        (2, ""),
        (3, "  1. greet"),
        (4, "end"),
        (5, ""),
    ]
    assert (source.file_format, source.name, source.doubts) == ("text", "unit", ())
    assert {line.page for line in source.lines} == {None}


def test_no_break_spaces_are_kept() -> None:
    assert texts(read("1.\u00a0greet\u2003them")) == ["1.\u00a0greet\u2003them"]


def test_a_form_feed_starts_a_page_and_a_vertical_tab_a_line() -> None:
    source = read("one\n\ftwo\nthree\ffour\vfive\n")
    assert [(line.text, line.page) for line in source.lines] == [
        ("one", 1),
        ("two", 2),
        ("three", 2),
        ("four", 3),
        ("five", 3),
    ]


@pytest.mark.parametrize(
    "body",
    [
        "café – “yes”".encode(),
        "café – “yes”".encode("utf-8-sig"),
        "café – “yes”".encode("utf-16"),
        "café – “yes”".encode("utf-32"),
        b"\xfe\xff" + "café – “yes”".encode("utf-16-be"),
    ],
)
def test_text_is_decoded_by_its_byte_order_mark(body: bytes) -> None:
    assert texts(read(body)) == ["café – “yes”"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_detected(encoding: str) -> None:
    assert texts(read("1. greet the café’s customers\n".encode(encoding))) == ["1. greet the café’s customers"]


def test_text_that_is_not_utf_8_is_read_as_windows_1252_and_reported() -> None:
    source = read("one\nthe “café”".encode("cp1252"))
    assert texts(source) == ["one", "the “café”"]
    assert [(doubt.lines, doubt.assumed) for doubt in source.doubts] == [((2,), "it was read as Windows-1252")]


def test_an_unreadable_character_is_reported() -> None:
    assert read(b"one\nt\x81wo \xe9").doubts[-1].lines == (2,)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "is empty"),
        (b" \n\t ", "is empty"),
        (b"abc\0\0\1\2 def" * 30, "is not text"),
        (bytes(range(1, 32)) * 40, "is not text"),
        (b"\x89PNG\r\n\x1a\n....", "is a picture"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"0" * 600, "Save it as DOCX without a password"),
        (b"{\\rtf1\\ansi hello}", "Save it as DOCX or PDF"),
        (b"PK\x03\x04 and no more", "is a damaged DOCX or ZIP file"),
    ],
)
def test_other_files_are_refused_with_the_remedy(body: bytes, words: str) -> None:
    assert words in refusal(body)


def _zip(*names: str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return target.getvalue()


def test_other_zip_files_are_refused() -> None:
    assert "is a ZIP file, not a document" in refusal(_zip("unit.txt"))
    assert "is not a text document but another office document" in refusal(_zip("xl/workbook.xml"))
    assert "is not a text document but another office document" in refusal(_zip("mimetype", "content.xml"))


def test_the_format_is_detected_by_content_not_by_name() -> None:
    assert read("<p>One</p>", name="unit.txt").file_format == "html"
    assert read("a < b and b > c, 1. <b>greet</b>", name="unit.html").file_format == "text"


def test_a_file_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandboxed_reader, "MAX_BYTES", 10)
    assert "larger than" in refusal(b"1. greet them")


def test_a_document_with_too_many_lines_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extraction, "MAX_LINES", 10)
    with pytest.raises(Unreadable, match="Save one unit’s pages"):
        read(b"x\n" * 11)


def test_a_word_that_is_too_long_is_refused_with_its_line() -> None:
    assert "Line 2 of unit has a word of more than 5,000 characters" in refusal(b"1. greet\n" + b"9" * 100_000)


def test_a_long_paragraph_is_read() -> None:
    assert len(read("greet them, and " * 10_000).lines) == 1
