"""Documents shown as pages where LibreOffice is installed, and as text where it is not.

A fake LibreOffice tests what the product does with its answer. The tests of `test_libreoffice.py` run the real one.
"""

import io
import shutil
import sys
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image

from tests.portfolio import files
from tests.portfolio.test_derived_files import list_faults as list_derived_faults
from tests.portfolio.test_download import attach, fetch
from tests.portfolio.test_page_images import sheets
from tests.portfolio.test_text_previews import DOCX, XLSX
from tests.stored_files import stored_path
from tracker.models import Evidence
from tracker.portfolio import libreoffice
from tracker.portfolio.libreoffice import FORMATS, MAX_CONVERTED_PAGES, Programs, convert_document
from tracker.portfolio.page_images import MAX_PAGES
from tracker.sandbox.sandbox import SandboxFailed

pytestmark = pytest.mark.one_database

MADE_FROM_THE_FILE = "These pages were made from the file."
PROGRAMS = Programs("/usr/bin/soffice", "/usr/bin/bwrap")


class FakeLibreOffice:
    """What LibreOffice would print for each format, and how often it was started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.script = folder / "fake.py"
        self.script.write_text(
            "import pathlib, sys\n"
            f"folder = pathlib.Path({str(folder)!r})\n"
            "target = sys.argv[sys.argv.index('--convert-to') + 1].partition(':')[0]\n"
            "with (folder / 'log').open('a') as log: log.write(target + '\\n')\n"
            "sys.stdout.buffer.write((folder / target).read_bytes())\n"
        )

    def answer(self, target: str, content: bytes) -> None:
        (self.folder / target).write_bytes(content)

    @property
    def conversions(self) -> list[str]:
        log = self.folder / "log"
        return log.read_text().split() if log.exists() else []


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeLibreOffice:
    """A fake LibreOffice that makes three pages of every document."""
    folder = tmp_path / "office"
    folder.mkdir()
    fake = FakeLibreOffice(folder)
    fake.answer("pdf", sheets(3))
    monkeypatch.setattr(libreoffice, "find_programs", lambda: PROGRAMS)
    monkeypatch.setattr(
        libreoffice, "isolate_command", lambda _bwrap, command, _files: [sys.executable, str(fake.script), *command]
    )
    return fake


def test_a_document_is_shown_as_pages_with_its_text(
    alice: FlaskClient, complaint: Evidence, office: FakeLibreOffice
) -> None:
    path = attach(complaint, XLSX, "rota.xlsx")
    page = alice.get(f"/evidence/{complaint.id}").text
    assert 'alt="rota.xlsx, page 1 of 3"' in page
    assert "2 more pages" in page
    assert MADE_FROM_THE_FILE in page
    assert "<summary>Text of rota.xlsx</summary>" in page
    assert "22/11/2026" in page
    image = Image.open(io.BytesIO(fetch(alice, f"{path}?page=2").data))
    red, green, blue = image.getpixel((500, 500))
    assert green > 100 > max(red, blue)
    assert fetch(alice, path).data == XLSX, "and the file itself is still the file"
    assert f'src="{path}?page=1"' in alice.get(f"/evidence/{complaint.id}/edit").text


def test_the_text_is_open_where_it_marks_tracked_changes(
    alice: FlaskClient, complaint: Evidence, office: FakeLibreOffice
) -> None:
    attach(complaint, DOCX, "log.docx")
    page = alice.get(f"/evidence/{complaint.id}").text
    assert "<details open>\n    <summary>Text of log.docx, with tracked changes</summary>" in page
    assert "[deleted by Ann: do it][inserted by Ben: refund it]" in page


def test_a_doc_is_shown_as_pages_and_text(alice: FlaskClient, complaint: Evidence, office: FakeLibreOffice) -> None:
    office.answer("docx", DOCX)
    attach(complaint, files.compound("WordDocument"), "letter.doc")
    page = alice.get(f"/evidence/{complaint.id}").text
    assert 'alt="letter.doc, page 1 of 3"' in page
    assert "[deleted by Ann: do it][inserted by Ben: refund it]" in page
    assert office.conversions == ["pdf", "docx"]


def test_a_document_is_converted_once(alice: FlaskClient, complaint: Evidence, office: FakeLibreOffice) -> None:
    attach(complaint, XLSX, "rota.xlsx")
    attach(complaint, XLSX, "rota again.xlsx")
    assert office.conversions == ["pdf"]
    assert 'alt="rota again.xlsx, page 1 of 3"' in alice.get(f"/evidence/{complaint.id}").text


def test_a_long_document_says_that_not_all_pages_are_shown(
    alice: FlaskClient, complaint: Evidence, office: FakeLibreOffice
) -> None:
    sink = io.BytesIO()
    first, *rest = [Image.new("RGB", (10, 10), "white") for _ in range(MAX_CONVERTED_PAGES)]
    first.save(sink, "PDF", save_all=True, append_images=rest)
    office.answer("pdf", sink.getvalue())
    attach(complaint, XLSX, "rota.xlsx")
    page = alice.get(f"/evidence/{complaint.id}").text
    assert f"The first {MAX_PAGES} pages are shown." in page
    assert f"page {MAX_PAGES} of {MAX_PAGES}" in page


@pytest.mark.parametrize("fault", ["no answer", "no PDF", "too slow", "not installed"])
def test_a_document_that_is_not_converted_is_shown_as_text(
    alice: FlaskClient,
    complaint: Evidence,
    office: FakeLibreOffice,
    monkeypatch: pytest.MonkeyPatch,
    store: Path,
    fault: str,
) -> None:
    if fault == "no answer":
        (office.folder / "pdf").unlink()
    elif fault == "no PDF":
        office.answer("pdf", b"%PDF-1.7 damaged")
    elif fault == "too slow":
        office.script.write_text("import time; time.sleep(30)")
        monkeypatch.setattr(libreoffice.CONVERTER, "timeout_seconds", 0.5)
    else:
        monkeypatch.setattr(libreoffice, "find_programs", lambda: None)
    path = attach(complaint, XLSX, "rota.xlsx")
    page = alice.get(f"/evidence/{complaint.id}").text
    assert 'aria-label="Text of rota.xlsx"' in page
    assert "?page=" not in page
    assert MADE_FROM_THE_FILE not in page
    assert fetch(alice, f"{path}?page=1").status_code == 404
    assert not list(store.rglob("*.tmp"))
    assert not list(store.rglob("*.preview.pdf"))


def test_a_doc_without_libreoffice_is_a_download(alice: FlaskClient, complaint: Evidence) -> None:
    attach(complaint, files.compound("WordDocument"), "letter.doc")
    assert "This file cannot be shown here. Download it to read it." in alice.get(f"/evidence/{complaint.id}").text


def test_documents_uploaded_before_libreoffice_was_installed_are_converted_by_command(
    app: Flask, alice: FlaskClient, complaint: Evidence, office: FakeLibreOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["previews", "make"]
    with monkeypatch.context() as without:
        without.setattr(libreoffice, "find_programs", lambda: None)
        attach(complaint, XLSX, "rota.xlsx")
        attach(complaint, b"Rang her back.", "note.txt")
        assert "./scripts/setup --office" in app.test_cli_runner().invoke(args=command).output
    assert "of 1 of the 1 documents" in app.test_cli_runner().invoke(args=command).output
    assert 'alt="rota.xlsx, page 1 of 3"' in alice.get(f"/evidence/{complaint.id}").text
    assert "of 0 of the 0 documents" in app.test_cli_runner().invoke(args=command).output


def test_documents_uploaded_before_their_text_was_shown_are_read_by_command(
    app: Flask, alice: FlaskClient, complaint: Evidence, store: Path
) -> None:
    attach(complaint, XLSX, "rota.xlsx")
    attach(complaint, files.compound("WordDocument"), "letter.doc")
    next(store.rglob("*.preview.txt")).unlink()
    output = app.test_cli_runner().invoke(args=["previews", "make"]).output
    assert "of 1 of the 1 documents" in output, "a DOC needs LibreOffice"
    assert "22/11/2026" in alice.get(f"/evidence/{complaint.id}").text


@pytest.mark.parametrize(
    ("installed", "expected"),
    [
        ({"soffice": "/usr/bin/true", "bwrap": "/usr/bin/bwrap"}, Programs("/usr/bin/true", "/usr/bin/bwrap")),
        ({"soffice": "/usr/bin/true"}, None),
        ({"bwrap": "/usr/bin/bwrap"}, None),
        ({"soffice": "/snap/bin/soffice", "bwrap": "/usr/bin/bwrap"}, None),
    ],
    ids=["both", "no Bubblewrap", "no LibreOffice", "outside /usr"],
)
def test_libreoffice_is_used_where_it_and_bubblewrap_are_installed(
    real_find_programs: None, monkeypatch: pytest.MonkeyPatch, installed: dict[str, str], expected: Programs | None
) -> None:
    monkeypatch.setattr(shutil, "which", installed.get)
    assert libreoffice.find_programs() == expected


@pytest.mark.parametrize(
    ("media_type", "extension", "import_format"), [(key, *each) for key, each in FORMATS.items()]
)
def test_the_command_line_of_a_conversion(
    monkeypatch: pytest.MonkeyPatch, media_type: str, extension: str, import_format: str
) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(libreoffice, "find_programs", lambda: PROGRAMS)
    monkeypatch.setattr(libreoffice.CONVERTER, "run", lambda command: commands.append(command) or b"%PDF-")
    assert convert_document(Path("/store/ab/abc"), media_type, "pdf") == b"%PDF-"
    [command] = commands
    isolation, program = command[: command.index("--")], command[command.index("--") + 1 :]
    assert isolation[:2] == ["/usr/bin/bwrap", "--unshare-all"]
    assert "--share-net" not in isolation
    assert "--clearenv" in isolation
    assert [isolation[n + 1 : n + 3] for n, each in enumerate(isolation) if each == "--ro-bind"] == [
        ["/store/ab/abc", f"/work/document.{extension}"],
        [str(libreoffice.PROFILE), "/work/settings.xml"],
    ]
    assert program[:5] == ["/bin/sh", "-e", "-c", libreoffice.SCRIPT, "sh"]
    assert program[5:] == [
        "/usr/bin/soffice",
        "-env:UserInstallation=file:///work/profile",
        "--headless",
        "--norestore",
        "--nolockcheck",
        "--nodefault",
        "--nofirststartwizard",
        f"--infilter={import_format}",
        "--convert-to",
        'pdf:writer_pdf_Export:{"PageRange":{"type":"string","value":"1-61"},"ExportNotes":{"type":"boolean","value":"false"}}',
        "--outdir",
        "/work/converted",
        f"/work/document.{extension}",
    ]


def test_nothing_is_started_where_libreoffice_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libreoffice, "find_programs", lambda: None)
    with pytest.raises(SandboxFailed, match="not installed"):
        convert_document(Path("/store/ab/abc"), libreoffice.DOC, "pdf")


def test_a_replaced_pdf_is_named_by_verify_and_made_anew_before_its_pages_are_shown(
    alice: FlaskClient, complaint: Evidence, office: FakeLibreOffice
) -> None:
    path = attach(complaint, XLSX, "rota.xlsx")
    first, second = (fetch(alice, f"{path}?page={number}").data for number in (1, 2))
    pdf, page = (stored_path(f"{complaint.attachments[0].sha256}.{name}") for name in ("preview.pdf", "page-2.jpg"))
    made = pdf.read_bytes()
    assert list_derived_faults() == []
    pdf.write_bytes(sheets(2))
    page.unlink()
    assert list_derived_faults() == [f"{pdf.name} was changed since it was made from its file"]
    assert fetch(alice, f"{path}?page=2").data == second != first
    assert pdf.read_bytes() == made
    assert list_derived_faults() == []
