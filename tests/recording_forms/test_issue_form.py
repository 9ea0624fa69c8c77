"""A verified unit's form is issued once, sealed and kept; anybody can tell it from one that was changed."""

import io
import re
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.assessment import stories
from tests.factories import World
from tests.integrity.tampering import behind_its_back, offences
from tests.recording_forms.reading import Sheet
from tracker import clock
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import IssuedForm, Person
from tracker.recording_forms import pdf_inspection
from tracker.recording_forms.codes import parse_code
from tracker.recording_forms.form_content import grouped
from tracker.recording_forms.form_verification import (
    Verdict,
    check_code,
    check_file,
    load_keys_from_folder,
    load_known_keys,
)
from tracker.recording_forms.pdf_seals import MAX_ATTACHMENTS, read_attachments
from tracker.recording_forms.snapshot import snapshot_of
from tracker.registrations.services import void_attempt
from tracker.storage import file_store
from tracker.verification import services as verifying

Browser = Callable[[Person], FlaskClient]


@pytest.fixture
def verified(keyed: Flask, world: World) -> World:
    """Bob signed Alice's CFACC15, she confirmed it, and Carol verified it unsampled."""
    stories.sign(world, world.cfacc15, "A steady record.")
    stories.confirm(world.cfacc15)
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
        seen, carol = snapshot_of(world.cfacc15).hash, factories.actor(world.carol)
        verifying.sign_verification(world.cfacc15, seen, carol, clock.now(), unsampled_reason="Within the plan.")


def reopen(world: World) -> None:
    with transaction():
        verifying.reopen_verified(
            world.cfacc15, [factories.criterion(world.cfacc15, "1").id], "Look again.", factories.actor(world.carol)
        )


def of_forms(found: list[str]) -> list[str]:
    """What is said of forms: what the factories make is in no event, so that other checks have much to say."""
    return [each for each in found if "form" in each or each.startswith(("2: ", "20: ", "21: ", "22: "))]


def the_form() -> IssuedForm:
    db.session.rollback()
    return db.session.query(IssuedForm).one()


class TestIssuing:
    def test_the_button_stands_where_the_unit_is_verified(self, verified: World, client: Browser) -> None:
        assert "Issue the form" in client(verified.dan).get(address(verified)).text
        assert "Issue the form" not in client(verified.alice).get(address(verified)).text

    @pytest.mark.usefixtures("keyed")
    def test_nothing_is_issued_before(self, world: World, client: Browser) -> None:
        dan = client(world.dan)
        assert "Issue the form" not in dan.get(address(world)).text
        answer = dan.post(f"{address(world)}/issue")
        assert (answer.status_code, db.session.query(IssuedForm).count()) == (409, 0)
        assert "once it is verified; nothing was issued" in answer.text

    def test_without_a_key_it_says_who_makes_one(self, world: World, client: Browser) -> None:
        stories.sign(world, world.cfacc15)
        stories.confirm(world.cfacc15)
        verify(world)
        answer = client(world.dan).post(f"{address(world)}/issue")
        assert answer.status_code == 409
        assert "flask keys make" in answer.text

    @pytest.mark.usefixtures("issued")
    def test_it_is_told_in_the_ledger(self, acts: Callable[[], list[str]]) -> None:
        assert acts()[-1] == "form_issued"
        assert of_forms(offences()) == []

    def test_a_second_press_changes_nothing(self, issued: bytes, verified: World, client: Browser) -> None:
        assert client(verified.carol).post(f"{address(verified)}/issue").status_code == 303
        assert the_form().sha256
        assert client(verified.dan).get(f"{address(verified)}.pdf").data == issued

    def test_it_carries_what_was_signed(self, issued: bytes, verified: World) -> None:
        attached = read_attachments(issued)
        snapshot = snapshot_of(verified.cfacc15)
        assert attached["snapshot.json"].decode() == snapshot.text
        code, _ = parse_code(attached["code.txt"].decode())
        assert (code.number, code.snapshot_hash) == (the_form().number, snapshot.hash)

    def test_it_says_how_it_is_checked_and_stays_accessible(self, issued: bytes) -> None:
        sheet = Sheet(issued)
        assert "This file is sealed" in sheet.text
        root = sheet.reader.trailer["/Root"]
        assert b'pdfuaid:part="1"' in root["/Metadata"].get_object().get_data()
        assert [tag for tag, _ in sheet.tags].count("Figure") == 1
        (field,) = root["/AcroForm"]["/Fields"]
        assert field.get_object()["/TU"] == "Seal of the training centre’s record"
        assert field.get_object()["/F"] & 0b10  # hidden, or it would need a place in the order of reading

    def test_it_is_printed_from_those_bytes_whatever_changes(
        self, issued: bytes, verified: World, client: Browser
    ) -> None:
        with transaction():
            db.session.get_one(Person, verified.alice.id).name = "Alice Newname"
        assert client(verified.alice).get(f"{address(verified)}.pdf").data == issued

    def test_a_file_that_was_changed_is_not_printed(self, issued: bytes, verified: World, client: Browser) -> None:
        path = file_store.get_path(the_form().sha256)
        path.write_bytes(issued[:-1] + b" ")
        answer = client(verified.alice).get(f"{address(verified)}.pdf")
        assert answer.status_code == 404
        assert "its backup holds the file" in answer.text
        assert any("its file was changed" in each for each in offences())


