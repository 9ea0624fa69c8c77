"""Vulnerabilities published about similar products and their libraries, by their CVE numbers."""

import io
from collections.abc import Callable
from pathlib import Path

import html5lib
import pytest
from flask import Flask
from flask.testing import FlaskClient
from marshmallow import ValidationError
from sqlalchemy import func, select

from tests import factories
from tests.accounts.conftest import emails_to, mail_server
from tests.factories import PASSWORD, World
from tests.portfolio.files import docx, picture
from tests.proof.proof_size import record_figures
from tests.recording_forms.example_form import build_filled_form
from tracker.accounts.services.people import deactivate_person
from tracker.errors import FormNotRendered, Invalid, TrackerError
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Attachment, Evidence, Notification, Person
from tracker.portfolio.services.files import attach_file, store_file
from tracker.recording_forms import rendering
from tracker.recording_forms.rendering import render_form_pdf
from tracker.unit_reader.sandboxed_reader import read_document
from tracker.units.schema import UnitSchema
from tracker.units.standards_folder import parse_document

pytestmark = pytest.mark.one_database

Browser = Callable[[Person], FlaskClient]
assert mail_server
assert emails_to


@pytest.fixture(autouse=True)
def store(app: Flask, tmp_path: Path) -> None:
    app.config["ATTACHMENTS_PATH"] = tmp_path / "attachments"
    record_figures(reported_cases=1)


@pytest.fixture
def franks(world: World) -> dict[str, int]:
    """The ids of Frank's submitted item at Southbank and its file."""
    with transaction():
        evidence = factories.make_evidence(world.franks_attempt, "Zanzibar", narrative="Zanzibar narrative")
        attachment = attach_file(evidence, store_file(io.BytesIO(b"Zanzibar inside"), "zanzibar.txt"))
        factories.claim(world.franks_attempt, evidence, "5")
        factories.submit(evidence)
    return {"evidence": evidence.id, "attachment": attachment.id, "attempt": world.franks_attempt.id}


def make_item(world: World) -> Evidence:
    with transaction():
        return factories.make_evidence(world.cfacc15, "Call of 5 October")


class TestAnothersEvidence:
    def test_mahara_cve_2009_2171_a_file_is_not_read_by_its_number(
        self, world: World, client: Browser, franks: dict[str, int]
    ) -> None:
        own_item = make_item(world)
        for item in (franks["evidence"], own_item.id):
            answer = client(world.alice).get(f"/evidence/{item}/files/{franks['attachment']}")
            assert answer.status_code == 404
            assert b"Zanzibar" not in answer.data

    def test_mahara_cve_2013_4429_a_file_is_not_attached_by_its_number(
        self, world: World, client: Browser, franks: dict[str, int]
    ) -> None:
        own_item = make_item(world)
        body = {
            "title": "Mine",
            "version": own_item.version,
            "attachment": franks["attachment"],
            "files": franks["attachment"],
        }
        client(world.alice).post(f"/evidence/{own_item.id}/edit", data=body)
        evidence_id = db.session.scalars(
            select(Attachment.evidence_id).where(Attachment.id == franks["attachment"])
        ).one()
        assert evidence_id == franks["evidence"]
        assert not db.session.scalars(select(Attachment.id).where(Attachment.evidence_id == own_item.id)).all()

    def test_mahara_cve_2013_4432_an_item_is_not_changed_by_its_number(
        self, world: World, client: Browser, franks: dict[str, int]
    ) -> None:
        alice = client(world.alice)
        for act in ("edit", "draft", "discard", "withdraw", "submit", "criteria"):
            assert alice.post(f"/evidence/{franks['evidence']}/{act}", data={"title": "Taken"}).status_code == 404
        assert db.session.get_one(Evidence, franks["evidence"]).title == "Zanzibar"

    def test_mahara_cve_2026_42162_an_export_holds_nobody_elses_things(
        self, world: World, client: Browser, franks: dict[str, int]
    ) -> None:
        alice = client(world.alice)
        for path in ("/evidence/index.pdf", f"/attempts/{world.cfacc15.id}/form.pdf"):
            assert b"Zanzibar" not in alice.get(path).data
        for path in (
            f"/attempts/{franks['attempt']}/form.pdf",
            f"/registrations/{world.franks_attempt.registration_id}/index.pdf",
        ):
            assert alice.get(path).status_code == 404

    @pytest.mark.usefixtures("franks")
    def test_moodle_cve_2013_2079_the_second_page_is_asked_about_too(self, world: World, client: Browser) -> None:
        for person in (world.alice, world.bob, world.carol, world.dan):
            for path in ("/queue", "/candidates", "/people", "/registrations", "/evidence", "/verification"):
                for page in ("2", "0", "-1"):
                    assert b"Zanzibar" not in client(person).get(f"{path}?page={page}").data

    def test_moodle_cve_2016_8644_nobody_acts_for_another_by_naming_them(self, world: World, client: Browser) -> None:
        before = (world.frank.name, world.frank.email, world.frank.password_hash)
        body = {"person": world.frank.id, "person_id": world.frank.id, "name": "Taken", "email": "taken@example.org",
                "password": PASSWORD, "new_password": "seven quiet otters"}  # fmt: skip
        client(world.alice).post("/account", data=body)
        db.session.expire_all()
        assert (world.frank.name, world.frank.email, world.frank.password_hash) == before


