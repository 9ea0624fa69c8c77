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
from sqlalchemy import select, text

from tests import factories
from tests.assessment import workflow
from tests.factories import World
from tests.integrity.tampering import list_violations, tampering_transaction
from tests.job_runs.conftest import by_hand, reload_run
from tests.recording_forms.tagged_pdf import Sheet
from tests.stored_files import stored_path
from tracker import clock
from tracker.background.jobs import Jobs
from tracker.errors import Refused
from tracker.extensions import db
from tracker.job_runs.running import mark_failed, run_job
from tracker.ledger import checkpoints, keys
from tracker.ledger.transactions import transaction
from tracker.ledger.trust_anchor import compute_fingerprint
from tracker.models import IssuedForm, Person
from tracker.recording_forms import issue_job, issuing, pdf_inspection, pdf_renderer
from tracker.recording_forms.codes import parse_code
from tracker.recording_forms.form_content import format_form_number
from tracker.recording_forms.form_verification import (
    FormVerdict,
    check_code,
    check_file,
    load_keys_from_folder,
    load_known_keys,
)
from tracker.recording_forms.issuing import PlannedIssue, RenderedIssue, plan_issue, render_issue
from tracker.recording_forms.pdf_seals import MAX_ATTACHMENTS, read_attachments
from tracker.recording_forms.snapshot import take_snapshot
from tracker.registrations.services import void_attempt
from tracker.storage import file_store
from tracker.verification.services.returning import reopen_verified
from tracker.verification.services.signing import sign_verification
from tracker.vocabulary import JobState, Role

__all__ = ["by_hand"]

Browser = Callable[[Person], FlaskClient]


Prepare = Callable[[str, Callable[[], Any]], Any]


@pytest.fixture
def verified_world(app_with_signing_key: Flask, world: World, prepare: Prepare, tmp_path: Path) -> World:
    """The people, after Bob signed Alice's CFACC15, she confirmed it, and Carol verified it unsampled."""

    def fill() -> None:
        workflow.sign(world, world.cfacc15, "A steady record.")
        workflow.confirm(world.cfacc15)
        verify(world)

    app_with_signing_key.config["ATTACHMENTS_PATH"] = tmp_path / "attachments"
    prepare("a verified unit", fill)
    return world


@pytest.fixture
def issued_pdf(verified_world: World, client: Browser, prepare: Prepare) -> bytes:
    """The form that Dan issued."""

    def issue() -> bytes:
        answer = client(verified_world.dan).post(f"{address(verified_world)}/issue")
        assert answer.status_code == 303
        return client(verified_world.alice).get(f"{address(verified_world)}.pdf").data

    pdf: bytes = prepare("an issued form", issue)
    return pdf


def address(world: World) -> str:
    return f"/attempts/{world.cfacc15.id}/form"


def verify(world: World) -> None:
    with transaction():
        snapshot_hash, carol = take_snapshot(world.cfacc15).hash, factories.make_actor(world.carol)
        sign_verification(
            world.cfacc15, snapshot_hash, carol, clock.now(), unsampled_reason="Not in this quarter's plan."
        )


def reopen(world: World) -> None:
    with transaction():
        reopen_verified(
            world.cfacc15,
            [factories.criterion(world.cfacc15, "1").id],
            "Look again.",
            factories.make_actor(world.carol),
        )


def end_allocation_of_bob(world: World) -> None:
    with transaction():
        factories.end_allocation(world.cfacc15, Role.ASSESSOR)
        factories.leave_unsealed()


def seal(plan: PlannedIssue) -> bytes:
    """Return the PDF of a plan, sealed with the installation's key and not recorded."""
    return file_store.read(render_issue(plan, 1).file.sha256)


def of_forms(messages: list[str]) -> list[str]:
    """Return the messages about forms; other checks report the factories' rows, which no event records."""
    return [each for each in messages if "form" in each or each.startswith(("2: ", "20: ", "21: ", "22: "))]


def get_form() -> IssuedForm:
    db.session.rollback()
    return db.session.query(IssuedForm).one()