class TestSuperseded:
    def test_a_reopened_round_ends_its_form(self, issued: bytes, verified: World, client: Browser) -> None:
        reopen(verified)
        form = the_form()
        assert form.superseded_at
        alice = client(verified.alice)
        assert alice.get(f"{address(verified)}.pdf").data != issued
        page = alice.get(address(verified)).text
        assert "no longer current" in page
        (link,) = re.findall(r'href="(/attempts/\d+/forms/\d+\.pdf)"', page)
        answer = alice.get(link)
        assert answer.data == issued
        assert "-superseded.pdf" in answer.headers["Content-Disposition"]
        assert check_file(issued, load_known_keys()).verdict is Verdict.SUPERSEDED
        assert of_forms(offences()) == []

    def test_of_a_void_attempt_it_is_not_current(self, issued: bytes, verified: World, client: Browser) -> None:
        with transaction():
            void_attempt(verified.cfacc15, "Registered twice.", factories.actor(verified.dan))
        assert check_file(issued, load_known_keys()).verdict is Verdict.SUPERSEDED
        dan = client(verified.dan)
        page = dan.get(address(verified)).text
        assert "of a unit that is void" in page
        assert re.search(r"round 1 · void\s*</p>", page), "no day that somebody signed something else"
        (link,) = re.findall(r'href="(/attempts/\d+/forms/\d+\.pdf)"', page)
        answer = dan.get(link)
        assert answer.data == issued
        assert "-superseded.pdf" in answer.headers["Content-Disposition"]

    @pytest.mark.usefixtures("issued")
    def test_one_that_passes_for_current_is_named(self, verified: World) -> None:
        reopen(verified)
        with behind_its_back():
            db.session.query(IssuedForm).update({"superseded_at": None})
            assert any(each.startswith("22: ") for each in offences())

    @pytest.mark.usefixtures("issued")
    def test_anothers_form_is_not_at_this_address(self, verified: World, client: Browser) -> None:
        other = verified.inscc004.id
        assert client(verified.alice).get(f"/attempts/{other}/forms/{the_form().id}.pdf").status_code == 404


class TestChecking:
    def test_the_file_is_ours(self, issued: bytes) -> None:
        answer = check_file(issued, load_known_keys())
        assert (answer.verdict, answer.form) == (Verdict.CURRENT, the_form())

    @pytest.mark.parametrize("place", [100, 9_000, -3_000, -1])
    def test_one_byte_makes_it_another_and_is_named(self, issued: bytes, place: int) -> None:
        changed = bytearray(issued)
        changed[place] ^= 1
        answer = check_file(bytes(changed), load_known_keys())
        assert answer.verdict in {Verdict.CHANGED, Verdict.NOT_OURS}
        assert "current" not in answer.sentence

    def test_bytes_put_behind_it_are_named(self, issued: bytes) -> None:
        answer = check_file(issued + b"\n%more\n", load_known_keys())
        assert answer.verdict is Verdict.CHANGED
        assert f"goes on after byte {len(issued):,}" in answer.sentence

    def test_a_form_printed_but_not_issued_is_not_ours(self, verified: World, client: Browser) -> None:
        pdf = client(verified.alice).get(f"{address(verified)}.pdf").data
        answer = check_file(pdf, load_known_keys())
        assert answer.verdict is Verdict.NOT_OURS
        assert "Ask the centre" in answer.sentence

    def test_the_keys_alone_are_enough(self, issued: bytes, keyed: Flask, tmp_path: Path) -> None:
        handed = tmp_path / "handed"
        handed.mkdir()
        for path in (*keyed.config["KEYS_PATH"].glob("*.pub"), *keyed.config["KEYS_PATH"].glob("*.crt")):
            (handed / path.name).write_bytes(path.read_bytes())
        assert check_file(issued, load_keys_from_folder(handed), offline=True).verdict is Verdict.OURS
        changed = issued.replace(b"/Type", b"/Tyqe", 1)
        assert check_file(changed, load_keys_from_folder(handed), offline=True).verdict is not Verdict.OURS

    def test_another_installations_keys_know_nothing_of_it(self, issued: bytes) -> None:
        assert check_file(issued, {}).verdict is Verdict.NOT_OURS

    def test_the_code_alone(self, issued: bytes) -> None:
        code = read_attachments(issued)["code.txt"].decode()
        assert check_code(code, load_known_keys()).verdict is Verdict.CURRENT
        assert check_code(code, {}).verdict is Verdict.NOT_OURS
        other = code[:30] + ("A" if code[30] != "A" else "B") + code[31:]
        assert check_code(other, load_known_keys()).verdict is Verdict.NOT_OURS

    @pytest.mark.usefixtures("app")
    @pytest.mark.parametrize("code", ["x", "%00", "é", "A" * 216, "=" * 50])
    def test_what_is_no_code(self, code: str) -> None:
        assert check_code(code, load_known_keys()).verdict is Verdict.NOT_OURS


