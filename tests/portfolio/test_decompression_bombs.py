"""Files that become very large when decoded: refused with a sentence, or shown within the limits of a subprocess.

Nothing that a person uploads is decoded in the server's own process.
"""

import io
import zipfile
from collections.abc import Callable

import olefile  # type: ignore[import-untyped]  # it carries no types
import pypdfium2  # type: ignore[import-untyped]  # it carries no types
import pytest
from flask.testing import FlaskClient
from lxml import etree
from PIL import Image

from tests.portfolio import bombs, files
from tests.portfolio.test_download import attach, fetch
from tracker.models import Evidence
from tracker.portfolio import image_previews, page_images
from tracker.portfolio.file_types import CHECKER, DECODER_SLOTS
from tracker.portfolio.text_previews import TEXT_READER
from tracker.sandbox.limits import MEGABYTE, Limits

pytestmark = pytest.mark.one_database

SMALLER = "Save it smaller, or as an ordinary JPEG, and upload that."
DECODERS = (CHECKER, image_previews.REDUCER, page_images.RENDERER, TEXT_READER)


MANY = "the image has more pixels than can be shown. "
REFUSED = {
    "wall.png": (lambda: bombs.png(9_000, 9_000), f"the image has more than 80 million pixels. {SMALLER}"),
    "sky.png": (lambda: bombs.png(60_000, 60_000, channels=1)[:90_000], MANY + SMALLER),
    "photo.jpg": (lambda: bombs.jpeg(15_000, 15_000), MANY + SMALLER),
    "web.jpg": (
        lambda: bombs.jpeg(10_000, 10_000, progressive=True),
        f"the image has more than 70 million pixels. {SMALLER}",
    ),
    "scans.jpg": (lambda: bombs.jpeg_in_several_scans(14_000, 14_000, subsampling=0), "Take or save it again."),
    "a.webp": (lambda: files.huge_webp(8_900, 8_900), MANY + SMALLER),
    "IMG_1.heic": (lambda: bombs.heic(16_000, 16_000), SMALLER),
    "log.docx": (lambda: bombs.docx(60 * MEGABYTE), "its content is too large when unpacked. Save it again."),
}
"""How to make each bomb, and what its reader is told."""


@pytest.mark.parametrize("name", REFUSED)
def test_a_bomb_is_refused_with_what_to_do_and_the_item_is_kept(
    alice: FlaskClient, complaint: Evidence, name: str
) -> None:
    make, sentence = REFUSED[name]
    content = make()
    assert len(content) < 400_000
    upload = {"file": (io.BytesIO(content), name)}
    answer = alice.post(f"/evidence/{complaint.id}/files", data=upload, headers={"Accept": "application/json"})
    assert answer.status_code == 422
    assert answer.json["message"].startswith(f"“{name}” was not added: ")
    assert answer.json["message"].endswith(sentence)
    assert complaint.title in alice.get(f"/evidence/{complaint.id}").text


LARGEST = {
    "wall.png": (lambda: bombs.png(8_900, 8_900), (1600, 1600)),
    "a.webp": (lambda: files.huge_webp(5_100, 5_100), (1600, 1600)),
    "photo.jpg": (bombs.photo, (1600, 1200)),
}
"""How to make each picture, and the size in which it is shown."""


@pytest.mark.parametrize("name", LARGEST)
def test_the_largest_pictures_that_are_accepted_are_shown_within_the_limits(
    alice: FlaskClient, complaint: Evidence, name: str
) -> None:
    make, size = LARGEST[name]
    answer = fetch(alice, f"{attach(complaint, make(), name)}?show=1")
    assert answer.status_code == 200
    with Image.open(io.BytesIO(answer.data)) as image:
        assert image.size == size


def test_a_page_with_a_very_large_picture_is_shown_within_the_limits(alice: FlaskClient, complaint: Evidence) -> None:
    answer = fetch(alice, f"{attach(complaint, bombs.pdf(12_000, 12_000), 'plan.pdf')}?page=1")
    assert answer.status_code == 200
    with Image.open(io.BytesIO(answer.data)) as image:
        assert max(image.size) == 400


def test_a_picture_that_reaches_a_limit_is_still_sent_as_it_is(
    alice: FlaskClient, complaint: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = attach(complaint, files.picture(size=(4_000, 3_000)), "call.jpg")
    monkeypatch.setattr(image_previews.REDUCER, "limits", Limits(address_space=40 * MEGABYTE))
    answer = fetch(alice, f"{path}?show=1")
    assert answer.status_code == 404
    assert "This image cannot be shown. Download it instead." in answer.text
    assert fetch(alice, path).data == files.picture(size=(4_000, 3_000))


def test_decoders_share_two_slots_and_have_limits_on_memory_and_time() -> None:
    assert DECODER_SLOTS.count == 2
    for decoder in DECODERS:
        assert decoder.slots is DECODER_SLOTS
        assert decoder.limits.address_space
        assert decoder.limits.address_space <= 1024 * MEGABYTE
        assert decoder.limits.cpu_seconds
        assert decoder.limits.file_size


def test_a_picture_waits_while_other_files_are_decoded(
    alice: FlaskClient, complaint: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = attach(complaint, files.picture(), "call.jpg")
    monkeypatch.setattr(image_previews.REDUCER, "timeout_seconds", 0)
    with DECODER_SLOTS.take(1), DECODER_SLOTS.take(1):
        answer = fetch(alice, f"{path}?show=1")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "30"
    assert "Other files are being opened at the moment. Nothing was changed. Try again in a minute." in answer.text


def forbid_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace each decoder in this process, which is the server's, by one that fails."""

    def fail(*_arguments: object, **_options: object) -> None:
        raise AssertionError("decoded in the server's process")

    places: list[tuple[object, str]] = [(Image, "open"), (pypdfium2, "PdfDocument"), (zipfile, "ZipFile")]
    places += [(olefile, "OleFileIO"), (etree, "fromstring"), (etree, "iterparse")]
    for module, name in places:
        monkeypatch.setattr(module, name, fail)


@pytest.mark.parametrize(
    ("name", "make", "query"),
    [
        ("call.jpg", files.picture, "show=1"),
        ("IMG_1.heic", files.heic, "show=1"),
        ("a.webp", lambda: files.case("a.webp"), "show=1"),
        ("scan.pdf", files.pdf, "page=1"),
        ("log.docx", files.docx, ""),
        ("message.msg", lambda: files.compound("__properties_version1.0"), ""),
        ("mail.eml", lambda: b"From: a@example.org\nSubject: x\n\nThanks for sorting it", "show=1"),
        ("clip.mp4", files.movie, "show=1"),
    ],
)
def test_nothing_is_decoded_in_the_servers_process(
    alice: FlaskClient,
    complaint: Evidence,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    make: Callable[[], bytes],
    query: str,
) -> None:
    content = make()
    forbid_decoding(monkeypatch)
    upload = {"file": (io.BytesIO(content), name)}
    answer = alice.post(f"/evidence/{complaint.id}/files", data=upload, headers={"Accept": "application/json"})
    assert answer.status_code == 201
    if query:
        assert fetch(alice, f"{answer.json['url']}?{query}").status_code == 200
