"""Issued forms: issued once for a verified unit, sealed, stored, and verified by file or by code."""

import io
import re
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.assessment import workflow
from tests.factories import World
from tests.integrity.tampering import list_violations, tampering_transaction
from tests.recording_forms.tagged_pdf import Sheet
from tracker import clock
from tracker.extensions import db
from tracker.ledger import keys
from tracker.ledger.transactions import transaction
from tracker.models import IssuedForm, Person
from tracker.recording_forms import pdf_inspection
from tracker.recording_forms.codes import parse_code
from tracker.recording_forms.form_content import format_form_number
from tracker.recording_forms.form_verification import (
    FormVerdict,
    check_code,
    check_file,
    load_keys_from_folder,
    load_known_keys,
)
from tracker.recording_forms.issuing import PlannedIssue, plan_issue, render_issue
from tracker.recording_forms.pdf_seals import MAX_ATTACHMENTS, read_attachments
from tracker.recording_forms.snapshot import take_snapshot
from tracker.registrations.services import void_attempt
from tracker.storage import file_store
from tracker.verification.services.returning import reopen_verified
from tracker.verification.services.signing import sign_verification

Browser = Callable[[Person], FlaskClient]


@pytest.fixture
def verified(app_with_signing_key: Flask, world: World) -> World:
    """Bob signed Alice's CFACC15, she confirmed it, and Carol verified it unsampled."""
    workflow.sign(world, world.cfacc15, "A steady record.")
    workflow.confirm(world.cfacc15)
    verify(world)
    return world


@pytest.fixture
def issued(verified: World, client: Browser) -> bytes:
    """The form that Dan issued."""
    answer = client(verified.dan).post(f"{address(verified)}/issue")
    assert answer.status_code == 303
    return client(verified.alice).get(f"{address(verified)}.pdf").data


def address(world: World) -> str:
    return f"/attempts/{world.cfacc15.id}/form"


def verify(world: World) -> None:
    with transaction():
        seen, carol = take_snapshot(world.cfacc15).hash, factories.make_actor(world.carol)
        sign_verification(world.cfacc15, seen, carol, clock.now(), unsampled_reason="Not in this quarter's plan.")


def reopen(world: World) -> None:
    with transaction():
        reopen_verified(
            world.cfacc15,
            [factories.criterion(world.cfacc15, "1").id],
            "Look again.",
            factories.make_actor(world.carol),
        )


def seal(plan: PlannedIssue) -> bytes:
    """The PDF that this plan makes, sealed with the installation's key; nothing records it."""
    return file_store.read(render_issue(plan).file.sha256)


def of_forms(found: list[str]) -> list[str]:
    """What is said of forms: what the factories make is in no event, so that other checks have much to say."""
    return [each for each in found if "form" in each or each.startswith(("2: ", "20: ", "21: ", "22: "))]


def the_form() -> IssuedForm:
    db.session.rollback()
    return db.session.query(IssuedForm).one()


