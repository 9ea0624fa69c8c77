"""Each verdict on a file or a code by itself, without rendering a form: what it is compared with, and the sentence."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask

from tests import factories
from tests.factories import World
from tracker import clock
from tracker.errors import Refused
from tracker.extensions import db
from tracker.ledger import events, keys
from tracker.ledger.canonical_json import sha256
from tracker.ledger.events import record
from tracker.ledger.transactions import transaction
from tracker.ledger.trust_anchor import compute_fingerprint, load_anchor
from tracker.models import IssuedForm, Person
from tracker.recording_forms import form_verification
from tracker.recording_forms.codes import FormCode
from tracker.recording_forms.form_verification import (
    FormVerdict,
    check_code,
    check_file,
    is_current,
    load_keys_from_folder,
    load_known_keys,
)
from tracker.recording_forms.pdf_inspection import Inspection
from tracker.recording_forms.pdf_seals import SealCheck
from tracker.recording_forms.snapshot import DOMAIN
from tracker.storage import file_store
from tracker.vocabulary import AttemptState

SNAPSHOT = b'{"attempt":1}'
PDF = bytes(range(100))

Inspect = Callable[..., None]


@pytest.fixture
def form(app_with_signing_key: Flask, world: World) -> IssuedForm:
    """The issued form of Alice's CFACC15: a hundred bytes in place of its PDF."""
    with transaction():
        record("data_exported", world.dan, factories.make_actor(world.dan))
    size, head = events.get_head()
    key = keys.find_current_key()
    assert key
    with transaction():
        world.cfacc15.state = AttemptState.VERIFIED
        factories.leave_unsealed()
        return factories.add_and_flush(
            IssuedForm(
                number="0a" * 16,
                attempt_id=world.cfacc15.id,
                round=1,
                issued_at=clock.now(),
                issued_by_id=world.dan.id,
                sha256=store(PDF),
                size=len(PDF),
                snapshot_hash=sha256(DOMAIN, SNAPSHOT),
                ledger_size=size,
                ledger_head=head,
                key=key.name,
            )
        )


def store(content: bytes) -> str:
    return file_store.save(io.BytesIO(content)).sha256


def build_code(form: IssuedForm) -> FormCode:
    return FormCode(form.number, form.round, form.snapshot_hash, form.ledger_size, form.ledger_head, form.key)


def sign(code: FormCode, key: str = "") -> str:
    return code.text(keys.sign(key or code.key, code.body))


@pytest.fixture
def inspect(monkeypatch: pytest.MonkeyPatch, form: IssuedForm) -> Inspect:
    """`inspect()` lets an uploaded file have the seal and the attachments of the form; arguments replace them."""
    intact, signed = SealCheck(form.key), sign(build_code(form))

    def set_inspection(seal: SealCheck = intact, code: str = signed, snapshot: bytes = SNAPSHOT) -> None:
        attachments = {"code.txt": code.encode(), "snapshot.json": snapshot}
        monkeypatch.setattr(
            form_verification, "inspect_pdf", lambda _pdf, _certificates: Inspection(seal, attachments)
        )

    return set_inspection


def verify(pdf: bytes = PDF, *, offline: bool = False) -> tuple[FormVerdict, str]:
    answer = check_file(pdf, load_known_keys(), offline=offline)
    return answer.verdict, answer.sentence