class TestStrangersFiles:
    def test_a_file_that_only_carries_the_code_is_told_no_byte_of_the_form(self, issued: bytes) -> None:
        """Else whoever photographed the square could guess the form byte by byte, and be told of each that is right."""
        code = read_attachments(issued)["code.txt"]
        answer = check_file(pdf_carrying(code, begin=issued[:500]), load_known_keys())
        assert answer.verdict is Verdict.CHANGED
        assert answer.sentence == "This form is not as it was issued. Do not rely on it."

    def test_one_attachment_named_a_thousand_times_is_not_read_as_often(self) -> None:
        assert len(read_attachments(pdf_carrying(b"words", times=1000))) == MAX_ATTACHMENTS

    def test_where_too_many_wait_the_next_is_refused_at_once(
        self, anonymous: FlaskClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        line = threading.BoundedSemaphore(1)
        line.acquire()
        monkeypatch.setattr(pdf_inspection.INSPECTOR, "queue", line)
        answer = anonymous.post("/verify", data={"file": (io.BytesIO(b"%PDF-1.7\n"), "form.pdf")})
        assert "Other files are being checked at the moment" in answer.text

    def test_who_is_not_signed_in_cannot_fill_the_disk(self, world: World, app: Flask, client: Browser) -> None:
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

    def test_anybody_learns_that_it_is_ours_and_nobody_whose(self, issued: bytes, anonymous: FlaskClient) -> None:
        page = self.check(anonymous, issued)
        assert "Ours, and current" in page
        assert "Northgate" in page
        assert "Alice" not in page

    def test_the_number_is_the_one_on_the_paper(self, issued: bytes, anonymous: FlaskClient) -> None:
        number = grouped(db.session.scalars(select(IssuedForm.number)).one())
        assert number in Sheet(issued).text
        assert number in self.check(anonymous, issued)

    def test_the_square_leads_there(self, issued: bytes, anonymous: FlaskClient) -> None:
        code = read_attachments(issued)["code.txt"].decode()
        page = anonymous.get(f"/verify?code={code}").text
        assert "Ours, and current" in page
        assert "Alice" not in page
        assert "unchanged, and current." not in page, "a code knows nothing of the paper around it"
        assert "check the file" in page

    def test_who_may_read_it_is_led_to_it(self, issued: bytes, verified: World, client: Browser) -> None:
        assert "CFACC15 of Alice" in self.check(client(verified.bob), issued)
        assert "Alice" not in self.check(client(verified.grace), issued)

    def test_what_is_no_pdf_gets_a_sentence(self, anonymous: FlaskClient) -> None:
        assert "That file is not a PDF" in self.check(anonymous, b"MZ hello")
        assert "Choose the file" in anonymous.post("/verify", data={}).text

    @pytest.mark.parametrize(
        "content",
        [
            b"%PDF-1.7\n",
            b"%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 1 0 R>>endobj\ntrailer<</Root 1 0 R>>\nstartxref\n9\n%%EOF",
            b"%PDF-1.7\n" + b"[" * 200_000,
            b"%PDF-1.7\nxref\n0 99999999\n" + b"0" * 1000,
        ],
    )
    def test_a_hostile_file_is_not_ours(self, anonymous: FlaskClient, content: bytes) -> None:
        assert "Not ours" in self.check(anonymous, content)

    def test_one_too_large_is_refused(self, anonymous: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pdf_inspection, "MAX_SIZE", 100)
        assert "larger than 10 MB" in self.check(anonymous, b"%PDF-1.7\n" + b"0" * 100)


class TestCommand:
    def test_it_says_so_and_exits_by_it(self, issued: bytes, keyed: Flask, tmp_path: Path) -> None:
        runner, path = keyed.test_cli_runner(), tmp_path / "form.pdf"
        path.write_bytes(issued)
        result = runner.invoke(args=["verify-form", str(path)])
        assert (result.exit_code, result.output) == (0, "This form is ours, unchanged, and current.\n")
        path.write_bytes(issued[:5_000] + b"x" + issued[5_001:])
        assert runner.invoke(args=["verify-form", str(path)]).exit_code == 1
        path.write_bytes(b"nothing")
        assert runner.invoke(args=["verify-form", str(path)]).exit_code == 2
