"""The real LibreOffice, where it is installed: what its pages show, and what it may not reach."""

import io
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from PIL import Image
from pypdf import PdfReader

from tests.portfolio import files, office_files
from tests.portfolio.test_download import attach, fetch
from tracker.models import Evidence
from tracker.portfolio import libreoffice
from tracker.portfolio.libreoffice import CONVERTER, FORMATS, convert_document, find_programs
from tracker.sandbox import isolation
from tracker.sandbox.sandbox import SandboxTimeout

pytestmark = [
    pytest.mark.skipif(find_programs() is None, reason="LibreOffice or Bubblewrap is not installed"),
    pytest.mark.usefixtures("real_find_programs"),
]
MEDIA_TYPES = {extension: media_type for media_type, (extension, _) in FORMATS.items()}
CHANGES = ("I saw her", "do it", "refund it")


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait longer than the product does: the machine of a test may be busy."""
    monkeypatch.setattr(CONVERTER, "timeout_seconds", 120)


@pytest.fixture
def listener() -> Iterator[tuple[str, list[object]]]:
    """The address of a server on this machine, and the connections that were made to it."""
    connections: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    connection, address = server.accept()
                except OSError:
                    return
                connections.append(address)
                connection.close()

        thread = threading.Thread(target=accept)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/picture.png", connections
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def convert(tmp_path: Path, content: bytes, extension: str, target: str = "pdf") -> bytes:
    source = tmp_path / "stored"
    source.write_bytes(content)
    return convert_document(source, MEDIA_TYPES[extension], target)


def read_words(pdf: bytes) -> str:
    return " ".join(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages).split())


def count_pictures(pdf: bytes) -> int:
    return sum(len(page.images) for page in PdfReader(io.BytesIO(pdf)).pages)


@pytest.fixture
def old_word_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A DOC with tracked changes, made by LibreOffice."""
    with monkeypatch.context() as patch:
        patch.setitem(libreoffice.TARGETS, "docx", "doc:MS Word 97")
        return convert(tmp_path, office_files.word_document(), "docx", "docx")


@pytest.mark.parametrize(
    ("extension", "content", "words"),
    [
        ("docx", office_files.word_document(), CHANGES),
        ("odt", office_files.open_document(), CHANGES),
        ("rtf", office_files.RTF, CHANGES),
        ("xlsx", office_files.spreadsheet(), ("Total",)),
        ("pptx", office_files.presentation(), ("Handling complaints",)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_pages_of_a_document_show_its_words_and_tracked_changes(
    tmp_path: Path, extension: str, content: bytes, words: tuple[str, ...]
) -> None:
    shown = read_words(convert(tmp_path, content, extension))
    assert [each for each in words if each not in shown] == []


def test_a_doc_is_shown_with_its_tracked_changes(
    alice: FlaskClient, complaint: Evidence, old_word_document: bytes
) -> None:
    path = attach(complaint, old_word_document, "letter.doc")
    page = alice.get(f"/evidence/{complaint.id}").text
    assert 'alt="letter.doc, page 1 of 1"' in page
    assert "I saw her [deleted by Ann: do it][inserted by Ben: refund it]" in page
    image = Image.open(io.BytesIO(fetch(alice, f"{path}?page=1").data)).convert("L")
    assert image.width < image.height
    darkest, lightest = image.getextrema()
    assert darkest < 100, "there are words on the paper"
    assert lightest > 250


def test_formulas_keep_the_results_that_were_saved(tmp_path: Path) -> None:
    shown = read_words(convert(tmp_path, office_files.spreadsheet(), "xlsx"))
    assert "999" in shown
    assert "555" in shown


def test_a_page_without_a_size_of_its_own_is_a4(tmp_path: Path) -> None:
    [page] = PdfReader(io.BytesIO(convert(tmp_path, office_files.spreadsheet(), "xlsx"))).pages
    assert [round(float(side)) for side in page.mediabox[2:]] == [595, 842]


def test_a_linked_picture_is_not_fetched(tmp_path: Path, listener: tuple[str, list[object]]) -> None:
    address, connections = listener
    pdf = convert(tmp_path, office_files.word_document(picture_link=address), "docx")
    assert "I saw her" in read_words(pdf)
    assert connections == []
    assert count_pictures(pdf) == 0


@pytest.mark.parametrize("guarded_by", ["profile", "isolation"])
def test_a_picture_on_the_disk_of_the_server_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, guarded_by: str
) -> None:
    other = tmp_path / "other.png"
    other.write_bytes(files.picture("PNG"))
    if guarded_by == "profile":
        monkeypatch.setattr(isolation, "SYSTEM_FOLDERS", (*isolation.SYSTEM_FOLDERS, str(tmp_path)))
    else:
        (tmp_path / "profile.xml").write_text('<oor:items xmlns:oor="http://openoffice.org/2001/registry"/>')
        monkeypatch.setattr(libreoffice, "PROFILE", tmp_path / "profile.xml")
    pdf = convert(tmp_path, office_files.word_document(picture_link=other.as_uri()), "docx")
    assert "I saw her" in read_words(pdf)
    assert count_pictures(pdf) == 0


def test_no_process_is_left_of_a_conversion_that_takes_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = f"/{uuid.uuid4().hex}"
    monkeypatch.setattr(isolation, "FOLDER", folder)
    monkeypatch.setattr(libreoffice, "FOLDER", folder)
    monkeypatch.setattr(CONVERTER, "timeout_seconds", 0.7)
    with pytest.raises(SandboxTimeout):
        convert(tmp_path, office_files.word_document(), "docx")
    for _ in range(50):
        if not (left := list_processes(folder)):
            break
        time.sleep(0.1)
    assert left == []


def list_processes(word: str) -> list[str]:
    """Return the command lines of the processes of this machine that hold a word."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if word in command:
            found.append(command)
    return found