class TestFile:
    def test_an_intact_file_is_current_and_says_which_form_it_is(self, form: IssuedForm, inspect: Inspect) -> None:
        inspect()
        answer = check_file(PDF, load_known_keys())
        assert (answer.verdict, answer.form, answer.code) == (FormVerdict.CURRENT, form, build_code(form))
        assert answer.sentence == "This form was issued here. It is unchanged and current."

    def test_the_same_file_is_superseded_once_the_form_is(self, form: IssuedForm, inspect: Inspect) -> None:
        inspect()
        with transaction():
            form.superseded_at = clock.now()
            factories.leave_unsealed()
        answer = check_file(PDF, load_known_keys())
        assert (answer.verdict, answer.form) == (FormVerdict.SUPERSEDED, form)
        assert answer.sentence.startswith("This form was issued here and is unchanged. It is no longer current")

    def test_offline_it_is_sealed_here_without_the_database(self, form: IssuedForm, inspect: Inspect) -> None:
        inspect()
        with transaction():
            db.session.delete(form)
            factories.leave_unsealed()
        verdict, sentence = verify(offline=True)
        assert verdict is FormVerdict.SEALED_HERE
        assert "Only the centre’s own system knows whether it is still current" in sentence
        verdict, sentence = verify()
        assert verdict is FormVerdict.NOT_ISSUED_HERE
        assert "has a seal from here, but it is not in the records" in sentence

    def test_a_sealed_file_with_another_snapshot_or_key_or_without_a_code_is_changed(
        self, form: IssuedForm, inspect: Inspect
    ) -> None:
        with transaction():
            other = keys.make_key().name
        unknown = replace(build_code(form), key="ff" * 8)
        for change, fault in (
            ({"snapshot": b"{}"}, "the signed content in it is not the one its code names"),
            ({"seal": SealCheck(other)}, "its code and its seal were made with different keys"),
            ({"code": ""}, "it has no code from here"),
            ({"code": sign(build_code(form), other)}, "it has no code from here"),
            ({"code": unknown.text("00" * 64)}, "it has no code from here"),
        ):
            inspect(**change)
            for offline in (False, True):
                verdict, sentence = verify(offline=offline)
                assert verdict is FormVerdict.CHANGED
                assert sentence == f"This form has a seal from here, but {fault}. Do not rely on it."

    def test_a_broken_seal_is_changed_if_it_was_ours_and_else_not_issued_here(
        self, form: IssuedForm, inspect: Inspect
    ) -> None:
        inspect(seal=SealCheck(form.key, "it was changed after it was sealed"), code="")
        verdict, sentence = verify()
        assert verdict is FormVerdict.CHANGED
        assert "changed after it was issued: it was changed after it was sealed" in sentence
        inspect(seal=SealCheck("", "it has no seal"), code="")
        verdict, sentence = verify()
        assert verdict is FormVerdict.NOT_ISSUED_HERE
        assert sentence.endswith("it has no seal. Ask the centre for the issued PDF file.")

    def test_a_key_that_nothing_outside_vouches_for_confirms_nothing(
        self, form: IssuedForm, inspect: Inspect, app: Flask, tmp_path: Path
    ) -> None:
        app.config["KEYS_PATH"] = tmp_path / "empty"
        known = load_known_keys()
        assert not known[form.key].is_trusted
        code = build_code(form).text("00" * 64)
        inspect(code=code)
        assert check_file(PDF, known).verdict is FormVerdict.KEY_NOT_TRUSTED
        assert check_code(code, known).verdict is FormVerdict.KEY_NOT_TRUSTED
        inspect(seal=SealCheck("", "it has no seal"), code=code)
        assert check_file(PDF, known).verdict is FormVerdict.NOT_ISSUED_HERE

    def test_the_signed_code_of_a_key_that_is_not_trusted_leads_to_no_form(
        self, inspect: Inspect, app: Flask, tmp_path: Path
    ) -> None:
        inspect(seal=SealCheck("", "it has no seal"))
        assert check_file(PDF + b"\n", load_known_keys()).verdict is FormVerdict.CHANGED
        app.config["KEYS_PATH"] = tmp_path / "empty"
        answer = check_file(PDF + b"\n", load_known_keys())
        assert (answer.verdict, answer.form) == (FormVerdict.NOT_ISSUED_HERE, None)

    def test_the_keys_that_are_trusted_can_be_given(self, form: IssuedForm) -> None:
        assert load_known_keys()[form.key].is_trusted
        assert not load_known_keys(load_anchor(None, ["ab" * 32]))[form.key].is_trusted

    def test_offline_a_broken_seal_is_not_compared_with_the_database(
        self, form: IssuedForm, inspect: Inspect
    ) -> None:
        inspect(seal=SealCheck(form.key, "it was changed after it was sealed"))
        assert "continues after byte 100" in verify(PDF + b"\n")[1]
        assert "it was changed after it was sealed" in verify(PDF + b"\n", offline=True)[1]

    def test_a_file_of_another_ledger_is_named(self, form: IssuedForm, inspect: Inspect) -> None:
        other = replace(build_code(form), ledger_head="0" * 64)
        inspect(code=sign(other))
        answer = check_file(PDF, load_known_keys())
        assert (answer.verdict, answer.code) == (FormVerdict.OTHER_LEDGER, other)
        assert f"has another event {form.ledger_size}" in answer.sentence
        assert verify(offline=True)[0] is FormVerdict.SEALED_HERE
        longer = replace(build_code(form), ledger_size=4_711)
        inspect(code=sign(longer))
        assert f"has only {form.ledger_size}: records were lost" in verify()[1]


