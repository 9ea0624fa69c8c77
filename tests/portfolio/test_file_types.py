"""A file's type is identified by its content; a wrong extension is corrected; malicious files are refused."""

import io
import zipfile
import zlib

import pytest

from tests.portfolio import files
from tests.records.recordings import make_webm
from tracker.errors import Invalid
from tracker.portfolio.file_types import EXTENSIONS, correct_extension, identify_file

pytestmark = pytest.mark.one_database

ID3 = b"ID3\x04\x00\x00\x00\x00\x00\x0a" + bytes(10)
XLSX = files.office("spreadsheetml.sheet", "xl/workbook.xml")
PPTX = files.office("presentationml.presentation", "ppt/presentation.xml")
TEXT = "Rang her back at 14:05 – the café’s meter reading was wrong."


def name_case(value: object) -> str:
    """Return the name of a case; the bytes of a file have none."""
    return value if isinstance(value, str) else "content"


@pytest.mark.parametrize(
    ("name", "content", "media_type"),
    ids=name_case,
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
        ("iphone.mov", files.case("iphone.mov"), "video/quicktime"),
        ("hevc.mov", files.case("hevc.mov"), "video/quicktime"),
        ("renamed_mov.mp4", files.case("iphone.mov"), "video/quicktime"),
        ("film.mp4", files.movie(b"qt  "), "video/quicktime"),
        ("without a brand.mov", files.movie()[16:], "video/quicktime"),
        ("ok.3gp", files.case("ok.3gp"), "video/mp4"),
        ("voice.wav", files.wav(), "audio/wav"),
        ("whatsapp.opus", files.case("whatsapp.opus"), "audio/ogg"),
        ("voice.aac", files.case("voice.aac"), "audio/aac"),
        ("a.webp", files.case("a.webp"), "image/webp"),
        ("sony.HIF", files.case("sony.HIF"), "image/heic"),
        ("emails.csv", b"a,b\n1,2\n", "text/csv"),
        ("mail.eml", b"From: a@example.org\nSubject: x\n\nThanks for sorting my complaint", "message/rfc822"),
        ("no email.eml", b"Thanks for sorting my complaint", "text/plain"),
        ("message.msg", files.compound("__properties_version1.0"), "application/vnd.ms-outlook"),
        ("letter.doc", files.compound("WordDocument"), "application/msword"),
        ("old.doc", files.case("old.doc"), "application/msword"),
        ("voice.webm", make_webm((2, b"A_OPUS")), "audio/webm"),
        ("talk.webm", make_webm((2, b"A_OPUS"), (1, b"V_VP8")), "video/webm"),
        ("note.rtf", b"{\\rtf1 hello}", "application/rtf"),
        ("angle.txt", b"<html> is a tag I learned about in week 3.\n", "text/plain"),
        ("bell.txt", b"log\x07\x1b[31mred\x1b[0m\n", "text/plain"),
        ("BMW.txt", b"BMW rang about FORM 12.", "text/plain"),
        ("about.txt", b"A PDF begins with %PDF-1.7, I learned.", "text/plain"),
        ("lead_bom.pdf", files.case("lead_bom.pdf"), "application/pdf"),
        ("lead_crlf.pdf", files.case("lead_crlf.pdf"), "application/pdf"),
        ("lead_pjl.pdf", files.case("lead_pjl.pdf"), "application/pdf"),
        ("no_eof.pdf", files.case("no_eof.pdf"), "application/pdf"),
        ("trail_html.pdf", files.case("trail_html.pdf"), "application/pdf"),
        ("trail_pad8k.pdf", files.case("trail_pad8k.pdf"), "application/pdf"),
        ("old.txt", TEXT.encode("cp1252"), "text/plain"),
        ("cut in a letter.txt", (b"x" * (1024 * 1024 - 1)) + "é".encode(), "text/plain"),
    ],
)
def test_each_type_is_identified_by_its_content(name: str, content: bytes, media_type: str) -> None:
    assert identify_file(io.BytesIO(content), name).media_type == media_type


def locked() -> bytes:
    content = bytearray(files.docx())
    first = content.index(b"PK\x03\x04")
    directory = content.index(b"PK\x01\x02")
    content[first + 6] |= 1
    content[directory + 8] |= 1
    return bytes(content)


def bomb() -> bytes:
    return files.docx(word__media=bytes(60 * 1024 * 1024))