class TestIssuing:
    def test_a_verified_unit_has_the_button_to_issue_its_form(self, verified: World, client: Browser) -> None:
        assert "Issue the form" in client(verified.dan).get(address(verified)).text
        assert "Issue the form" not in client(verified.alice).get(address(verified)).text

    @pytest.mark.usefixtures("app_with_signing_key")
    def test_no_form_is_issued_before_the_unit_is_verified(self, world: World, client: Browser) -> None:
        dan = client(world.dan)
        assert "Issue the form" not in dan.get(address(world)).text
        answer = dan.post(f"{address(world)}/issue")
        assert (answer.status_code, db.session.query(IssuedForm).count()) == (409, 0)
        assert "Issue the form once the unit is verified" in answer.text

    def test_without_a_key_the_page_says_who_can_make_one(self, world: World, client: Browser) -> None:
        workflow.sign(world, world.cfacc15)
        workflow.confirm(world.cfacc15)
        verify(world)
        answer = client(world.dan).post(f"{address(world)}/issue")
        assert answer.status_code == 409
        assert "flask keys make" in answer.text

    @pytest.mark.usefixtures("issued")
    def test_issuing_is_recorded_in_the_ledger(self, recorded_acts: Callable[[], list[str]]) -> None:
        assert recorded_acts()[-1] == "form_issued"
        assert of_forms(list_violations()) == []

    def test_issuing_twice_issues_one_form(self, issued: bytes, verified: World, client: Browser) -> None:
        assert client(verified.carol).post(f"{address(verified)}/issue").status_code == 303
        assert the_form().sha256
        assert client(verified.dan).get(f"{address(verified)}.pdf").data == issued

    def test_an_issued_form_carries_the_signed_snapshot(self, issued: bytes, verified: World) -> None:
        attached = read_attachments(issued)
        snapshot = take_snapshot(verified.cfacc15)
        assert attached["snapshot.json"].decode() == snapshot.text
        code, _ = parse_code(attached["code.txt"].decode())
        assert (code.number, code.snapshot_hash) == (the_form().number, snapshot.hash)

    def test_an_issued_form_says_how_to_check_it_and_is_accessible(self, issued: bytes) -> None:
        sheet = Sheet(issued)
        assert "This file is sealed" in sheet.text
        root = sheet.reader.trailer["/Root"]
        assert b'pdfuaid:part="1"' in root["/Metadata"].get_object().get_data()
        assert [tag for tag, _ in sheet.tags].count("Figure") == 1
        (field,) = root["/AcroForm"]["/Fields"]
        assert field.get_object()["/TU"] == "Seal of the training centre’s record"
        assert field.get_object()["/F"] & 0b10  # hidden, or it would need a place in the order of reading

    def test_printing_gives_the_issued_bytes_whatever_changes(
        self, issued: bytes, verified: World, client: Browser
    ) -> None:
        with transaction():
            db.session.get_one(Person, verified.alice.id).name = "Alice Newname"
        assert client(verified.alice).get(f"{address(verified)}.pdf").data == issued

    def test_a_stored_file_that_was_changed_is_not_printed(
        self, issued: bytes, verified: World, client: Browser
    ) -> None:
        path = file_store.get_path(the_form().sha256)
        path.write_bytes(issued[:-1] + b" ")
        answer = client(verified.alice).get(f"{address(verified)}.pdf")
        assert answer.status_code == 404
        assert "the file is in the backup" in answer.text
        assert any("its file was changed" in each for each in list_violations())


class TestSuperseded:
    def test_reopening_supersedes_the_form(self, issued: bytes, verified: World, client: Browser) -> None:
        reopen(verified)
        form = the_form()
        assert form.superseded_at
        alice = client(verified.alice)
        assert alice.get(f"{address(verified)}.pdf").data != issued
        page = alice.get(address(verified)).text
        assert "Earlier issued forms" in page
        (link,) = re.findall(r'href="(/attempts/\d+/forms/\d+\.pdf)"', page)
        answer = alice.get(link)
        assert answer.data == issued
        assert "-superseded.pdf" in answer.headers["Content-Disposition"]
        assert check_file(issued, load_known_keys()).verdict is FormVerdict.SUPERSEDED
        assert of_forms(list_violations()) == []

    def test_the_form_of_a_void_attempt_is_not_current(self, issued: bytes, verified: World, client: Browser) -> None:
        with transaction():
            void_attempt(verified.cfacc15, "Registered twice.", factories.make_actor(verified.dan))
        assert check_file(issued, load_known_keys()).verdict is FormVerdict.SUPERSEDED
        dan = client(verified.dan)
        page = dan.get(address(verified)).text
        assert "the unit is void" in page
        assert re.search(r"round 1 · void\s*</p>", page), "no day that somebody signed something else"
        (link,) = re.findall(r'href="(/attempts/\d+/forms/\d+\.pdf)"', page)
        answer = dan.get(link)
        assert answer.data == issued
        assert "-superseded.pdf" in answer.headers["Content-Disposition"]

    @pytest.mark.usefixtures("issued")
    def test_a_superseded_form_marked_as_current_breaks_the_invariant(self, verified: World) -> None:
        reopen(verified)
        with tampering_transaction():
            db.session.query(IssuedForm).update({"superseded_at": None})
            assert any(each.startswith("22: ") for each in list_violations())

    @pytest.mark.usefixtures("issued")
    def test_a_form_is_not_found_under_another_attempt(self, verified: World, client: Browser) -> None:
        other = verified.inscc004.id
        assert client(verified.alice).get(f"/attempts/{other}/forms/{the_form().id}.pdf").status_code == 404


