"""What the checks of issued forms find: the file, its seal, what it prints, and whether it is current."""

from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.integrity.given_records import NOON, build_event, build_snapshot
from tracker.integrity import issued_forms
from tracker.integrity.issued_forms import (
    find_certificates_without_form,
    find_changed_forms,
    find_forms_of_ended_rounds,
    find_forms_with_unsigned_content,
)
from tracker.ledger.canonical_json import sha256
from tracker.models import SigningKey
from tracker.recording_forms.codes import FormCode
from tracker.recording_forms.form_content import CODE_FILE, SNAPSHOT_FILE
from tracker.recording_forms.pdf_seals import SealCheck
from tracker.recording_forms.snapshot import DOMAIN
from tracker.vocabulary import AttemptState, SignatureRole

Values = dict[str, Any]
ATTEMPT = 7
CLAIMED, VERIFIED = AttemptState.CERTIFICATE_CLAIMED, AttemptState.VERIFIED
VERIFIER = SignatureRole.INTERNAL_VERIFIER


class TestCertificates:
    """A certificate is claimed on a verified round of which a form was issued."""

    NOT_VERIFIED = "attempt 7 is claimed, but its round was not verified"
    NO_FORM = "attempt 7 is claimed, but no form of its round was issued"

    def find_faults(
        self, signature: Values | None = None, form: Values | None = None, state: AttemptState = CLAIMED
    ) -> list[str]:
        record = build_snapshot(
            unit_attempt=[{"id": ATTEMPT, "state": state, "round": 2}],
            signature=[{"attempt_id": ATTEMPT, "round": 2, "role": VERIFIER} | (signature or {})],
            issued_form=[{"attempt_id": ATTEMPT, "round": 2} | (form or {})],
        )
        return list(find_certificates_without_form(record))

    @pytest.mark.parametrize(
        "signature", [{"role": SignatureRole.ASSESSOR}, {"round": 1}, {"superseded_at": NOON}, {"attempt_id": 8}]
    )
    def test_its_round_was_verified(self, signature: Values) -> None:
        assert self.find_faults() == []
        assert self.find_faults(signature) == [self.NOT_VERIFIED]
        assert self.find_faults(signature, state=VERIFIED) == []

    @pytest.mark.parametrize("form", [{"round": 1}, {"attempt_id": 8}])
    def test_a_form_of_its_round_was_issued(self, form: Values) -> None:
        assert self.find_faults(form=form) == [self.NO_FORM]
        assert self.find_faults(form=form, state=VERIFIED) == []


PRIVATE = Ed25519PrivateKey.generate()
NUMBER, HEAD, KEY = "0a" * 16, "0b" * 32, "0c" * 8
SNAPSHOT = b'{"v": 1}'
PDF, STORED = b"the form", "0f" * 32


def build_code(**changes: Any) -> bytes:
    """Return the signed code of the form, or of one that differs."""
    values = {
        "number": NUMBER, "round": 2, "snapshot_hash": sha256(DOMAIN, SNAPSHOT), "ledger_size": 9,
        "ledger_head": HEAD, "key": KEY,
    }  # fmt: skip
    code = FormCode(**(values | changes))
    return code.text(PRIVATE.sign(code.body).hex()).encode()