NONE_WE_TAKE, DAMAGED, MACROS = "its type is not accepted", "damaged", "macros"
LOCKED = "it is locked with a password. Save a copy without a password"
PNG = files.picture("PNG", (400, 400))
JPEG = files.picture("JPEG", (400, 400))


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    ids=name_case,
    argvalues=[
        ("empty.pdf", b"", "is empty"),
        # other content under an accepted name
        ("photo.jpg", b"MZ\x90\x00" + bytes(200), NONE_WE_TAKE),
        ("photo.jpg", b"\x7fELF" + bytes(200), NONE_WE_TAKE),
        ("photo.jpg", b"GIF89a" + bytes(200), NONE_WE_TAKE),
        ("photo.png", b"RIFF\x24\x00\x00\x00WEBPVP8 " + bytes(50), DAMAGED),
        ("photo.png", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", NONE_WE_TAKE),
        ("note.txt", b"<!DOCTYPE html><script>alert(1)</script>", NONE_WE_TAKE),
        ("note.txt", b"\xef\xbb\xbf  <html><body onload=alert(1)>", NONE_WE_TAKE),
        ("note.txt", b"<?xml version='1.0'?><x xmlns='http://www.w3.org/1999/xhtml'/>", NONE_WE_TAKE),
        ("note.txt", "<svg onload=alert(1)>".encode("utf-16"), NONE_WE_TAKE),
        ("note.txt", b"#!/bin/sh\nrm -rf /\n", NONE_WE_TAKE),
        ("note.txt", b"text and then\x00\x01\x02", NONE_WE_TAKE),
        ("note.txt", b"a" * (2 * 1024 * 1024) + b"\x00binary", NONE_WE_TAKE),
        ("note.txt", b"\xff\xfea", NONE_WE_TAKE),
        ("letter.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), NONE_WE_TAKE),
        ("archive.docx", files.zipped({"readme.txt": "hello"}), NONE_WE_TAKE),
        ("app.docx", files.zipped({"META-INF/MANIFEST.MF": "x", "a.class": "x"}), NONE_WE_TAKE),
        ("book.odt", files.odt("application/epub+zip"), NONE_WE_TAKE),
        ("sheet.odt", files.odt("application/vnd.oasis.opendocument.spreadsheet"), NONE_WE_TAKE),
        ("film.heic", files.box(b"ftyp", b"avif" + bytes(4)), NONE_WE_TAKE),
        ("sound.mp3", b"\xff\xfb" + b"A" * 400, NONE_WE_TAKE),
        ("sound.mp3", ID3 + b"<script>alert(1)</script>", NONE_WE_TAKE),
        ("page.pdf", b"\n%PDF-1.7 without pages %%EOF startxref" + bytes(2), DAMAGED),
        ("film.avi", b"RIFF\x24\x00\x00\x00AVI LIST" + bytes(50), "Export the video as MP4"),
        ("film.mkv", make_webm((1, b"V_VP9"), doc_type=b"matroska"), "Export the video as MP4"),
        ("film.webm", make_webm((1, b"V_MPEG4/ISO/AVC")), "Export the video as MP4"),
        ("cut.webm", make_webm((2, b"A_OPUS"), has_cluster=False), DAMAGED),
        ("cut.webm", b"\x1aE\xdf\xa3" + bytes(50), DAMAGED),
        ("theora.ogv", b"OggS" + bytes(24) + b"\x80theora" + bytes(50), "Export the video as MP4"),
        ("film.wmv", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11" + bytes(50), "Export it as MP4 or MP3"),
        ("sound.flac", b"fLaC" + bytes(50), "Export the recording as MP3"),
        ("photo.gif", b"GIF89a" + bytes(50), "Save it as JPEG or PNG"),
        ("photo.avif", files.box(b"ftyp", b"avif" + bytes(4)), "Save it as JPEG or PNG"),
        ("rota.xls", files.compound("Workbook"), "Save the spreadsheet as XLSX"),
        ("talk.ppt", files.compound("PowerPoint Document"), "Save the presentation as PPTX"),
        ("rota.ods", files.odt("application/vnd.oasis.opendocument.spreadsheet"), "Save the spreadsheet as XLSX"),
        ("notes.pages", files.zipped({"Index/Document.iwa": "x"}), "Export it as PDF"),
        ("all.zip", files.zipped({"a.txt": "x"}), "Unpack it"),
        ("page.html", b"<!DOCTYPE html><p>Hello</p>", "Print the page to a PDF"),
        ("header_only.pdf", files.case("header_only.pdf"), "damaged: it has no pages"),
        ("zero_pages.pdf", files.case("zero_pages.pdf"), "damaged: it has no pages"),
        ("user_locked.pdf", files.case("user_locked.pdf"), LOCKED),
        ("protected.docx", files.case("locked.docx"), LOCKED),
        ("protected.odt", files.case("locked.odt"), LOCKED),
        ("protected.doc", files.compound("WordDocument", content=b"\xec\xa5" + bytes(8) + b"\x00\x01"), LOCKED),
        ("macro.doc", files.compound("WordDocument", "_VBA_PROJECT"), MACROS),
        ("cut.wav", files.wav()[:-9], DAMAGED),
        # truncated files
        ("cut.jpg", JPEG[: len(JPEG) // 2], DAMAGED),
        ("cut.png", PNG[: len(PNG) // 2], DAMAGED),
        ("head.png", b"\x89PNG\r\n\x1a\n", DAMAGED),
        ("cut.heic", files.heic()[:200], DAMAGED),
        ("cut.pdf", files.pdf()[:40], DAMAGED),
        ("cut.docx", files.docx()[:80], DAMAGED),
        ("cut.mp4", files.movie()[:-3], DAMAGED),
        ("no-index.mp4", files.box(b"ftyp", b"isom" + bytes(4)) + files.box(b"mdat", b"x"), DAMAGED),
        ("loop.mp4", files.box(b"ftyp", b"isom" + bytes(4)) + b"\x00\x00\x00\x01free" + bytes(8), DAMAGED),
        # malicious files
        ("macro.docx", files.docx(word__vbaProject_bin=b"x").replace(b"vbaProject_bin", b"vbaProject.bin"), MACROS),
        ("macro.docm", files.zipped({"[Content_Types].xml": "macroEnabled", "word/document.xml": "x"}), MACROS),
        ("flagged.docx", locked(), LOCKED),
        ("bomb.docx", bomb(), "too large when unpacked"),
        (
            "many.docx",
            files.zipped({f"word/{n}.xml": "" for n in range(5001)}, zipfile.ZIP_STORED),
            "too large when unpacked",
        ),
    ],
)
def test_a_file_that_is_not_accepted_is_refused_with_a_sentence(name: str, content: bytes, reason: str) -> None:
    with pytest.raises(Invalid) as raised:
        identify_file(io.BytesIO(content), name)
    sentence = str(raised.value)
    assert f"“{name}”" in sentence
    assert reason in sentence
    assert "not added" in sentence
    assert raised.value.field == "files"


@pytest.mark.parametrize("brand", [b"3g2a", b"hvc1", b"iso8", b"iso9", b"mp42", b"xyz1"])
def test_an_mp4_is_accepted_whatever_its_brand(brand: bytes) -> None:
    content = files.case("brand_iso8.mp4").replace(b"iso8", brand, 1)
    assert identify_file(io.BytesIO(content), "clip.mp4").media_type == "video/mp4"


@pytest.mark.parametrize(
    ("content", "remark"),
    [
        (files.case("hevc.mov"), "hevc"),
        (files.case("iphone.mov"), ""),
        (files.wav(), ""),
        (files.wav(code=0x11), "unplayed"),
    ],
    ids=["hevc", "h264", "pcm", "adpcm"],
)
def test_a_recording_that_some_browsers_cannot_play_gets_a_remark(content: bytes, remark: str) -> None:
    assert identify_file(io.BytesIO(content), "clip.mov").remark == remark


@pytest.mark.parametrize(
    ("name", "media_type", "corrected"),
    [
        ("photo.png", "image/jpeg", "photo.jpg"),
        ("photo.JPEG", "image/jpeg", "photo.JPEG"),
        ("scan.jpg", "application/pdf", "scan.pdf"),
        ("invoice.pdf.exe", "application/pdf", "invoice.pdf"),
        ("scan", "application/pdf", "scan.pdf"),
        ("visit 3.5", "application/pdf", "visit 3.5.pdf"),
        ("call of 14.30, second part", "audio/mpeg", "call of 14.30, second part.mp3"),
        ("renamed_mov.mp4", "video/quicktime", "renamed_mov.mov"),
        ("clip.m4a", "video/mp4", "clip.mp4"),
        (".exe", "text/plain", "file.txt"),
    ],
)
def test_a_wrong_extension_is_corrected_by_the_content(name: str, media_type: str, corrected: str) -> None:
    assert correct_extension(name, media_type) == corrected


def test_an_image_with_too_many_pixels_is_refused() -> None:
    wide = bytearray(files.picture("PNG"))
    wide[16:24] = (60_000).to_bytes(4, "big") * 2
    wide[29:33] = zlib.crc32(wide[12:29]).to_bytes(4, "big")
    with pytest.raises(Invalid, match="more pixels than can be shown"):
        identify_file(io.BytesIO(bytes(wide)), "wide.png")


@pytest.mark.parametrize(("width", "height"), [(10_000, 8_001), (14_000, 14_000), (16_384, 16_384)], ids=str)
def test_a_webp_image_with_too_many_pixels_is_refused(width: int, height: int) -> None:
    with pytest.raises(Invalid, match="more pixels than can be shown"):
        identify_file(io.BytesIO(files.huge_webp(width, height)), "wide.webp")


def test_a_long_name_is_shortened_in_the_sentence() -> None:
    with pytest.raises(Invalid) as raised:
        identify_file(io.BytesIO(b""), f"{'x' * 300}.pdf")
    assert len(str(raised.value)) < 150


def test_the_file_chooser_offers_every_type() -> None:
    assert {"jpg", "png", "heic", "pdf", "docx", "xlsx", "pptx", "odt", "mp3", "m4a", "mp4", "txt"} <= set(EXTENSIONS)
