"""The seal of a PDF by itself: made with one key, and checked after changes of the file."""

import asyncio
import io
import logging
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext
from pypdf import PdfReader, PdfWriter

from tracker.ledger import keys
from tracker.ledger.transactions import transaction
from tracker.models import SigningKey
from tracker.recording_forms import pdf_seals
from tracker.recording_forms.pdf_seals import SealCheck, check_seal, read_attachments, seal_pdf

HIDDEN, PRINTED = 2, 4
"""Flags of an annotation (ISO 32000-1, 12.5.3)."""


@pytest.fixture
def key(app: Flask) -> SigningKey:
    with transaction():
        return keys.make_key()


def make_pdf() -> bytes:
    """Return an empty page with an attachment."""
    writer = PdfWriter()
    writer.add_blank_page(200, 100)
    writer.add_attachment("words.txt", b"words")
    content = io.BytesIO()
    writer.write(content)
    return content.getvalue()


def seal(key: SigningKey, pdf: bytes) -> bytes:
    return seal_pdf(pdf, key.certificate.encode(), keys.read_seal_key(key.name), "Issued as form 7")


@pytest.mark.parametrize(
    ("check", "is_intact"),
    [
        (SealCheck("0a"), True),
        (SealCheck(), False),
        (SealCheck("0a", "it was changed"), False),
        (SealCheck(fault="it has no seal"), False),
    ],
)
def test_a_seal_is_intact_with_a_key_and_without_a_fault(check: SealCheck, is_intact: bool) -> None:
    assert check.is_intact is is_intact


def test_a_sealed_file_names_its_key_and_says_why_it_was_sealed(key: SigningKey) -> None:
    sealed = seal(key, make_pdf())
    assert check_seal(sealed, {key.name: key.certificate}) == SealCheck(key.name)
    field = PdfReader(io.BytesIO(sealed)).trailer["/Root"]["/AcroForm"]["/Fields"][0].get_object()
    assert field["/T"] == "Seal"
    assert field["/TU"] == "Seal of the training centre’s record"
    assert field["/V"]["/Reason"] == "Issued as form 7"
    assert field["/V"]["/SubFilter"] == "/ETSI.CAdES.detached"


def test_the_seal_is_hidden_and_not_printed(key: SigningKey) -> None:
    """An invisible seal that is not hidden would break PDF/UA."""
    field = PdfReader(io.BytesIO(seal(key, make_pdf()))).trailer["/Root"]["/AcroForm"]["/Fields"][0].get_object()
    assert field["/F"] & HIDDEN
    assert not field["/F"] & PRINTED


def test_the_seal_certifies_the_file_and_permits_no_change(key: SigningKey) -> None:
    root = PdfReader(io.BytesIO(seal(key, make_pdf()))).trailer["/Root"]
    reference = root["/Perms"]["/DocMDP"]["/Reference"][0].get_object()
    assert reference["/TransformParams"]["/P"] == 1


def test_what_was_changed_or_sealed_with_another_key_is_named(key: SigningKey) -> None:
    certificates, pdf = {key.name: key.certificate}, make_pdf()
    sealed = seal(key, pdf)
    assert check_seal(pdf, certificates) == SealCheck(fault="it has no seal; only issued forms have one")
    assert check_seal(sealed, {}) == SealCheck(fault="it was not sealed by this installation")
    assert check_seal(b"words", certificates) == SealCheck(fault="it cannot be read")
    changed = SealCheck(key.name, "it was changed after it was sealed")
    assert check_seal(sealed + b"\n% more", certificates) == changed
    assert check_seal(sealed.replace(b"/MediaBox", b"/Mediabox", 1), certificates) == changed


def test_a_changed_signature_is_named(key: SigningKey) -> None:
    """Its bytes are not covered by itself: neither those of the message, nor the zeros that fill the gap."""
    sealed, certificates = seal(key, make_pdf()), {key.name: key.certificate}
    changed = SealCheck(key.name, "it was changed after it was sealed")
    start = sealed.index(b"/Contents <") + len(b"/Contents <")
    end = sealed.index(b">", start)
    for place in (start + len(sealed[start:end].rstrip(b"0")) - 1, end - 1):
        other = b"1" if sealed[place : place + 1] != b"1" else b"2"
        assert check_seal(sealed[:place] + other + sealed[place + 1 :], certificates) == changed


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        ({}, ""),
        ({"intact": False}, "it was changed after it was sealed"),
        ({"valid": False}, "it was changed after it was sealed"),
        ({"coverage": SignatureCoverageLevel.ENTIRE_REVISION}, "it was changed after it was sealed"),
        ({"bottom_line": False}, "its seal is not valid"),
    ],
)
def test_a_seal_must_pass_each_part_of_the_check(
    key: SigningKey, monkeypatch: pytest.MonkeyPatch, status: dict[str, Any], fault: str
) -> None:
    passed = {"intact": True, "valid": True, "coverage": SignatureCoverageLevel.ENTIRE_FILE, "bottom_line": True}
    monkeypatch.setattr(pdf_seals, "validate_pdf_signature", lambda *_, **__: SimpleNamespace(**(passed | status)))
    assert check_seal(seal(key, make_pdf()), {key.name: key.certificate}) == SealCheck(key.name, fault)


def test_nothing_is_fetched_for_the_check(key: SigningKey, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[bool] = []

    def make_context(**options: Any) -> ValidationContext:
        made.append(options["allow_fetching"])
        return ValidationContext(**options)

    monkeypatch.setattr(pdf_seals, "ValidationContext", make_context)
    assert check_seal(seal(key, make_pdf()), {key.name: key.certificate}).is_intact
    assert made == [False]


def test_no_event_loop_is_left_in_the_thread() -> None:
    loop = asyncio.new_event_loop()
    with pdf_seals._own_loop():
        asyncio.set_event_loop(loop)
    with pytest.raises(RuntimeError, match="no current event loop"):
        asyncio.get_event_loop_policy().get_event_loop()
    loop.close()


def test_a_file_with_two_seals_is_not_accepted() -> None:
    reader: Any = SimpleNamespace(embedded_signatures=[object(), object()])
    assert pdf_seals._check_seal(reader, b"", {}) == SealCheck(fault="it has more than one seal")


def test_the_library_logs_nothing_of_a_hostile_file() -> None:
    logger = logging.getLogger("pyhanko")
    with pdf_seals._quiet():
        assert logger.disabled
    assert not logger.disabled


def test_attachments_are_read_by_name(key: SigningKey) -> None:
    assert read_attachments(seal(key, make_pdf())) == {"words.txt": b"words"}
    assert read_attachments(b"words") == {}
