"""Download of files: as an attachment, as a re-encoded image, or played with the type that was checked."""

import io
import struct
from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from PIL import Image, WebPImagePlugin
from werkzeug.test import TestResponse

from tests import factories
from tests.factories import World
from tests.portfolio import files
from tests.portfolio.conftest import ClientFor
from tests.stored_files import stored_path
from tracker.ledger.transactions import transaction
from tracker.models import Evidence, UnitAttempt
from tracker.portfolio import image_subprocess
from tracker.portfolio.services.files import attach_file, store_file
from tracker.portfolio.services.submissions import submit_evidence
from tracker.web.security_headers import FILE_SECURITY_POLICY

pytestmark = pytest.mark.one_database


def attach(evidence: Evidence, content: bytes, name: str) -> str:
    with transaction():
        attachment = attach_file(evidence, store_file(io.BytesIO(content), name))
    return f"/evidence/{evidence.id}/files/{attachment.id}"


def fetch(browser: FlaskClient, path: str, **headers: str) -> TestResponse:
    return browser.get(path, headers=headers, buffered=True)


def submit_item(evidence: Evidence, world: World) -> None:
    with transaction():
        submit_evidence(evidence, factories.make_actor(world.alice))


def sealed(attempt: UnitAttempt, path: str) -> str:
    return f"/attempts/{attempt.id}{path}"


@pytest.mark.parametrize(
    ("name", "content"),
    [("note.txt", b"Notes."), ("log.docx", files.docx()), ("scan.pdf", files.pdf()), ("call.jpg", files.picture())],
)
def test_a_file_is_sent_unchanged_and_only_as_a_download(
    alice: FlaskClient, complaint: Evidence, name: str, content: bytes
) -> None:
    answer = fetch(alice, attach(complaint, content, name))
    assert answer.data == content
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert name in answer.headers["Content-Disposition"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == FILE_SECURITY_POLICY
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_line_break_in_a_name_stays_out_of_the_header(alice: FlaskClient, complaint: Evidence) -> None:
    stored_file = store_file(io.BytesIO(b"Notes."), "note.txt")
    with transaction():
        attachment = attach_file(complaint, replace(stored_file, name="no\nte.txt"))
    path = f"/evidence/{complaint.id}/files/{attachment.id}"
    assert fetch(alice, path).headers["Content-Disposition"] == "attachment; filename=note.txt"


@pytest.mark.parametrize(
    ("name", "content"),
    [("note.txt", b"alert(1)"), ("scan.pdf", files.pdf())],
)
def test_asking_to_show_a_document_still_downloads_it(
    alice: FlaskClient, complaint: Evidence, name: str, content: bytes
) -> None:
    answer = fetch(alice, f"{attach(complaint, content, name)}?show=1")
    assert answer.headers["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("call.jpg", files.picture("JPEG", (3000, 2000), exif=Image.Exif(), comment=b"<script>alert(1)</script>")),
        ("board.png", files.picture("PNG", (3000, 2000))),
        ("IMG_1.heic", files.heic()),
    ],
)
def test_an_image_is_shown_re_encoded(alice: FlaskClient, complaint: Evidence, name: str, content: bytes) -> None:
    answer = fetch(alice, f"{attach(complaint, content, name)}?show=1")
    image = Image.open(io.BytesIO(answer.data))
    assert answer.mimetype == "image/jpeg"
    assert image.format == "JPEG"
    assert max(image.size) <= 1600
    assert b"<script>" not in answer.data
    assert not image.getexif()


def test_an_image_is_shown_upright(alice: FlaskClient, complaint: Evidence) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    answer = fetch(alice, f"{attach(complaint, files.picture('JPEG', (400, 200), exif=exif), 'held.jpg')}?show=1")
    assert Image.open(io.BytesIO(answer.data)).size == (200, 400)


def test_transparent_pixels_become_white(alice: FlaskClient, complaint: Evidence) -> None:
    sink = io.BytesIO()
    Image.new("RGBA", (20, 20), (0, 0, 0, 0)).save(sink, "PNG")
    answer = fetch(alice, f"{attach(complaint, sink.getvalue(), 'sign.png')}?show=1")
    assert Image.open(io.BytesIO(answer.data)).getpixel((10, 10)) == (255, 255, 255)