class TestWhatIsShown:
    def test_mahara_cve_2018_6182_text_is_made_harmless_where_it_is_shown(
        self, world: World, client: Browser
    ) -> None:
        """The text is escaped when shown, even if it did not pass a form."""
        with transaction():
            item = factories.make_evidence(
                world.cfacc15, "<script>alert(1)</script>", narrative="<img src=x onerror=alert(1)>"
            )
        page = html5lib.parse(client(world.alice).get(f"/evidence/{item.id}").text, namespaceHTMLElements=False)
        assert all(script.get("src") for script in page.iter("script"))
        assert not [each for each in page.iter() if each.get("onerror")]

    @pytest.mark.parametrize("name", ["cve_2012_2243.svg", "cve_2012_2243.xhtml", "cve_2012_2243.txt"])
    def test_mahara_cve_2012_2243_and_indico_cve_2026_25739_pages_and_vectors_are_never_shown(
        self, world: World, client: Browser, name: str
    ) -> None:
        item, alice = make_item(world), client(world.alice)
        for content in (b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', b"<html><script>alert(1)</script>",
                        picture() + b"<script>alert(1)</script>"):  # fmt: skip
            answer = alice.post(f"/evidence/{item.id}/files", data={"file": (io.BytesIO(content), name)})
            if answer.status_code == 201:
                download = alice.get(answer.get_json()["url"])
                assert download.headers["Content-Disposition"].startswith("attachment")
                assert download.mimetype in {"text/plain", "image/jpeg"}  # by content, not by name
                assert download.headers["X-Content-Type-Options"] == "nosniff"
                assert "sandbox" in download.headers["Content-Security-Policy"]
                download.close()

    def test_mahara_cve_2012_6037_a_heading_of_an_import_is_no_markup(self, world: World, client: Browser) -> None:
        sheet = "name,<script>alert(1)</script>,role\n=1+1,<img src=x onerror=alert(1)>,candidate\n"
        answer = client(world.dan).post(
            f"/centres/{world.northgate.id}/people/import", data={"file": (io.BytesIO(sheet.encode()), "people.csv")}
        )
        page = html5lib.parse(answer.text, namespaceHTMLElements=False)
        assert all(script.get("src") for script in page.iter("script"))
        assert not [each for each in page.iter("img") if each.get("onerror")]

    def test_no_page_can_be_laid_under_another_so_that_deleting_is_clicked_unseen(
        self, world: World, client: Browser
    ) -> None:
        answer = client(world.alice).get(f"/evidence/{make_item(world).id}")
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


