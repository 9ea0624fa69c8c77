"""What a file is, is told by its content; what it is called must agree; traps are refused with a sentence."""

import io
import zipfile

import pytest

from tests.portfolio import files
from tracker.errors import Invalid
from tracker.portfolio.file_types import EXTENSIONS, identify_file_type

ID3 = b"ID3\x04\x00\x00\x00\x00\x00\x0a" + bytes(10)
XLSX = files.office("spreadsheetml.sheet", "xl/workbook.xml")
PPTX = files.office("presentationml.presentation", "ppt/presentation.xml")
TEXT = "Rang her back at 14:05 – the café’s meter reading was wrong."


def shown(value: object) -> str:
    """Names and reasons tell the cases apart; their bytes do not belong in a test's name."""
    return value if isinstance(value, str) else "content"


@pytest.mark.parametrize(
    ("name", "content", "media_type"),
    ids=shown,
    argvalues=[
        ("call.jpg", files.picture(), "image/jpeg"),
        ("CALL.JPEG", files.picture(), "image/jpeg"),
        ("two pictures in one.jpg", files.picture("MPO", save_all=True), "image/jpeg"),
        ("board.png", files.picture("PNG"), "image/png"),
        ("IMG_0412.HEIC", files.heic(), "image/heic"),
        ("scan.pdf", files.pdf(), "application/pdf"),
        ("log.docx", files.docx(), f"{files.OPEN_XML}wordprocessingml.document"),
        ("rota.xlsx", XLSX, f"{files.OPEN_XML}spreadsheetml.sheet"),
        ("briefing.pptx", PPTX, f"{files.OPEN_XML}presentationml.presentation"),
        ("log.odt", files.odt(), "application/vnd.oasis.opendocument.text"),
        ("talk.mp3", files.mp3(), "audio/mpeg"),
        ("tagged.mp3", files.mp3(ID3), "audio/mpeg"),
        ("memo.m4a", files.movie(b"M4A ", b"soun"), "audio/mp4"),
        ("android.m4a", files.movie(b"mp42", b"soun"), "audio/mp4"),
        ("clip.mp4", files.movie(), "video/mp4"),
        ("note.txt", TEXT.encode(), "text/plain"),
        ("bom.txt", TEXT.encode("utf-8-sig"), "text/plain"),
        ("notepad.txt", TEXT.encode("utf-16"), "text/plain"),
        ("old.txt", TEXT.encode("cp1252"), "text/plain"),
        ("cut in a letter.txt", (b"x" * (1024 * 1024 - 1)) + "é".encode(), "text/plain"),
    ],
)
def test_each_type_is_identified_by_its_content(name: str, content: bytes, media_type: str) -> None:
    assert identify_file_type(io.BytesIO(content), name).media_type == media_type


def locked() -> bytes:
    content = bytearray(files.docx())
    first = content.index(b"PK\x03\x04")
    directory = content.index(b"PK\x01\x02")
    content[first + 6] |= 1
    content[directory + 8] |= 1
    return bytes(content)


def bomb() -> bytes:
    return files.docx(word__media=bytes(60 * 1024 * 1024))