class TestVerifying:
    def test_the_issued_file_is_current(self, issued: bytes) -> None:
        answer = check_file(issued, load_known_keys())
        assert (answer.verdict, answer.form) == (FormVerdict.CURRENT, the_form())

    @pytest.mark.parametrize("place", [100, 9_000, -3_000, -1])
    def test_one_changed_byte_is_detected(self, issued: bytes, place: int) -> None:
        changed = bytearray(issued)
        changed[place] ^= 1
        answer = check_file(bytes(changed), load_known_keys())
        assert answer.verdict in {FormVerdict.CHANGED, FormVerdict.NOT_ISSUED_HERE}
        assert "current" not in answer.sentence

    def test_appended_bytes_are_detected_and_named(self, issued: bytes) -> None:
        answer = check_file(issued + b"\n%more\n", load_known_keys())
        assert answer.verdict is FormVerdict.CHANGED
        assert f"continues after byte {len(issued):,}" in answer.sentence

    def test_a_form_printed_but_not_issued_is_not_accepted(self, verified: World, client: Browser) -> None:
        pdf = client(verified.alice).get(f"{address(verified)}.pdf").data
        answer = check_file(pdf, load_known_keys())
        assert answer.verdict is FormVerdict.NOT_ISSUED_HERE
        assert "Ask the centre" in answer.sentence

    def test_the_public_keys_alone_verify_a_form(
        self, issued: bytes, app_with_signing_key: Flask, tmp_path: Path
    ) -> None:
        folder = tmp_path / "public-keys"
        folder.mkdir()
        for path in (
            *app_with_signing_key.config["KEYS_PATH"].glob("*.pub"),
            *app_with_signing_key.config["KEYS_PATH"].glob("*.crt"),
        ):
            (folder / path.name).write_bytes(path.read_bytes())
        assert check_file(issued, load_keys_from_folder(folder), offline=True).verdict is FormVerdict.SEALED_HERE
        changed = issued.replace(b"/Type", b"/Tyqe", 1)
        assert check_file(changed, load_keys_from_folder(folder), offline=True).verdict is not FormVerdict.SEALED_HERE

    def test_the_keys_of_another_installation_do_not_verify_it(self, issued: bytes) -> None:
        assert check_file(issued, {}).verdict is FormVerdict.NOT_ISSUED_HERE

    def test_the_code_alone_verifies_the_form(self, issued: bytes) -> None:
        code = read_attachments(issued)["code.txt"].decode()
        assert check_code(code, load_known_keys()).verdict is FormVerdict.CURRENT
        assert check_code(code, {}).verdict is FormVerdict.NOT_ISSUED_HERE
        other = code[:30] + ("A" if code[30] != "A" else "B") + code[31:]
        assert check_code(other, load_known_keys()).verdict is FormVerdict.NOT_ISSUED_HERE

    def test_a_code_whose_signature_was_changed_is_not_accepted(self, issued: bytes) -> None:
        code = read_attachments(issued)["code.txt"].decode()
        forged = code[:-20] + ("A" if code[-20] != "A" else "B") + code[-19:]
        assert parse_code(forged)[0] == parse_code(code)[0], "all details are those of the issued form"
        assert check_code(forged, load_known_keys()).verdict is FormVerdict.NOT_ISSUED_HERE
        verdict = check_file(pdf_carrying(forged.encode()), load_known_keys()).verdict
        assert verdict is FormVerdict.NOT_ISSUED_HERE, "whoever has no code of ours is told nothing of the form"

    @pytest.mark.parametrize(
        "changed", [{"round": 2}, {"snapshot_hash": "0" * 64}, {"ledger_size": 1}, {"ledger_head": "0" * 64}]
    )
    def test_a_signed_code_that_contradicts_the_record_is_not_accepted(
        self, issued: bytes, changed: dict[str, Any]
    ) -> None:
        code, _ = parse_code(read_attachments(issued)["code.txt"].decode())
        other = replace(code, **changed)
        signed = other.text(keys.sign(other.key, other.body))
        assert check_code(signed, load_known_keys()).verdict is FormVerdict.NOT_ISSUED_HERE

    def test_a_sealed_file_with_another_snapshot_than_its_code_is_not_accepted(self, verified: World) -> None:
        plan = plan_issue(verified.cfacc15)
        assert plan.content.issue
        issue = replace(plan.content.issue, snapshot='{"unit":"another"}')
        answer = check_file(seal(replace(plan, content=replace(plan.content, issue=issue))), load_known_keys())
        assert answer.verdict is FormVerdict.CHANGED
        assert "the signed content in it is not the one its code names" in answer.sentence

    def test_a_file_sealed_with_another_key_than_its_code_is_not_accepted(self, verified: World) -> None:
        plan = plan_issue(verified.cfacc15)
        with transaction():
            other = keys.make_key()
        resealed = replace(plan, certificate=other.certificate, code=replace(plan.code, key=other.name))
        answer = check_file(seal(resealed), load_known_keys())
        assert answer.verdict is FormVerdict.CHANGED
        assert "its code and its seal were made with different keys" in answer.sentence

    @pytest.mark.usefixtures("app")
    @pytest.mark.parametrize("code", ["x", "%00", "é", "A" * 216, "=" * 50])
    def test_an_invalid_code_is_not_accepted(self, code: str) -> None:
        assert check_code(code, load_known_keys()).verdict is FormVerdict.NOT_ISSUED_HERE