class TestWhatIsRead:
    def test_mahara_cve_2012_2239_entities_of_a_document_are_refused(self) -> None:
        entities = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>'
        with pytest.raises(TrackerError):
            read_document("unit.docx", docx(word__document=entities))

    def test_weasyprint_cve_2025_68616_and_cve_2022_44544_and_hedgedoc_cve_2021_29475_printing_reads_no_file(
        self,
    ) -> None:
        words = '<img src="file:///etc/passwd"><link rel="attachment" href="file:///etc/passwd"><iframe src="file:///etc/passwd">'
        sheet = render_form_pdf(build_filled_form(rows=1, comments=words, candidate_name=words))
        assert b"root:x" not in sheet
        assert b"/EmbeddedFile" not in sheet

    @pytest.mark.parametrize(
        "markup",
        [
            '<img src="file:///etc/passwd">',
            '<link rel="attachment" href="file:///etc/passwd">',
            '<a rel="attachment" href="file:///etc/passwd">a file</a>',
            '<link rel="stylesheet" href="file:///etc/passwd">',
        ],
    )
    def test_the_same_reports_if_markup_ever_reached_the_renderer(self, markup: str) -> None:
        """Nobody's text is markup on a form. Here it is, and the fetcher refuses the address."""
        with pytest.raises(FormNotRendered):
            rendering._write_pdf(f"<html lang=en><title>Form</title><body>{markup}")

    def test_archives_that_grow_are_refused(self) -> None:
        with pytest.raises(Invalid):
            store_file(io.BytesIO(docx(word__x=b"\0" * 300_000_000)), "x.docx")

    def test_marshmallow_cve_2018_17175_and_cve_2025_68480_a_file_names_only_what_there_is(self) -> None:
        """Unknown fields are refused, and so is a list as long as a file can hold."""
        with pytest.raises(ValidationError):
            parse_document("code: X1\ntitle: X\nis_admin: true\n", UnitSchema())
        with pytest.raises(ValidationError):
            parse_document("[" + "{}," * 200_000 + "]", UnitSchema())


class TestRequests:
    def test_open_redirect_cve_2024_45399_next_is_no_script(self, app: Flask, world: World) -> None:
        answer = app.test_client().post(
            "/sign-in?next=javascript:alert(1)", data={"email": world.alice.email, "password": PASSWORD}
        )
        assert answer.location == "/"

    def test_flask_cve_2023_30861_every_page_varies_by_cookie(self, world: World, client: Browser) -> None:
        answer = client(world.alice).get("/account")
        assert "Cookie" in answer.headers["Vary"]
        assert "no-store" in answer.headers["Cache-Control"]

    def test_werkzeug_cve_2023_25577_a_body_of_thousands_of_parts_is_refused(self, app: Flask) -> None:
        parts = b"".join(b'--x\r\nContent-Disposition: form-data; name="a%d"\r\n\r\n1\r\n' % n for n in range(1_500))
        answer = app.test_client().post(
            "/sign-in", data=parts + b"--x--\r\n", content_type="multipart/form-data; boundary=x"
        )
        assert answer.status_code == 413

    def test_indico_a_reset_link_begins_with_our_own_name(self, app: Flask, world: World) -> None:
        answer = app.test_client().post(
            "/forgotten-password", data={"email": world.alice.email}, headers={"Host": "evil.example"}
        )
        assert answer.status_code == 400
        assert not db.session.scalar(select(func.count(Notification.id)))


def test_mahara_cve_2016_5014_nothing_reaches_who_may_no_longer_see_it(
    app: Flask, world: World, client: Browser, emails_to: Callable[..., list[str]]
) -> None:
    """A former assessor gets nothing through an open session or by email."""
    bob = client(world.bob)
    item = make_item(world)
    with transaction():
        factories.claim(world.cfacc15, item, "5")
        deactivate_person(world.bob)
    assert bob.get("/queue").status_code == 302
    client(world.alice).post(f"/evidence/{item.id}/submit", data={"declared": "y"})
    assert emails_to(world.bob) == []