NONE_WE_TAKE, DAMAGED, MACROS, ENDING = "its type is not accepted", "damaged", "macros", "its name"
PNG = files.picture("PNG", (400, 400))
JPEG = files.picture("JPEG", (400, 400))


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    ids=shown,
    argvalues=[
        ("empty.pdf", b"", "is empty"),
        # something else under an allowed name
        ("photo.jpg", b"MZ\x90\x00" + bytes(200), NONE_WE_TAKE),
        ("photo.jpg", b"\x7fELF" + bytes(200), NONE_WE_TAKE),
        ("photo.jpg", b"GIF89a" + bytes(200), NONE_WE_TAKE),
        ("photo.png", b"RIFF\x24\x00\x00\x00WEBPVP8 " + bytes(50), NONE_WE_TAKE),
        ("photo.png", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", NONE_WE_TAKE),
        ("note.txt", b"<!DOCTYPE html><script>alert(1)</script>", NONE_WE_TAKE),
        ("note.txt", b"\xef\xbb\xbf  <html><body onload=alert(1)>", NONE_WE_TAKE),
        ("note.txt", b"<?xml version='1.0'?><x xmlns='http://www.w3.org/1999/xhtml'/>", NONE_WE_TAKE),
        ("note.txt", "<svg onload=alert(1)>".encode("utf-16"), NONE_WE_TAKE),
        ("note.txt", b"#!/bin/sh\nrm -rf /\n", NONE_WE_TAKE),
        ("note.txt", b"{\\rtf1 hello}", NONE_WE_TAKE),
        ("note.txt", b"text and then\x00\x01\x02", NONE_WE_TAKE),
        ("note.txt", b"a" * (2 * 1024 * 1024) + b"\x00binary", NONE_WE_TAKE),
        ("note.txt", b"\xff\xfea", NONE_WE_TAKE),
        ("letter.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), NONE_WE_TAKE),
        ("archive.docx", files.zipped({"readme.txt": "hello"}), NONE_WE_TAKE),
        ("app.docx", files.zipped({"META-INF/MANIFEST.MF": "x", "a.class": "x"}), NONE_WE_TAKE),
        ("book.odt", files.odt("application/epub+zip"), NONE_WE_TAKE),
        ("sheet.odt", files.odt("application/vnd.oasis.opendocument.spreadsheet"), NONE_WE_TAKE),
        ("film.mp4", files.movie(b"qt  "), NONE_WE_TAKE),
        ("film.heic", files.box(b"ftyp", b"avif" + bytes(4)), NONE_WE_TAKE),
        ("sound.mp3", b"\xff\xfb" + b"A" * 400, NONE_WE_TAKE),
        ("sound.mp3", ID3 + b"<script>alert(1)</script>", NONE_WE_TAKE),
        ("page.pdf", b"\n%PDF-1.7 not at the start %%EOF startxref" + bytes(2), NONE_WE_TAKE),
        # the right beginning and no end
        ("cut.jpg", JPEG[: len(JPEG) // 2], DAMAGED),
        ("cut.png", PNG[: len(PNG) // 2], DAMAGED),
        ("head.png", b"\x89PNG\r\n\x1a\n", DAMAGED),
        ("cut.heic", files.heic()[:200], DAMAGED),
        ("cut.pdf", files.pdf()[:40], DAMAGED),
        ("cut.docx", files.docx()[:80], DAMAGED),
        ("cut.mp4", files.movie()[:-3], DAMAGED),
        ("no-index.mp4", files.box(b"ftyp", b"isom" + bytes(4)) + files.box(b"mdat", b"x"), DAMAGED),
        ("loop.mp4", files.box(b"ftyp", b"isom" + bytes(4)) + b"\x00\x00\x00\x01free" + bytes(8), DAMAGED),
        # traps
        ("macro.docx", files.docx(word__vbaProject_bin=b"x").replace(b"vbaProject_bin", b"vbaProject.bin"), MACROS),
        ("macro.docm", files.zipped({"[Content_Types].xml": "macroEnabled", "word/document.xml": "x"}), MACROS),
        ("locked.docx", locked(), "locked"),
        ("bomb.docx", bomb(), "too large when unpacked"),
        (
            "many.docx",
            files.zipped({f"word/{n}.xml": "" for n in range(5001)}, zipfile.ZIP_STORED),
            "too large when unpacked",
        ),
        # the right content under another name
        ("photo.png", files.picture(), ENDING),
        ("scan.jpg", files.pdf(), ENDING),
        ("invoice.pdf.exe", files.pdf(), ENDING),
        ("scan", files.pdf(), ENDING),
        ("log.xlsx", files.docx(), ENDING),
        ("clip.m4a", files.movie(), ENDING),
    ],
)
def test_a_file_that_is_not_accepted_is_refused_with_a_sentence(name: str, content: bytes, reason: str) -> None:
    with pytest.raises(Invalid) as refused:
        identify_file_type(io.BytesIO(content), name)
    sentence = str(refused.value)
    assert f"“{name}”" in sentence
    assert reason in sentence
    assert "not added" in sentence
    assert refused.value.field == "files"


def test_an_image_with_too_many_pixels_is_refused() -> None:
    wide = bytearray(files.picture("PNG"))
    wide[16:24] = (60_000).to_bytes(4, "big") * 2
    with pytest.raises(Invalid, match="not added"):
        identify_file_type(io.BytesIO(bytes(wide)), "wide.png")


def test_a_long_name_is_shortened_in_the_sentence() -> None:
    with pytest.raises(Invalid) as refused:
        identify_file_type(io.BytesIO(b""), f"{'x' * 300}.pdf")
    assert len(str(refused.value)) < 150


def test_the_file_chooser_offers_every_type() -> None:
    assert {"jpg", "png", "heic", "pdf", "docx", "xlsx", "pptx", "odt", "mp3", "m4a", "mp4", "txt"} <= set(EXTENSIONS)