class TestDifference:
    """A changed file is told which bytes differ, if it holds most of the form."""

    @pytest.mark.parametrize(
        ("pdf", "change"),
        [
            (PDF[:99], "it ends too early, after byte 99"),
            (PDF + b"\n", "it continues after byte 100"),
            (PDF[:60] + b"x" + PDF[61:], "byte 61 of 100 differs"),
            (b"x" + PDF[1:], "byte 1 of 100 differs"),
            (PDF[:99] + b"x", "byte 100 of 100 differs"),
            (PDF[:60] + b"xx" + PDF[62:], "it differs from byte 61 to byte 62 of 100"),
            (PDF[:30] + b"x" + PDF[31:79] + b"x" + PDF[80:], "it differs from byte 31 to byte 80 of 100"),
            (PDF[:30] + b"x" + PDF[31:80] + b"x" + PDF[81:], ""),
            (PDF[:25] + bytes(100) + PDF[75:], "it differs from byte 26 to byte 125 of 150"),
            (PDF[:25] + bytes(100) + PDF[76:], ""),
            (PDF[:24] + bytes(100) + PDF[75:], ""),
            (PDF[:60] + PDF, "it differs from byte 61 to byte 121 of 160"),
            (b"x" * 100, ""),
            (b"x" + PDF, "it differs from byte 1 to byte 2 of 101"),
            (PDF[:60] + PDF[61:], "byte 61 of 99 differs"),
            (PDF[:60] + PDF[59:], "it differs from byte 61 to byte 62 of 101"),
        ],
    )
    def test_the_bytes_are_named(self, form: IssuedForm, inspect: Inspect, pdf: bytes, change: str) -> None:
        inspect(seal=SealCheck(form.key, "it was changed after it was sealed"))
        answer = check_file(pdf, load_known_keys())
        named = f": {change}" if change else ""
        assert (answer.verdict, answer.form) == (FormVerdict.CHANGED, form)
        assert answer.sentence == f"This form was changed after it was issued{named}. Do not rely on it."

    def test_a_resealed_file_is_compared_too(self, form: IssuedForm, inspect: Inspect) -> None:  # noqa: ARG002 - the form
        inspect()
        assert verify(PDF + b"\n")[0] is FormVerdict.CHANGED

    def test_without_the_issued_file_the_seal_decides(self, form: IssuedForm, inspect: Inspect) -> None:
        file_store.remove(form.sha256)
        inspect()
        assert verify(PDF + b"\n")[0] is FormVerdict.CURRENT


