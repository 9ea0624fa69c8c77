"""Hostile files under every extension: each is refused with a reason, or downloaded unchanged as an attachment."""

import io
import resource
import sys
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests import factories
from tests.factories import World
from tests.portfolio.files import box, docx, heic, movie, mp3, odt, office, pdf, picture, zipped
from tests.proof.proof_size import FULL_SIZE, record_figures
from tracker.ledger.transactions import transaction
from tracker.models import Person
from tracker.portfolio.file_types import BY_MEDIA_TYPE

pytestmark = pytest.mark.one_database

Browser = Callable[[Person], FlaskClient]

SCRIPT = b"<script>alert(1)</script>"
HTML = b"<!doctype html><html><body>" + SCRIPT
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'
XXE = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>'
LAUGHS = b'<!DOCTYPE x [<!ENTITY a "ha">' + b"".join(
    f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">'.encode() for n in range(9)
) + b"]><x>&j;</x>"  # fmt: skip
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


def build_png(width: int, height: int) -> bytes:
    """Return a PNG that declares this size and has no pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4) + kind + body + zlib.crc32(kind + body).to_bytes(4)

    head = width.to_bytes(4) + height.to_bytes(4) + b"\x08\x02\x00\x00\x00"
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


def bomb() -> bytes:
    """Return a file with the highest compression ratio of DEFLATE."""
    return docx(word__media=b"\0" * 60_000_000)


def lying_zip() -> bytes:
    """Return a ZIP whose member is larger than it declares."""
    body = bytearray(docx(word__x=b"\0" * 5_000_000))
    size = (5_000_000).to_bytes(4, "little")
    return bytes(body.replace(size, (5).to_bytes(4, "little")))


def many_members() -> bytes:
    return office("wordprocessingml.document", "word/document.xml", **{f"m{n}": b"" for n in range(5_000)})


def nested_zip(depth: int = 20) -> bytes:
    body = docx()
    for _ in range(depth):
        body = zipped({"x.zip": body}, zipfile.ZIP_STORED)
    return body


def hostile_pdf(*objects: bytes) -> bytes:
    numbered = b"".join(b"%d 0 obj\n%s\nendobj\n" % (number, each) for number, each in enumerate(objects, 1))
    return b"%PDF-1.7\n" + numbered + b"trailer << /Root 1 0 R >>\nstartxref\n9\n%%EOF\n"


CONTENTS: dict[str, bytes | Callable[[], bytes]] = {
    "a page": HTML, "a page after blanks": b" \n\t" * 50 + HTML, "XHTML": b'<?xml version="1.0"?>' + HTML, "a vector picture": SVG,
    "a page in UTF-16": (HTML.decode()).encode("utf-16"), "a page in UTF-7": b"+ADw-script+AD4-alert(1)+ADw-/script+AD4-",
    "a picture and a page": picture("PNG") + HTML, "a page in a picture's comment": picture("JPEG", comment=HTML),
    "GIF and script": b"GIF89a/*" + b"\0" * 20 + b"*/=1;alert(1)//", "a photo and an archive": picture() + zipped({"x.html": HTML}),
    "PDF and page": HTML + pdf(), "page behind a PDF": pdf() + HTML, "PDF with script": hostile_pdf(b"<< /Type /Catalog /OpenAction << /S /JavaScript /JS (app.alert(1)) >> >>"),
    "PDF that starts a program": hostile_pdf(b"<< /Type /Catalog /OpenAction << /S /Launch /F (cmd.exe) >> >>"),
    "PDF in a loop": hostile_pdf(b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [2 0 R] /Count 1 /Parent 2 0 R >>"),
    "PDF of two billion pages": hostile_pdf(b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [] /Count 2147483647 >>"),
    "PDF with a file in it": hostile_pdf(b"<< /Type /Catalog /Names << /EmbeddedFiles << /Names [(x.exe) 2 0 R] >> >> >>", b"<< /Type /Filespec >>"),
    "PDF cut off": pdf()[:30], "archive in an archive": nested_zip, "an archive that grows": bomb, "an archive that lies": lying_zip,
    "an archive of thousands": many_members, "document with entities": docx(word__document2=XXE), "document that laughs": docx(word__document2=LAUGHS),
    "macros": docx(word__vbaProject=b"\xd0\xcf\x11\xe0 macro"), "paths upwards": zipped({"../../x": b"x", "[Content_Types].xml": "<x/>"}),
    "sheet with a link outside": office("spreadsheetml.sheet", "xl/workbook.xml", xl__externalLinks=b"<x target='http://evil.example'/>"),
    "no archive at all": b"PK\x03\x04" + b"\xff" * 300, "text that says it is ODT": odt("text/html"),
    "two thousand million pixels": build_png(50_000, 50_000), "pixels beyond counting": build_png(2**31 - 1, 2**31 - 1), "no pixel": build_png(0, 0),
    "half a photo": picture()[: len(picture()) // 2], "half a HEIC": lambda: heic()[:120], "HEIC of nothing": box(b"ftyp", b"heic" + bytes(4)) + box(b"meta", b"\xff" * 50),
    "film of endless boxes": box(b"ftyp", b"isom" + bytes(4)) + b"\0\0\0\1free" + b"\xff" * 8 + b"\0" * 50, "film and page": movie() + HTML,
    "sound and page": mp3(b"ID3\x03\0\0\x7f\x7f\x7f\x7f") + HTML, "a program": b"MZ\x90\x00" + b"\0" * 200, "a program of Linux": b"\x7fELF" + b"\0" * 200,
    "a shell script": b"#!/bin/sh\nrm -rf /\n", "PHP": b"<?php system($_GET[0]); ?>", "a test virus": EICAR, "entities": XXE, "laughs": LAUGHS,
    "an old document": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "nothing": b"", "zeros": b"\0" * 5_000, "one line": b"x" * 400_000,
}  # fmt: skip
NAMES = [
    "../../../etc/passwd.txt", "..\\..\\x.txt", "/etc/passwd.txt", "C:\\x.txt", "x\x00.txt", "x.html\x00.txt", "\u202etxt.exe.txt", "x" * 300 + ".txt",
    "a\r\nSet-Cookie: a=b.txt", 'a"; filename="x.html.txt', "con.txt", ".txt", "....txt", "x.txt ", "x.php.txt", "é🙂.txt", "<img src=x>.txt",
    "%2e%2e%2fx.txt", "x;rm -rf.txt", "=1+1.txt", "a/b/c.txt", "\ufeffx.txt", "x.txt::$DATA.txt", "-rf.txt",
]  # fmt: skip
SCRIPTED = {"Accept": "application/json"}
ENDINGS = ("pdf", "jpg", "docx", "txt", "mp4")


@pytest.fixture
def upload(app: Flask, world: World, client: Browser, tmp_path: Path) -> Callable[[str, bytes], bool]:
    """Return a function that uploads a file as Alice, checks its download, and returns whether it was accepted."""
    app.config["ATTACHMENTS_PATH"] = tmp_path / "attachments"
    alice = client(world.alice)

    def send(name: str, content: bytes) -> bool:
        with transaction():
            item = factories.make_evidence(world.cfacc15, "An item").id
        answer = alice.post(f"/evidence/{item}/files", data={"file": (io.BytesIO(content), name)}, headers=SCRIPTED)
        if answer.status_code != 201:
            assert answer.status_code in {413, 422}, (name, answer.status_code)
            assert len(answer.get_json()["message"]) > 20, name
            return False
        check_download(alice, answer.get_json()["url"], content)
        return True

    return send


def check_download(alice: FlaskClient, address: str, content: bytes) -> None:
    for query in ("", "?show=1", "?page=1", "?page=-1"):
        answer = alice.get(address + query)
        if query and answer.status_code == 404:
            continue
        assert answer.status_code == 200, (query, answer.status_code)
        headers = answer.headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in headers["Content-Security-Policy"]
        assert "\n" not in headers["Content-Disposition"]
        assert answer.mimetype in BY_MEDIA_TYPE
        if headers["Content-Disposition"].startswith("attachment"):
            assert answer.data == content
        else:
            assert query, "a file is shown inline only on request"
            assert answer.mimetype in {"image/jpeg", "audio/mpeg", "audio/mp4", "video/mp4", "text/plain"}
            assert answer.mimetype != "image/jpeg" or SCRIPT not in answer.data
        answer.close()


def list_hostile_files() -> Iterator[tuple[str, bytes]]:
    """Yield every content under every extension in the proof, and under two otherwise."""
    for number, content in enumerate(CONTENTS.values()):
        body = content() if callable(content) else content
        endings = ENDINGS if FULL_SIZE else (ENDINGS[number % 5], ENDINGS[(number + 1) % 5])
        yield from ((f"file {number}.{ending}", body) for ending in endings)
    yield from ((name, f"plain words {number}".encode()) for number, name in enumerate(NAMES))


def test_a_hostile_file_is_refused_or_downloaded_unchanged(upload: Callable[[str, bytes], bool]) -> None:
    assert len(CONTENTS) * len(ENDINGS) + len(NAMES) >= 120
    returned = refused = 0
    slowest, before = 0.0, get_peak_megabytes()
    for name, body in list_hostile_files():
        start = time.perf_counter()
        if upload(name, body):
            returned += 1
        else:
            refused += 1
        slowest = max(slowest, time.perf_counter() - start)
    growth = get_peak_megabytes() - before
    assert growth <= 150
    record_figures(
        files=returned + refused,
        refused=refused,
        returned=returned,
        most_seconds=round(slowest, 2),
        most_megabytes=growth,
    )


def get_peak_megabytes() -> int:
    """Return the peak memory of this process or one it started, in megabytes."""
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    return (
        max(resource.getrusage(target).ru_maxrss for target in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        // unit
    )
