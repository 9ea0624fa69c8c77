"""Checks of signatures: a forged code of a form, and a snapshot replaced together with its hash."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest

from tracker.integrity import issued_forms, signed_rounds
from tracker.integrity.ledger_snapshot import LedgerSnapshot
from tracker.ledger.canonical_json import sha256
from tracker.recording_forms.form_content import CODE_FILE
from tracker.recording_forms.snapshot import DOMAIN

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("demonstration")]


def test_a_form_whose_code_has_another_signature_is_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    read_attachments = issued_forms.read_attachments  # type: ignore[attr-defined]  # the name that the checks call

    def forge_code(pdf: bytes) -> dict[str, bytes]:
        attached = read_attachments(pdf)
        code = attached[CODE_FILE]
        raw = urlsafe_b64decode(code + b"=" * (-len(code) % 4))
        forged_code = urlsafe_b64encode(raw[:-1] + bytes([raw[-1] ^ 1])).rstrip(b"=")
        return {**attached, CODE_FILE: forged_code}

    monkeypatch.setattr(issued_forms, "read_attachments", forge_code)
    faults = list(issued_forms.find_changed_forms(LedgerSnapshot()))
    assert faults
    assert all(fault.endswith("its code is not signed, or names another form") for fault in faults)


def test_a_snapshot_replaced_together_with_its_hash_is_detected() -> None:
    ledger = LedgerSnapshot()
    row = dict(next(iter(ledger.rows("signature").values())))
    row |= {"snapshot": "{}", "snapshot_hash": sha256(DOMAIN, b"{}")}
    ledger.rows("signature")[row["id"]] = row
    faults = list(signed_rounds.find_changed_snapshots(ledger))
    assert any(fault.endswith("(unit_signed) records another snapshot") for fault in faults), faults