class TestIssuing:
    def test_a_verified_unit_has_the_button_to_issue_its_form(self, verified_world: World, client: Browser) -> None:
        assert "Issue the form" in client(verified_world.dan).get(address(verified_world)).text
        assert "Issue the form" not in client(verified_world.alice).get(address(verified_world)).text

    @pytest.mark.usefixtures("full_queue")
    def test_a_form_that_is_not_ready_is_issued_by_a_job(
        self, verified_world: World, client: Browser, by_hand: list[int]
    ) -> None:
        dan, carol = client(verified_world.dan), client(verified_world.carol)
        answer = dan.post(f"{address(verified_world)}/issue")
        (run_id,) = by_hand
        assert (answer.status_code, answer.location) == (303, f"/jobs/{run_id}")
        assert dan.post(f"{address(verified_world)}/issue").location == answer.location, "it starts no other"
        run_job(run_id)
        page = dan.get(answer.location).text
        assert "The form is issued and sealed." in page
        assert f'href="{address(verified_world)}"' in page
        assert get_form().issued_by_id == verified_world.dan.id
        assert carol.get(f"{address(verified_world)}.pdf").data == file_store.read(get_form().sha256)
        assert {entry.name for entry in file_store.list_files()} == {get_form().sha256}
        assert of_forms(list_violations()) == []

    @pytest.mark.usefixtures("full_queue")
    def test_a_job_issues_no_form_if_somebody_has_issued_it_meanwhile(
        self, verified_world: World, client: Browser, by_hand: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client(verified_world.dan).post(f"{address(verified_world)}/issue")
        with monkeypatch.context() as room:
            room.setattr(pdf_renderer, "ROOM", None)
            client(verified_world.carol).post(f"{address(verified_world)}/issue")
        run_job(by_hand[0])
        assert get_form().issued_by_id == verified_world.carol.id

    @pytest.mark.usefixtures("full_queue")
    def test_a_form_that_somebody_elses_job_issues_is_shown_on_its_page(
        self, verified_world: World, client: Browser, by_hand: list[int]
    ) -> None:
        client(verified_world.dan).post(f"{address(verified_world)}/issue")
        carol = client(verified_world.carol)
        answer = carol.post(f"{address(verified_world)}/issue")
        assert (answer.status_code, answer.location, len(by_hand)) == (303, address(verified_world), 1)
        assert "This form is being issued by a job that" in carol.get(answer.location).text
        assert carol.get(f"/jobs/{by_hand[0]}").status_code == 404

    @pytest.mark.usefixtures("full_queue")
    def test_a_job_issues_no_form_once_the_allocation_of_who_started_it_has_ended(
        self, verified_world: World, client: Browser, by_hand: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Bob keeps his role as an assessor at the centre."""
        bob = client(verified_world.bob)
        bob.post(f"{address(verified_world)}/issue")
        (run_id,) = by_hand
        page = bob.get(f"/jobs/{run_id}").text
        assert "The form is not issued." in page, "before the job is cancelled"
        end_allocation_of_bob(verified_world)
        monkeypatch.setattr(issue_job, "seal_issue", lambda *_arguments: b"%PDF")
        run_job(run_id)
        page = bob.get(f"/jobs/{run_id}").text
        assert "The unit is no longer allocated to the person who started this job. Nothing was issued." in page
        assert db.session.scalars(select(IssuedForm)).all() == []
        assert list(file_store.list_files()) == []

    @pytest.mark.usefixtures("full_queue")
    def test_a_failed_issue_job_is_retried_by_who_may_issue_the_form_then(
        self, verified_world: World, client: Browser, by_hand: list[int]
    ) -> None:
        """An administrator may, although nothing is allocated to them."""
        bob, dan = client(verified_world.bob), client(verified_world.dan)
        bob.post(f"{address(verified_world)}/issue")
        (run_id,) = by_hand
        mark_failed(run_id, "The disk is full.")
        end_allocation_of_bob(verified_world)
        answer = bob.post(f"/jobs/{run_id}/retry")
        assert answer.status_code == 409
        assert "The unit is no longer allocated to the person who started this job." in answer.text
        assert reload_run(run_id).state is JobState.FAILED
        dan.post(f"/jobs/{run_id}/retry")
        run_job(run_id)
        assert get_form().issued_by_id == verified_world.dan.id
        assert of_forms(list_violations()) == []

    @pytest.mark.usefixtures("full_queue")
    def test_a_form_that_is_not_ready_is_not_issued_while_no_worker_runs(
        self, verified_world: World, client: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Jobs, "has_worker", lambda _self: False)
        answer = client(verified_world.bob).post(f"{address(verified_world)}/issue")
        assert answer.status_code == 503
        assert "Nothing was changed. Try again in a minute." in answer.text
        assert db.session.scalars(select(IssuedForm)).all() == []

    @pytest.mark.parametrize("happens", ["changed", "issued"])
    def test_the_file_of_a_form_that_is_not_recorded_is_deleted(
        self, verified_world: World, client: Browser, monkeypatch: pytest.MonkeyPatch, happens: str
    ) -> None:
        dan, carol, acts = client(verified_world.dan), client(verified_world.carol), [happens]

        def render_and_act(plan: PlannedIssue, *arguments: Any) -> RenderedIssue:
            rendered = render_issue(plan, *arguments)
            match acts and acts.pop():
                case "changed":
                    with transaction():
                        verified_world.alice.name = "Alice Newname"
                        factories.leave_unsealed()
                case "issued":
                    assert carol.post(f"{address(verified_world)}/issue").status_code == 303
            return rendered

        monkeypatch.setattr(issuing, "render_issue", render_and_act)
        answer = dan.post(f"{address(verified_world)}/issue")
        db.session.rollback()
        recorded = set(db.session.scalars(select(IssuedForm.sha256)))
        assert (answer.status_code, len(recorded)) == ((409, 0) if happens == "changed" else (303, 1))
        assert {entry.name for entry in file_store.list_files()} == recorded

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

    @pytest.mark.usefixtures("issued_pdf")
    def test_issuing_is_recorded_in_the_ledger(self, recorded_acts: Callable[[], list[str]]) -> None:
        assert recorded_acts()[-1] == "form_issued"
        assert of_forms(list_violations()) == []

    def test_issuing_twice_issues_one_form(self, issued_pdf: bytes, verified_world: World, client: Browser) -> None:
        assert client(verified_world.carol).post(f"{address(verified_world)}/issue").status_code == 303
        assert get_form().sha256
        assert client(verified_world.dan).get(f"{address(verified_world)}.pdf").data == issued_pdf

    def test_an_issued_form_carries_the_signed_snapshot(self, issued_pdf: bytes, verified_world: World) -> None:
        attached = read_attachments(issued_pdf)
        snapshot = take_snapshot(verified_world.cfacc15)
        assert attached["snapshot.json"].decode() == snapshot.text
        code, _ = parse_code(attached["code.txt"].decode())
        assert (code.number, code.snapshot_hash) == (get_form().number, snapshot.hash)

    def test_an_issued_form_says_how_to_check_it_and_is_accessible(self, issued_pdf: bytes) -> None:
        sheet = Sheet(issued_pdf)
        assert "This file is sealed" in sheet.text
        root = sheet.reader.trailer["/Root"]
        assert b'pdfuaid:part="1"' in root["/Metadata"].get_object().get_data()
        assert [tag for tag, _ in sheet.tags].count("Figure") == 1
        (field,) = root["/AcroForm"]["/Fields"]
        assert field.get_object()["/TU"] == "Seal of the training centre’s record"
        assert field.get_object()["/F"] & 0b10  # hidden, so that it needs no place in the reading order

    def test_printing_gives_the_issued_bytes_whatever_changes(
        self, issued_pdf: bytes, verified_world: World, client: Browser
    ) -> None:
        with transaction():
            db.session.get_one(Person, verified_world.alice.id).name = "Alice Newname"
        assert client(verified_world.alice).get(f"{address(verified_world)}.pdf").data == issued_pdf

    def test_a_stored_file_that_was_changed_is_not_printed(
        self, issued_pdf: bytes, verified_world: World, client: Browser
    ) -> None:
        path = stored_path(get_form().sha256)
        path.write_bytes(issued_pdf[:-1] + b" ")
        answer = client(verified_world.alice).get(f"{address(verified_world)}.pdf")
        assert answer.status_code == 404
        assert "the file is in the backup" in answer.text
        assert any("its file was changed" in each for each in list_violations())


class TestSuperseded:
    def test_reopening_supersedes_get_form(self, issued_pdf: bytes, verified_world: World, client: Browser) -> None:
        reopen(verified_world)
        form = get_form()
        assert form.superseded_at
        alice = client(verified_world.alice)
        assert alice.get(f"{address(verified_world)}.pdf").data != issued_pdf
        page = alice.get(address(verified_world)).text
        assert "Earlier issued forms" in page
        (link,) = re.findall(r'href="(/attempts/\d+/forms/\d+\.pdf)"', page)
        answer = alice.get(link)
        assert answer.data == issued_pdf
        assert "-superseded.pdf" in answer.headers["Content-Disposition"]
        assert check_file(issued_pdf, load_known_keys()).verdict is FormVerdict.SUPERSEDED
        assert of_forms(list_violations()) == []

    def test_the_form_of_a_void_attempt_is_not_current(
        self, issued_pdf: bytes, verified_world: World, client: Browser
    ) -> None:
        with transaction():
            void_attempt(verified_world.cfacc15, "Registered twice.", factories.make_actor(verified_world.dan))
        assert check_file(issued_pdf, load_known_keys()).verdict is FormVerdict.SUPERSEDED
        dan = client(verified_world.dan)
        page = dan.get(address(verified_world)).text
        assert "the unit is void" in page
        assert re.search(r"round 1 · void\s*</p>", page), "no day that somebody signed something else"
        (link,) = re.findall(r'href="(/attempts/\d+/forms/\d+\.pdf)"', page)
        answer = dan.get(link)
        assert answer.data == issued_pdf
        assert "-superseded.pdf" in answer.headers["Content-Disposition"]

    @pytest.mark.usefixtures("issued_pdf")
    def test_a_superseded_form_marked_as_current_breaks_the_invariant(self, verified_world: World) -> None:
        reopen(verified_world)
        with tampering_transaction():
            db.session.query(IssuedForm).update({"superseded_at": None})
            assert any(each.startswith("22: ") for each in list_violations())

    @pytest.mark.usefixtures("issued_pdf")
    def test_a_form_is_not_found_under_another_attempt(self, verified_world: World, client: Browser) -> None:
        other_attempt_id = verified_world.inscc004.id
        assert (
            client(verified_world.alice).get(f"/attempts/{other_attempt_id}/forms/{get_form().id}.pdf").status_code
            == 404
        )


@pytest.mark.one_database
class TestVerifying:
    def test_the_issued_file_is_current(self, issued_pdf: bytes) -> None:
        answer = check_file(issued_pdf, load_known_keys())
        assert (answer.verdict, answer.form) == (FormVerdict.CURRENT, get_form())

    @pytest.mark.slow
    @pytest.mark.parametrize("place", [100, 9_000, -3_000, -1])
    def test_one_changed_byte_is_detected(self, issued_pdf: bytes, place: int) -> None:
        changed_pdf = bytearray(issued_pdf)
        changed_pdf[place] ^= 1
        answer = check_file(bytes(changed_pdf), load_known_keys())
        assert answer.verdict in {FormVerdict.CHANGED, FormVerdict.NOT_ISSUED_HERE}
        assert "current" not in answer.sentence

    def test_appended_bytes_are_detected_and_named(self, issued_pdf: bytes) -> None:
        answer = check_file(issued_pdf + b"\n%more\n", load_known_keys())
        assert answer.verdict is FormVerdict.CHANGED
        assert f"continues after byte {len(issued_pdf):,}" in answer.sentence

    def test_a_form_printed_but_not_issued_is_not_accepted(self, verified_world: World, client: Browser) -> None:
        pdf = client(verified_world.alice).get(f"{address(verified_world)}.pdf").data
        answer = check_file(pdf, load_known_keys())
        assert answer.verdict is FormVerdict.NOT_ISSUED_HERE
        assert "Ask the centre" in answer.sentence

    def test_the_public_keys_alone_verify_a_form(
        self, issued_pdf: bytes, app_with_signing_key: Flask, tmp_path: Path
    ) -> None:
        folder = tmp_path / "public-keys"
        folder.mkdir()
        for path in (
            *app_with_signing_key.config["KEYS_PATH"].glob("*.pub"),
            *app_with_signing_key.config["KEYS_PATH"].glob("*.crt"),
        ):
            (folder / path.name).write_bytes(path.read_bytes())
        assert check_file(issued_pdf, load_keys_from_folder(folder), offline=True).verdict is FormVerdict.SEALED_HERE
        changed_pdf = issued_pdf.replace(b"/Type", b"/Tyqe", 1)
        assert (
            check_file(changed_pdf, load_keys_from_folder(folder), offline=True).verdict
            is not FormVerdict.SEALED_HERE
        )

    def test_a_folder_of_keys_that_cannot_be_read_is_refused(self, issued_pdf: bytes, tmp_path: Path) -> None:
        assert issued_pdf
        (tmp_path / "0123456789abcdef.pub").write_text("no key")
        with pytest.raises(Refused, match=r"0123456789abcdef\.pub cannot be read as a public key"):
            load_keys_from_folder(tmp_path)

    def test_a_form_of_a_key_that_is_only_in_the_database_is_not_confirmed(
        self, issued_pdf: bytes, app_with_signing_key: Flask, anonymous: FlaskClient, tmp_path: Path
    ) -> None:
        """Whoever can write to the database can put a key of their own there, and seal forms with it."""
        app_with_signing_key.config["KEYS_PATH"] = tmp_path / "empty"
        assert check_file(issued_pdf, load_known_keys()).verdict is FormVerdict.KEY_NOT_TRUSTED
        code = read_attachments(issued_pdf)["code.txt"].decode()
        assert check_code(code, load_known_keys()).verdict is FormVerdict.KEY_NOT_TRUSTED
        page = anonymous.get("/verify", query_string={"code": code}).text
        assert "Cannot be checked" in page
        assert "cannot confirm the key it was made with" in page
        (tmp_path / "form.pdf").write_bytes(issued_pdf)
        runner = app_with_signing_key.test_cli_runner()
        assert runner.invoke(args=["verify-form", str(tmp_path / "form.pdf")]).exit_code == 2
        fingerprint = compute_fingerprint(keys.list_keys()[0].public_key)
        options = ["verify-form", str(tmp_path / "form.pdf"), "--fingerprint"]
        assert runner.invoke(args=[*options, fingerprint]).exit_code == 0
        assert runner.invoke(args=[*options, "ab" * 32]).exit_code == 2

    def test_the_keys_of_another_installation_do_not_verify_it(self, issued_pdf: bytes) -> None:
        assert check_file(issued_pdf, {}).verdict is FormVerdict.NOT_ISSUED_HERE

    def test_the_code_alone_verifies_get_form(self, issued_pdf: bytes) -> None:
        code = read_attachments(issued_pdf)["code.txt"].decode()
        assert check_code(code, load_known_keys()).verdict is FormVerdict.CURRENT
        assert check_code(code, {}).verdict is FormVerdict.NOT_ISSUED_HERE
        other_code = code[:30] + ("A" if code[30] != "A" else "B") + code[31:]
        assert check_code(other_code, load_known_keys()).verdict is FormVerdict.NOT_ISSUED_HERE

    def test_a_code_whose_signature_was_changed_is_not_accepted(self, issued_pdf: bytes) -> None:
        code = read_attachments(issued_pdf)["code.txt"].decode()
        forged_code = code[:-20] + ("A" if code[-20] != "A" else "B") + code[-19:]
        assert parse_code(forged_code)[0] == parse_code(code)[0], "all details are those of the issued form"
        assert check_code(forged_code, load_known_keys()).verdict is FormVerdict.NOT_ISSUED_HERE
        verdict = check_file(pdf_carrying(forged_code.encode()), load_known_keys()).verdict
        assert verdict is FormVerdict.NOT_ISSUED_HERE, "whoever has no code of ours is told nothing of the form"

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("changes", "verdict"),
        [
            ({"round": 2}, FormVerdict.NOT_ISSUED_HERE),
            ({"snapshot_hash": "0" * 64}, FormVerdict.NOT_ISSUED_HERE),
            ({"ledger_size": 1}, FormVerdict.OTHER_LEDGER),
            ({"ledger_head": "0" * 64}, FormVerdict.OTHER_LEDGER),
        ],
    )
    def test_a_signed_code_that_contradicts_the_record_is_not_accepted(
        self, issued_pdf: bytes, changes: dict[str, Any], verdict: FormVerdict
    ) -> None:
        code, _ = parse_code(read_attachments(issued_pdf)["code.txt"].decode())
        contradicting_code = replace(code, **changes)
        signed = contradicting_code.text(keys.sign(contradicting_code.key, contradicting_code.body))
        assert check_code(signed, load_known_keys()).verdict is verdict

    def test_a_form_shows_that_the_ledger_went_back_to_an_earlier_state(
        self, issued_pdf: bytes, app_with_signing_key: Flask, anonymous: FlaskClient, tmp_path: Path
    ) -> None:
        """Alice has kept her form. The database and the checkpoints went back to before it."""
        size = get_form().ledger_size
        code = read_attachments(issued_pdf)["code.txt"].decode()
        (tmp_path / "form.pdf").write_bytes(issued_pdf)
        with tampering_transaction():
            db.session.execute(text("DELETE FROM event_text WHERE event_seq >= :size"), {"size": size})
            db.session.execute(text("DELETE FROM event WHERE seq >= :size"), {"size": size})
            answer = check_file(issued_pdf, load_known_keys())
            assert answer.verdict is FormVerdict.OTHER_LEDGER
            assert f"The ledger kept here now has only {size - 1:,}" in answer.sentence
            assert check_code(code, load_known_keys()).verdict is FormVerdict.OTHER_LEDGER
        other_head = replace(parse_code(code)[0], ledger_head="0" * 64)
        signed = other_head.text(keys.sign(other_head.key, other_head.body))
        page = anonymous.get("/verify", query_string={"code": signed}).text
        assert "Does not agree with the records kept here" in page
        assert f"has another event {size:,}" in page
        runner = app_with_signing_key.test_cli_runner()
        assert runner.invoke(args=["verify-form", str(tmp_path / "form.pdf")]).exit_code == 0

    def test_the_form_prints_the_length_of_the_ledger_and_the_newest_checkpoint(self, verified_world: World) -> None:
        assert plan_issue(verified_world.cfacc15).content.issue
        checkpoint = checkpoints.write_due(at_once=True)
        issue = plan_issue(verified_world.cfacc15).content.issue
        assert checkpoint
        assert issue
        assert (issue.ledger_size, issue.checkpoint) == (checkpoint.size, checkpoint.number)
        words = " ".join(Sheet(seal(plan_issue(verified_world.cfacc15))).text.split())
        assert (
            f"The ledger then had {checkpoint.size:,} events; its newest checkpoint was number {checkpoint.number}."
            in words
        )

    def test_a_sealed_file_with_another_snapshot_than_its_code_is_not_accepted(self, verified_world: World) -> None:
        plan = plan_issue(verified_world.cfacc15)
        assert plan.content.issue
        issue = replace(plan.content.issue, snapshot='{"unit":"another"}')
        answer = check_file(seal(replace(plan, content=replace(plan.content, issue=issue))), load_known_keys())
        assert answer.verdict is FormVerdict.CHANGED
        assert "the signed content in it is not the one its code names" in answer.sentence

    def test_a_file_sealed_with_another_key_than_its_code_is_not_accepted(self, verified_world: World) -> None:
        plan = plan_issue(verified_world.cfacc15)
        with transaction():
            other_key = keys.make_key()
        resealed = replace(plan, certificate=other_key.certificate, code=replace(plan.code, key=other_key.name))
        answer = check_file(seal(resealed), load_known_keys())
        assert answer.verdict is FormVerdict.CHANGED
        assert "its code and its seal were made with different keys" in answer.sentence

    @pytest.mark.slow
    @pytest.mark.usefixtures("app")
    @pytest.mark.parametrize("code", ["x", "%00", "é", "A" * 216, "=" * 50])
    def test_an_invalid_code_is_not_accepted(self, code: str) -> None:
        assert check_code(code, load_known_keys()).verdict is FormVerdict.NOT_ISSUED_HERE


@pytest.mark.one_database
class TestUntrustedFiles:
    def test_a_file_with_only_the_code_reveals_no_byte_of_get_form(self, issued_pdf: bytes) -> None:
        """Else someone with a photo of the QR code could guess the form byte by byte."""
        code = read_attachments(issued_pdf)["code.txt"]
        answer = check_file(pdf_carrying(code, begin=issued_pdf[:500]), load_known_keys())
        assert answer.verdict is FormVerdict.CHANGED
        assert answer.sentence == "This form was changed after it was issued. Do not rely on it."

    def test_only_the_first_attachments_are_read(self) -> None:
        assert len(read_attachments(pdf_carrying(b"words", times=1000))) == MAX_ATTACHMENTS

    def test_a_file_beyond_the_queue_is_refused_at_once(
        self, anonymous: FlaskClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        line = threading.BoundedSemaphore(1)
        line.acquire()
        monkeypatch.setattr(pdf_inspection.INSPECTOR.slots, "queue", line)
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
    """Return a PDF that was not issued, with these bytes attached as its code."""
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


@pytest.mark.one_database
class TestPublicPage:
    def check(self, browser: FlaskClient, content: bytes) -> str:
        return browser.post("/verify", data={"file": (io.BytesIO(content), "form.pdf")}).text

    def test_everyone_sees_that_a_form_is_current_but_not_whose_it_is(
        self, issued_pdf: bytes, anonymous: FlaskClient
    ) -> None:
        page = self.check(anonymous, issued_pdf)
        assert "Issued here and current" in page
        assert "Northgate" in page
        assert "Alice" not in page

    def test_the_page_shows_the_number_printed_on_get_form(self, issued_pdf: bytes, anonymous: FlaskClient) -> None:
        number = format_form_number(db.session.scalars(select(IssuedForm.number)).one())
        assert number in Sheet(issued_pdf).text
        assert number in self.check(anonymous, issued_pdf)

    def test_the_qr_code_leads_to_the_page(self, issued_pdf: bytes, anonymous: FlaskClient) -> None:
        code = read_attachments(issued_pdf)["code.txt"].decode()
        page = anonymous.get(f"/verify?code={code}").text
        assert "Issued here and current" in page
        assert "Alice" not in page
        assert "unchanged and current" not in page, "the code does not cover the paper around it"
        assert "upload the PDF file" in page

    def test_a_reader_of_the_attempt_gets_a_link_to_it(
        self, issued_pdf: bytes, verified_world: World, client: Browser
    ) -> None:
        assert "CFACC15, Alice" in self.check(client(verified_world.bob), issued_pdf)
        assert "Alice" not in self.check(client(verified_world.grace), issued_pdf)

    def test_a_file_that_is_no_pdf_is_refused_with_a_sentence(self, anonymous: FlaskClient) -> None:
        assert "The file is not a PDF" in self.check(anonymous, b"MZ hello")
        assert "Choose the PDF file" in anonymous.post("/verify", data={}).text

    @pytest.mark.slow
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


@pytest.mark.one_database
class TestCommand:
    def test_the_command_prints_the_result_and_exits_with_its_status(
        self, issued_pdf: bytes, app_with_signing_key: Flask, tmp_path: Path
    ) -> None:
        runner, path = app_with_signing_key.test_cli_runner(), tmp_path / "form.pdf"
        path.write_bytes(issued_pdf)
        result = runner.invoke(args=["verify-form", str(path)])
        assert (result.exit_code, result.output) == (0, "This form was issued here. It is unchanged and current.\n")
        path.write_bytes(issued_pdf[:5_000] + b"x" + issued_pdf[5_001:])
        assert runner.invoke(args=["verify-form", str(path)]).exit_code == 1
        path.write_bytes(b"nothing")
        assert runner.invoke(args=["verify-form", str(path)]).exit_code == 2