class TestCode:
    def test_a_signed_code_of_a_form_is_current_or_superseded(self, form: IssuedForm) -> None:
        code = build_code(form)
        answer = check_code(sign(code), load_known_keys())
        assert (answer.verdict, answer.form, answer.code) == (FormVerdict.CURRENT, form, code)
        with transaction():
            form.superseded_at = clock.now()
            factories.leave_unsealed()
        answer = check_code(sign(code), load_known_keys())
        assert (answer.verdict, answer.form, answer.code) == (FormVerdict.SUPERSEDED, form, code)

    def test_a_code_that_nobody_here_signed_is_not_issued_here(self, form: IssuedForm) -> None:
        code = build_code(form)
        for text, known in ((code.text("00" * 64), load_known_keys()), (sign(code), {}), ("x", load_known_keys())):
            assert check_code(text, known).verdict is FormVerdict.NOT_ISSUED_HERE

    def test_a_code_of_another_ledger_is_named_only_if_it_is_signed(self, form: IssuedForm) -> None:
        other = replace(build_code(form), ledger_head="0" * 64)
        answer = check_code(sign(other), load_known_keys())
        assert (answer.verdict, answer.code) == (FormVerdict.OTHER_LEDGER, other)
        assert check_code(other.text("00" * 64), load_known_keys()).verdict is FormVerdict.NOT_ISSUED_HERE

    @pytest.mark.parametrize("change", [{"round": 2}, {"snapshot_hash": "0" * 64}, {"number": "0b" * 16}])
    def test_a_code_must_agree_with_its_form_in_every_detail(
        self, form: IssuedForm, change: dict[str, object]
    ) -> None:
        other = replace(build_code(form), **change)  # type: ignore[arg-type]  # each is of its field's type
        assert check_code(sign(other), load_known_keys()).verdict is FormVerdict.NOT_ISSUED_HERE


class TestCurrent:
    def test_a_form_is_current_while_its_unit_is_verified_or_claimed(self, form: IssuedForm) -> None:
        for state in AttemptState:
            form.attempt.state = state
            expected = state in {AttemptState.VERIFIED, AttemptState.CERTIFICATE_CLAIMED}
            with db.session.no_autoflush:
                assert is_current(form) is expected

    @pytest.mark.parametrize("act", ["attempt_reopened", "attempt_voided"])
    def test_an_event_since_its_issue_ends_it_whatever_its_row_says(
        self, world: World, form: IssuedForm, act: str
    ) -> None:
        dan = factories.make_actor(world.dan)
        same_id = db.session.get_one(Person, world.cfacc15.id)
        for subject, name in ((world.cfacc15, "unit_moved_on"), (world.inscc004, act), (same_id, act)):
            with transaction():
                record(name, subject, dan)
            assert is_current(form)
        with transaction():
            record(act, world.cfacc15, dan)
        assert not is_current(form)
        form.ledger_size = events.get_head()[0]
        with db.session.no_autoflush:
            assert is_current(form), "the event came before it"


class TestFolder:
    def test_the_keys_of_a_folder_are_those_with_a_certificate_and_a_given_fingerprint(
        self, form: IssuedForm, app: Flask
    ) -> None:
        folder = app.config["KEYS_PATH"]
        with transaction():
            other = keys.make_key()
        assert set(load_keys_from_folder(folder)) == {form.key, other.name}
        fingerprint = compute_fingerprint(other.public_key)
        [known] = load_keys_from_folder(folder, [fingerprint]).values()
        assert (known.public_key, known.certificate, known.is_trusted) == (other.public_key, other.certificate, True)
        (folder / f"{other.name}.seal.crt").unlink()
        assert set(load_keys_from_folder(folder)) == {form.key}
        with pytest.raises(Refused, match="There is no public key with a given fingerprint in"):
            load_keys_from_folder(folder, [fingerprint])

    def test_a_folder_without_keys_is_refused(self, app: Flask, tmp_path: Path) -> None:  # noqa: ARG002 - its settings
        with pytest.raises(Refused, match="There is no public key in"):
            load_keys_from_folder(tmp_path)