def test_a_grey_image_of_16_bits_keeps_its_tones(alice: FlaskClient, complaint: Evidence) -> None:
    answer = fetch(alice, f"{attach(complaint, files.case('grey16.png'), 'grey16.png')}?show=1")
    assert Image.open(io.BytesIO(answer.data)).convert("L").getpixel((100, 100)) == 117, "30,000 of 65,535"
    sink = io.BytesIO()
    ramp = b"".join(struct.pack("<H", x * 8) for x in range(8192)) * 50
    Image.frombytes("I;16", (8192, 50), ramp).save(sink, "PNG")
    answer = fetch(alice, f"{attach(complaint, sink.getvalue(), 'ramp.png')}?show=1")
    image = Image.open(io.BytesIO(answer.data)).convert("L")
    assert image.width == 1600
    for x in (0, 400, 800, 1200, 1599):
        assert abs(image.getpixel((x, 5)) - x * 255 / 1599) < 4


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_webp_image_is_decoded_once_and_shown_upright(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, orientation: int
) -> None:
    decoded = []
    get_next = WebPImagePlugin.WebPImageFile._get_next
    monkeypatch.setattr(
        WebPImagePlugin.WebPImageFile, "_get_next", lambda image: decoded.append(1) or get_next(image)
    )
    exif = Image.Exif()
    exif[0x0112] = orientation
    (tmp_path / "photo.webp").write_bytes(files.picture("WEBP", (3200, 1600), exif=exif))
    image_subprocess.main(str(tmp_path / "photo.webp"), str(tmp_path / "photo.jpg"))
    assert len(decoded) == 1
    with Image.open(tmp_path / "photo.jpg") as image:
        assert image.size == ((1600, 800) if orientation == 1 else (800, 1600))


def test_a_video_that_some_browsers_show_without_a_picture_says_so(alice: FlaskClient, complaint: Evidence) -> None:
    path = attach(complaint, files.case("hevc.mov"), "hevc.mov")
    page = alice.get(f"/evidence/{complaint.id}").text
    assert "This video is in the HEVC format, which some browsers play without a picture." in page
    assert "<video" in page
    assert fetch(alice, f"{path}?show=1").mimetype == "video/mp4", "the name under which browsers play QuickTime"
    assert fetch(alice, path).mimetype == "video/quicktime"


def test_a_recording_is_sent_in_ranges(alice: FlaskClient, complaint: Evidence) -> None:
    content = files.mp3()
    answer = fetch(alice, f"{attach(complaint, content, 'call.mp3')}?show=1", Range="bytes=10-19")
    assert answer.status_code == 206
    assert answer.data == content[10:20]
    assert answer.mimetype == "audio/mpeg"
    assert not answer.headers.get("Content-Disposition", "").startswith("attachment")


def test_a_missing_file_shows_an_error(alice: FlaskClient, complaint: Evidence) -> None:
    path = attach(complaint, b"Notes.", "n.txt")
    stored_path(complaint.attachments[0].sha256).unlink()
    answer = fetch(alice, path)
    assert answer.status_code == 404
    assert "missing from the file store" in answer.text


def test_an_image_is_re_encoded_once(alice: FlaskClient, complaint: Evidence, store: Path) -> None:
    path = attach(complaint, files.picture(), "call.jpg")
    first = fetch(alice, f"{path}?show=1").data
    written_at = next(store.rglob("*.preview.jpg")).stat().st_mtime_ns
    assert fetch(alice, f"{path}?show=1").data == first
    assert next(store.rglob("*.preview.jpg")).stat().st_mtime_ns == written_at


def test_assessors_and_verifiers_read_submitted_files(world: World, client: ClientFor, complaint: Evidence) -> None:
    path = attach(complaint, b"Notes.", "n.txt")
    assert fetch(client(world.bob), sealed(world.cfacc15, path)).status_code == 404, "a draft is Alice's alone"
    submit_item(complaint, world)
    for person in (world.bob, world.carol, world.alice):
        assert fetch(client(person), sealed(world.cfacc15, path)).data == b"Notes."
    assert fetch(client(world.bob), sealed(world.inscc004, path)).status_code == 404, "it claims nothing there"


def test_a_file_added_after_submission_is_sealed_in_the_next_version(
    world: World, client: ClientFor, complaint: Evidence
) -> None:
    submit_item(complaint, world)
    new_attachment = attach(complaint, b"Later.", "later.txt")
    assert fetch(client(world.bob), sealed(world.cfacc15, new_attachment)).status_code == 404
    submit_item(complaint, world)
    assert fetch(client(world.bob), sealed(world.cfacc15, new_attachment)).data == b"Later."


def test_administrators_and_outsiders_read_no_files(world: World, client: ClientFor, complaint: Evidence) -> None:
    path = sealed(world.cfacc15, attach(complaint, b"Notes.", "n.txt"))
    submit_item(complaint, world)
    assert fetch(client(world.dan), path).status_code in {403, 404}
    for person in (world.eve, world.frank, world.grace, world.heidi):
        assert fetch(client(person), path).status_code == 404


def test_another_candidates_file_is_not_read_through_ones_own_attempt(
    world: World, client: ClientFor, complaint: Evidence
) -> None:
    path = attach(complaint, b"Notes.", "n.txt")
    submit_item(complaint, world)
    assert fetch(client(world.grace), sealed(world.franks_attempt, path)).status_code == 404