class TestFiles:
    @pytest.fixture(autouse=True)
    def pdf(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A store with the form, which is sealed and has its attachments."""
        self.seal = SealCheck(key=KEY)
        self.attached = {CODE_FILE: build_code(), SNAPSHOT_FILE: SNAPSHOT}

        def check_seal(pdf: bytes, certificates: dict[str, str]) -> SealCheck:
            assert (pdf, certificates) == (PDF, {KEY: "a certificate"})
            return self.seal

        faults = {STORED: None}
        monkeypatch.setattr(issued_forms, "find_file_fault", lambda sha256: faults.get(sha256, "is gone"))
        monkeypatch.setattr(issued_forms, "file_store", SimpleNamespace(read={STORED: PDF}.get))
        monkeypatch.setattr(issued_forms, "check_seal", check_seal)
        monkeypatch.setattr(issued_forms, "read_attachments", lambda _: self.attached)

    def find_faults(self, *, is_trusted: bool = True, **changes: Any) -> list[str]:
        row = {
            "sha256": STORED, "size": len(PDF), "number": NUMBER, "round": 2, "key": KEY,
            "snapshot_hash": sha256(DOMAIN, SNAPSHOT), "ledger_size": 9, "ledger_head": HEAD,
        }  # fmt: skip
        record = build_snapshot(
            build_event("portfolio_erased", ("erasure", 1), forms=[5]), issued_form=[row | changes]
        )
        key = SigningKey(public_key=PRIVATE.public_key().public_bytes_raw().hex(), certificate="a certificate")
        record.trusted_keys = {KEY: key} if is_trusted else {}
        return [fault.removeprefix("issued form 1: ") for fault in find_changed_forms(record)]

    def test_a_form_is_the_file_that_was_sealed(self) -> None:
        assert self.find_faults() == []

    def test_its_key_is_trusted(self) -> None:
        assert self.find_faults(is_trusted=False) == [f"its key {KEY} is not a trusted key of this installation"]

    def test_its_file_is_there(self) -> None:
        assert self.find_faults(sha256="0d" * 32) == ["its file is gone"]

    def test_its_file_has_the_size(self) -> None:
        assert self.find_faults(size=9) == ["its file is not 9 bytes long"]

    def test_an_erased_form_has_no_file(self) -> None:
        assert self.find_faults(id=5, sha256="0d" * 32, key="x") == []

    def test_it_is_sealed_with_its_own_key(self) -> None:
        self.seal = SealCheck(key=KEY, fault="it was changed after it was sealed")
        assert self.find_faults() == ["it was changed after it was sealed"]
        self.seal = SealCheck(key="0e" * 8)
        assert self.find_faults() == ["it was sealed with another key"]

    @pytest.mark.parametrize(
        "code",
        [
            b"",
            "§".encode(),
            b"no code",
            build_code(round=3),
            build_code(number="0d" * 16),
            build_code(ledger_head="0d" * 32),
            build_code(key="0d" * 8),
            build_code()[:-2] + b"AA",
        ],
    )
    def test_its_code_is_signed_and_names_the_form(self, code: bytes) -> None:
        self.attached[CODE_FILE] = code
        assert self.find_faults() == ["its code is not signed, or names another form"]

    def test_its_attachments_are_there(self) -> None:
        self.attached = {}
        assert self.find_faults() == [
            "its code is not signed, or names another form",
            "the snapshot in it is not the one it names",
        ]

    def test_its_snapshot_is_the_one_it_names(self) -> None:
        self.attached[SNAPSHOT_FILE] = b"{}"
        assert self.find_faults() == ["the snapshot in it is not the one it names"]


class TestContent:
    def find_faults(self, signature: Values | None = None, **form: Any) -> list[str]:
        verified = {"attempt_id": ATTEMPT, "round": 2, "snapshot_hash": "0a", "role": VERIFIER}
        issued = {"attempt_id": ATTEMPT, "round": 2, "snapshot_hash": "0a", "ledger_size": 1, "ledger_head": HEAD}
        record = build_snapshot(signature=[verified | (signature or {})], issued_form=[issued | form])
        record.hashes = {1: HEAD, 2: "0d" * 32}
        return list(find_forms_with_unsigned_content(record))

    @pytest.mark.parametrize(
        "signature", [{"role": SignatureRole.ASSESSOR}, {"round": 1}, {"attempt_id": 8}, {"snapshot_hash": "0b"}]
    )
    def test_a_form_prints_what_an_internal_verifier_signed(self, signature: Values) -> None:
        assert self.find_faults() == []
        assert self.find_faults(signature) == [
            "issued form 1 prints content that no internal verifier signed in that round"
        ]

    def test_it_names_an_event_of_the_ledger(self) -> None:
        fault = "issued form 1 has another hash of event {} than the ledger"
        assert self.find_faults(ledger_size=2) == [fault.format(2)]
        assert self.find_faults(ledger_size=3) == [fault.format(3)]
        assert self.find_faults(ledger_size=0, ledger_head=None) == [fault.format(0)]


class TestCurrentForms:
    @pytest.mark.parametrize(
        ("state", "form", "is_named"),
        [
            (VERIFIED, {}, False),
            (CLAIMED, {}, False),
            (AttemptState.VOID, {}, False),
            (AttemptState.IN_PROGRESS, {}, True),
            (VERIFIED, {"round": 1}, True),
            (VERIFIED, {"round": 1, "superseded_at": NOON}, False),
            (AttemptState.IN_PROGRESS, {"superseded_at": NOON}, False),
        ],
    )
    def test_a_form_of_an_ended_round_is_superseded(self, state: AttemptState, form: Values, is_named: bool) -> None:
        record = build_snapshot(
            unit_attempt=[{"id": ATTEMPT, "state": state, "round": 2}],
            issued_form=[{"attempt_id": ATTEMPT, "round": 2} | form],
        )
        fault = "issued form 1 is marked current, but its round has ended"
        assert list(find_forms_of_ended_rounds(record)) == ([fault] if is_named else [])
