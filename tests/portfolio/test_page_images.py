"""Pages of a PDF shown as images; a PDF that cannot be opened can still be downloaded."""

import io
import sys
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import delete

from tests.factories import World
from tests.portfolio import files
from tests.portfolio.conftest import ClientFor
from tests.portfolio.test_download import attach, fetch, sealed, submit_item
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Evidence, FileDetail
from tracker.portfolio import page_images

pytestmark = pytest.mark.one_database

XFA = b"/AcroForm << /Fields [] /XFA [(template) 4 0 R] >> >>\nendobj\n4 0 obj\n<< /Length 7 >>\nstream\n<xdp/>\n\nendstream"
PORTFOLIO = b"/Collection << >> /Names << /EmbeddedFiles << /Names [(a.txt) 4 0 R] >> >> >>\nendobj\n4 0 obj\n<< /Type /Filespec /F (a.txt) >>"


def sheets(count: int) -> bytes:
    sink = io.BytesIO()
    first, *rest = [Image.new("RGB", (595, 842), color) for color in ("red", "green", "blue")[:count]]
    first.save(sink, "PDF", save_all=True, append_images=rest)
    return sink.getvalue()


def test_each_page_is_shown_as_an_image(alice: FlaskClient, complaint: Evidence) -> None:
    path = attach(complaint, sheets(3), "minutes.pdf")
    page = alice.get(f"/evidence/{complaint.id}").text
    assert 'alt="minutes.pdf, page 1 of 3"' in page
    assert "2 more pages" in page
    answer = fetch(alice, f"{path}?page=2")
    picture = Image.open(io.BytesIO(answer.data))
    assert answer.mimetype == "image/jpeg"
    assert max(picture.size) == 1800
    red, green, blue = picture.getpixel((500, 500))
    assert green > 100 > max(red, blue)
    assert fetch(alice, path).mimetype == "application/pdf", "and the file itself is still the file"


@pytest.mark.parametrize("page", ["0", "4", "-1", "x", "999999999999999999999"])
def test_a_page_that_does_not_exist_is_not_found(alice: FlaskClient, complaint: Evidence, page: str) -> None:
    path = attach(complaint, sheets(3), "minutes.pdf")
    assert fetch(alice, f"{path}?page={page}").status_code == 404


def test_a_page_is_rendered_once(alice: FlaskClient, complaint: Evidence, monkeypatch: pytest.MonkeyPatch) -> None:
    path = attach(complaint, sheets(1), "minutes.pdf")
    first = fetch(alice, f"{path}?page=1").data
    monkeypatch.setattr(page_images.RENDERER, "interpreter", ["/nowhere"])
    assert fetch(alice, f"{path}?page=1").data == first


def test_a_pdf_without_its_details_is_a_download(alice: FlaskClient, complaint: Evidence) -> None:
    path = attach(complaint, files.pdf(), "odd.pdf")
    with transaction():
        db.session.execute(delete(FileDetail))
    assert "?page=" not in alice.get(f"/evidence/{complaint.id}").text
    assert fetch(alice, path).data == files.pdf()
    assert fetch(alice, f"{path}?page=1").status_code == 404


def test_a_pdf_over_the_page_limit_says_how_many_pages_are_shown(alice: FlaskClient, complaint: Evidence) -> None:
    attach(complaint, files.case("p120.pdf"), "p120.pdf")
    page = alice.get(f"/evidence/{complaint.id}").text
    assert "The first 60 of 120 pages are shown." in page
    assert "Download all 120 pages" in page


@pytest.mark.parametrize("name", ["form_ap.pdf", "form_noap.pdf", "form_noap_need.pdf"])
def test_a_page_shows_what_was_filled_in_a_form(alice: FlaskClient, complaint: Evidence, name: str) -> None:
    path = attach(complaint, files.case(name), name)
    image = Image.open(io.BytesIO(fetch(alice, f"{path}?page=1").data)).convert("L")
    scale = image.height / 842
    field = image.crop(tuple(round(scale * side) for side in (52, 842 - 638, 300, 842 - 602)))
    darkest, _ = field.getextrema()
    assert darkest < 80, "“I SAW HER DO IT” is written in the field"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (files.pdf().replace(b"/Pages 2 0 R >>", b"/Pages 2 0 R " + XFA, 1), "This PDF is an XFA form"),
        (
            files.pdf().replace(b"/Pages 2 0 R >>", b"/Pages 2 0 R " + PORTFOLIO, 1),
            "This PDF has other files inside it",
        ),
    ],
    ids=["xfa", "portfolio"],
)
def test_a_pdf_whose_content_is_elsewhere_says_so(
    alice: FlaskClient, complaint: Evidence, content: bytes, sentence: str
) -> None:
    attach(complaint, content, "form.pdf")
    assert sentence in alice.get(f"/evidence/{complaint.id}").text


def test_rendering_of_a_page_that_takes_too_long_is_stopped(
    alice: FlaskClient, complaint: Evidence, monkeypatch: pytest.MonkeyPatch, store: Path, tmp_path: Path
) -> None:
    path = attach(complaint, sheets(1), "minutes.pdf")
    slow = tmp_path / "slow.py"
    slow.write_text("import time; time.sleep(30)")
    monkeypatch.setattr(page_images.RENDERER, "interpreter", [sys.executable, str(slow)])
    monkeypatch.setattr(page_images.RENDERER, "timeout_seconds", 0.3)
    answer = fetch(alice, f"{path}?page=1")
    assert answer.status_code == 404
    assert "Download the file instead" in answer.text
    assert not list(store.rglob("*.tmp"))


def test_a_huge_page_is_rendered_no_larger(alice: FlaskClient, complaint: Evidence) -> None:
    wide = sheets(1)
    assert b"595.0" in wide
    path = attach(complaint, wide.replace(b"595.0", b"99999"), "wide.pdf")
    answer = fetch(alice, f"{path}?page=1")
    assert answer.status_code == 200
    assert max(Image.open(io.BytesIO(answer.data)).size) <= 1801


def test_only_readers_of_the_attempt_see_the_pages(world: World, client: ClientFor, complaint: Evidence) -> None:
    path = sealed(world.cfacc15, attach(complaint, sheets(1), "minutes.pdf"))
    assert fetch(client(world.bob), f"{path}?page=1").status_code == 404
    submit_item(complaint, world)
    assert fetch(client(world.bob), f"{path}?page=1").status_code == 200
    for person in (world.eve, world.frank, world.grace):
        assert fetch(client(person), f"{path}?page=1").status_code == 404