class TestUntrustedFiles:
    def test_a_file_with_only_the_code_reveals_no_byte_of_the_form(self, issued: bytes) -> None:
        """Else someone with a photo of the QR code could guess the form byte by byte."""
        code = read_attachments(issued)["code.txt"]
        answer = check_file(pdf_carrying(code, begin=issued[:500]), load_known_keys())
        assert answer.verdict is FormVerdict.CHANGED
        assert answer.sentence == "This form was changed after it was issued. Do not rely on it."

    def test_only_the_first_attachments_are_read(self) -> None:
        assert len(read_attachments(pdf_carrying(b"words", times=1000))) == MAX_ATTACHMENTS

    def test_a_file_beyond_the_queue_is_refused_at_once(
        self, anonymous: FlaskClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        line = threading.BoundedSemaphore(1)
        line.acquire()
        monkeypatch.setattr(pdf_inspection.INSPECTOR, "queue", line)
        answer = anonymous.post("/verify", data={"file": (io.BytesIO(b"%PDF-1.7\n"), "form.pdf")})
        assert "Other files are being checked at the moment" in answer.text

    def test_a_visitor_cannot_fill_the_disk(self, world: World, app: Flask, client: Browser) -> None:
        head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="form.pdf"\r\n\r\n'
        large = head + bytes(13 * 1024 * 1024) + b"\r\n--x--\r\n"
        kind = "multipart/form-data; boundary=x"
        for path in ("/verify", "/sign-in"):
            assert app.test_client().post(path, data=large, content_type=kind).status_code == 413
        assert "larger than 10 MB" in client(world.alice).post("/verify", data=large, content_type=kind).text


def pdf_carrying(code: bytes, *, begin: bytes = b"%PDF-1.7\n", times: int = 1) -> bytes:
    """A PDF that nobody issued, with these bytes attached as its code."""
    names = b"".join(b"(%s) 3 0 R " % (b"code.txt" if not at else b"%d" % at) for at in range(times))
    pdf, places = begin + b"\n", []
    for number, body in enumerate(
        (
            b"<</Type/Catalog/Pages 2 0 R/Names<</EmbeddedFiles<</Names[%s]>>>>>>" % names,
            b"<</Type/Pages/Kids[]/Count 0>>",
            b"<</Type/Filespec/F(code.txt)/EF<</F 4 0 R>>>>",
            b"<</Length %d>>stream\n%s\nendstream" % (len(code), code),
        ),
        1,
    ):
        places.append(len(pdf))
        pdf += b"%d 0 obj%s endobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return pdf + b"xref\n0 5\n0000000000 65535 f \n%strailer<</Size 5/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (
        table,
        len(pdf),
    )


class TestPublicPage:
    def check(self, browser: FlaskClient, content: bytes) -> str:
        return browser.post("/verify", data={"file": (io.BytesIO(content), "form.pdf")}).text

    def test_everyone_sees_that_a_form_is_current_but_not_whose_it_is(
        self, issued: bytes, anonymous: FlaskClient
    ) -> None:
        page = self.check(anonymous, issued)
        assert "Issued here and current" in page
        assert "Northgate" in page
        assert "Alice" not in page

    def test_the_page_shows_the_number_printed_on_the_form(self, issued: bytes, anonymous: FlaskClient) -> None:
        number = format_form_number(db.session.scalars(select(IssuedForm.number)).one())
        assert number in Sheet(issued).text
        assert number in self.check(anonymous, issued)

    def test_the_qr_code_leads_to_the_page(self, issued: bytes, anonymous: FlaskClient) -> None:
        code = read_attachments(issued)["code.txt"].decode()
        page = anonymous.get(f"/verify?code={code}").text
        assert "Issued here and current" in page
        assert "Alice" not in page
        assert "unchanged and current" not in page, "the code does not cover the paper around it"
        assert "upload the PDF file" in page

    def test_a_reader_of_the_attempt_gets_a_link_to_it(self, issued: bytes, verified: World, client: Browser) -> None:
        assert "CFACC15, Alice" in self.check(client(verified.bob), issued)
        assert "Alice" not in self.check(client(verified.grace), issued)

    def test_a_file_that_is_no_pdf_is_refused_with_a_sentence(self, anonymous: FlaskClient) -> None:
        assert "The file is not a PDF" in self.check(anonymous, b"MZ hello")
        assert "Choose the PDF file" in anonymous.post("/verify", data={}).text

    @pytest.mark.parametrize(
        "content",
        [
            b"%PDF-1.7\n",
            b"%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 1 0 R>>endobj\ntrailer<</Root 1 0 R>>\nstartxref\n9\n%%EOF",
            b"%PDF-1.7\n" + b"[" * 200_000,
            b"%PDF-1.7\nxref\n0 99999999\n" + b"0" * 1000,
        ],
    )
    def test_a_hostile_file_is_not_accepted(self, anonymous: FlaskClient, content: bytes) -> None:
        assert "Not issued here" in self.check(anonymous, content)

    def test_a_file_that_is_too_large_is_refused(
        self, anonymous: FlaskClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pdf_inspection, "MAX_SIZE", 100)
        assert "larger than 10 MB" in self.check(anonymous, b"%PDF-1.7\n" + b"0" * 100)


class TestCommand:
    def test_the_command_prints_the_result_and_exits_with_its_status(
        self, issued: bytes, app_with_signing_key: Flask, tmp_path: Path
    ) -> None:
        runner, path = app_with_signing_key.test_cli_runner(), tmp_path / "form.pdf"
        path.write_bytes(issued)
        result = runner.invoke(args=["verify-form", str(path)])
        assert (result.exit_code, result.output) == (0, "This form was issued here. It is unchanged and current.\n")
        path.write_bytes(issued[:5_000] + b"x" + issued[5_001:])
        assert runner.invoke(args=["verify-form", str(path)]).exit_code == 1
        path.write_bytes(b"nothing")
        assert runner.invoke(args=["verify-form", str(path)]).exit_code == 2
