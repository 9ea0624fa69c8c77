"""Verification of issued forms: by the PDF file, or by the QR code printed on it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sqlalchemy import exists, select

from tracker.errors import Refused
from tracker.extensions import db
from tracker.ledger import events, keys
from tracker.ledger.canonical_json import sha256
from tracker.ledger.trust_anchor import TrustAnchor, compute_fingerprint, load_anchor, load_key_checks
from tracker.models import Event, IssuedForm, UnitAttempt
from tracker.recording_forms.codes import FormCode, parse_code
from tracker.recording_forms.form_content import CODE_FILE, SNAPSHOT_FILE
from tracker.recording_forms.issuing import ISSUE_STATES
from tracker.recording_forms.pdf_inspection import Inspection, inspect_pdf
from tracker.recording_forms.snapshot import DOMAIN
from tracker.storage import file_store

SUPERSEDED = "It is no longer current: the unit was reopened or made void after the form was issued."
ASK_CENTRE = "Ask the centre for the issued PDF file."
CODE_ONLY = (
    "The code proves only that the form was issued. To check that nothing on it was changed, upload the PDF file."
)
DO_NOT_RELY = "Do not rely on it."
ENDING_ACTS = ("attempt_reopened", "attempt_voided")
"""The acts after which a form issued before is no longer current."""
KEY_NOT_TRUSTED = (
    "This form cannot be checked: this system cannot confirm the key it was made with. Do not rely on it until the "
    "centre’s system operator has run `flask verify`."
)


class FormVerdict(StrEnum):
    """What a file or a code turned out to be."""

    CURRENT = "current"
    SUPERSEDED = "superseded"
    SEALED_HERE = "sealed_here"
    """Sealed by this installation; whether it is current cannot be known without the database."""
    CHANGED = "changed"
    NOT_ISSUED_HERE = "not_issued_here"
    KEY_NOT_TRUSTED = "key_not_trusted"
    """Made with a key of the database that nothing outside the database vouches for."""
    OTHER_LEDGER = "other_ledger"
    """Made here, but the ledger that it names is not an earlier state of the one kept here now."""


@dataclass(frozen=True)
class KnownKey:
    """The public part of a signing key: for codes in hex, for seals as a certificate."""

    public_key: str
    certificate: str
    is_trusted: bool = True
    """Whether something outside the database vouches for it (docs/integrity.md, Trust anchor)."""


@dataclass(frozen=True)
class FormVerification:
    """The result of a verification, with the sentence for the person who asked."""

    verdict: FormVerdict
    sentence: str
    form: IssuedForm | None = None
    """The issued form, where it is known which one it is."""
    code: FormCode | None = None


def load_known_keys(anchor: TrustAnchor | None = None) -> dict[str, KnownKey]:
    """Return every key of the installation by its name.

    Args:
        anchor: the keys that are trusted; by default those of the settings.
    """
    return {
        check.key.name: KnownKey(check.key.public_key, check.key.certificate, check.is_trusted)
        for check in load_key_checks(anchor or load_anchor())
    }


def load_keys_from_folder(folder: Path, fingerprints: Iterable[str] = ()) -> dict[str, KnownKey]:
    """Return the public keys in a folder by their names, or only those with the given fingerprints.

    Raises:
        Refused: there are none, or a file is not the public key it is named after.
    """
    anchor = load_anchor(folder, fingerprints)
    if anchor.faults:
        raise Refused(f"{anchor.faults[0]}. The folder is {folder}.")
    known = {}
    for name, public_key in anchor.public_keys.items():
        certificate = folder / f"{name}.seal.crt"
        if compute_fingerprint(public_key) in anchor.fingerprints and certificate.exists():
            known[name] = KnownKey(public_key, certificate.read_text(encoding="ascii"))
    if not known:
        which = "with a given fingerprint " if fingerprints else ""
        raise Refused(f"There is no public key {which}in {folder}. Put the files NAME.pub and NAME.seal.crt there.")
    return known


def check_file(pdf: bytes, known: Mapping[str, KnownKey], *, offline: bool = False) -> FormVerification:
    """Return whether a PDF is a form as it was issued here, changed since, or not issued here.

    `offline` uses no database. Raises `Invalid` for a file that is no PDF or is too large.
    """
    inspection = inspect_pdf(pdf, {name: each.certificate for name, each in known.items()})
    sealing_key = known.get(inspection.seal.key)
    if sealing_key and not sealing_key.is_trusted:
        return FormVerification(FormVerdict.KEY_NOT_TRUSTED, KEY_NOT_TRUSTED)
    code = _find_code(inspection, known)
    if code and not offline and (difference := _find_ledger_difference(code)):
        return FormVerification(FormVerdict.OTHER_LEDGER, difference, code=code)
    form = find_form(code) if code and not offline else None
    if not inspection.seal.is_intact:
        return _verify_unsealed(pdf, inspection, form)
    fault = _find_fault(inspection, code)
    if fault:
        return FormVerification(FormVerdict.CHANGED, f"This form has a seal from here, but {fault}. {DO_NOT_RELY}")
    if offline:
        return FormVerification(
            FormVerdict.SEALED_HERE,
            "This form was sealed with this key, and nothing in it has changed since. Only the centre’s own system "
            "knows whether it is still current.",
            code=code,
        )
    return _verify_sealed(pdf, form, code)


def check_code(text: str, known: Mapping[str, KnownKey]) -> FormVerification:
    """Return whether the form that a code names was issued here; the paper around the code is not checked."""
    try:
        code, signature = parse_code(text)
    except ValueError:
        return FormVerification(
            FormVerdict.NOT_ISSUED_HERE, "This is not the code of a form issued here. Scan the QR code again."
        )
    key = known.get(code.key)
    if key and not key.is_trusted:
        return FormVerification(FormVerdict.KEY_NOT_TRUSTED, KEY_NOT_TRUSTED)
    is_signed = key is not None and keys.is_signed(key.public_key, signature, code.body)
    if is_signed and (difference := _find_ledger_difference(code)):
        return FormVerification(FormVerdict.OTHER_LEDGER, difference, code=code)
    form = find_form(code) if is_signed else None
    if form is None:
        return FormVerification(
            FormVerdict.NOT_ISSUED_HERE,
            f"This code was not made here, so the form was not issued here. {DO_NOT_RELY}",
        )
    if is_current(form):
        return FormVerification(
            FormVerdict.CURRENT, f"The form with this code was issued here and is current. {CODE_ONLY}", form, code
        )
    return FormVerification(
        FormVerdict.SUPERSEDED, f"The form with this code was issued here. {SUPERSEDED} {CODE_ONLY}", form, code
    )


def _find_ledger_difference(code: FormCode) -> str:
    """Return the sentence that says how a signed code contradicts the ledger; empty where it does not.

    A code is a checkpoint too: it shows when the ledger went back to an earlier state, or was written anew.
    """
    head = db.session.scalar(select(Event.hash).where(Event.seq == code.ledger_size))
    if head == code.ledger_head:
        return ""
    size, _ = events.get_head()
    now_is = f"has only {size:,}" if head is None else f"has another event {code.ledger_size:,}"
    return (
        f"This code was signed here when the ledger had {code.ledger_size:,} events. The ledger kept here now "
        f"{now_is}: records were lost or changed since. Keep this form, and ask the centre what happened."
    )


def find_form(code: FormCode) -> IssuedForm | None:
    """Return the issued form that a code names; None where any detail of the two differs."""
    form = db.session.scalars(select(IssuedForm).where(IssuedForm.number == code.number)).one_or_none()
    if form is None:
        return None
    recorded = (form.round, form.snapshot_hash, form.ledger_size, form.ledger_head, form.key)
    stated = (code.round, code.snapshot_hash, code.ledger_size, code.ledger_head, code.key)
    return form if recorded == stated else None


def is_current(form: IssuedForm) -> bool:
    """Return whether an issued form is the current one of its unit, by its row and by the events since its issue."""
    has_ended = exists().where(
        Event.object_type == UnitAttempt.__tablename__, Event.object_id == form.attempt_id,
        Event.act.in_(ENDING_ACTS), Event.seq > form.ledger_size,
    )  # fmt: skip
    return (
        form.superseded_at is None and form.attempt.state in ISSUE_STATES and not db.session.scalar(select(has_ended))
    )


def _verify_sealed(pdf: bytes, form: IssuedForm | None, code: FormCode | None) -> FormVerification:
    """Compare a form with an intact seal with the records."""
    if form is None:
        return FormVerification(
            FormVerdict.NOT_ISSUED_HERE,
            f"This form has a seal from here, but it is not in the records. {DO_NOT_RELY}",
        )
    if difference := _difference(pdf, form):
        return FormVerification(FormVerdict.CHANGED, difference, form)
    if is_current(form):
        return FormVerification(
            FormVerdict.CURRENT, "This form was issued here. It is unchanged and current.", form, code
        )
    return FormVerification(
        FormVerdict.SUPERSEDED, f"This form was issued here and is unchanged. {SUPERSEDED}", form, code
    )


def _verify_unsealed(pdf: bytes, inspection: Inspection, form: IssuedForm | None) -> FormVerification:
    difference = _difference(pdf, form) if form else ""
    if difference:
        return FormVerification(FormVerdict.CHANGED, difference, form)
    if inspection.seal.key:
        return FormVerification(
            FormVerdict.CHANGED, f"This form was changed after it was issued: {inspection.seal.fault}. {DO_NOT_RELY}"
        )
    return FormVerification(
        FormVerdict.NOT_ISSUED_HERE,
        f"This file is not a form that was issued here: {inspection.seal.fault}. {ASK_CENTRE}",
    )


def _find_code(inspection: Inspection, known: Mapping[str, KnownKey]) -> FormCode | None:
    """Return the code attached to a file, if one of our keys signed it."""
    try:
        code, signature = parse_code(inspection.attachments.get(CODE_FILE, b"").decode("ascii"))
    except ValueError:
        return None
    key = known.get(code.key)
    return code if key and key.is_trusted and keys.is_signed(key.public_key, signature, code.body) else None


def _find_fault(inspection: Inspection, code: FormCode | None) -> str:
    """Return what contradicts the seal, to follow “but”; empty where nothing does."""
    if code is None:
        return "it has no code from here"
    if code.key != inspection.seal.key:
        return "its code and its seal were made with different keys"
    if sha256(DOMAIN, inspection.attachments.get(SNAPSHOT_FILE, b"")) != code.snapshot_hash:
        return "the signed content in it is not the one its code names"
    return ""


def _difference(pdf: bytes, form: IssuedForm) -> str:
    """Return the sentence that says which bytes differ from the file that was issued; empty where none do.

    The bytes are named only to somebody who has most of the file. The code alone, which is printed on paper, leads
    here too: to its reader, each answer would give away one byte of the form.
    """
    try:
        issued = file_store.read(form.sha256)
    except OSError:
        return ""
    if pdf == issued:
        return ""
    first, shorter = _count_equal(pdf, issued), min(len(pdf), len(issued))
    if first == shorter:
        change = "continues" if len(pdf) > len(issued) else "ends too early,"
        return f"This form was changed after it was issued: it {change} after byte {shorter:,}. {DO_NOT_RELY}"
    last = _count_equal(pdf[:first:-1], issued[:first:-1])
    if first + last < len(issued) // 2:
        return f"This form was changed after it was issued. {DO_NOT_RELY}"
    if len(pdf) - last == first + 1:
        return f"This form was changed after it was issued: byte {first + 1:,} of {len(pdf):,} differs. {DO_NOT_RELY}"
    return (
        f"This form was changed after it was issued: it differs from byte {first + 1:,} to byte "
        f"{len(pdf) - last:,} of {len(pdf):,}. {DO_NOT_RELY}"
    )


def _count_equal(one: bytes, other: bytes) -> int:
    """Return how many bytes two files have in common from their beginning."""
    pairs = zip(one, other, strict=False)
    return next((at for at, (first, second) in enumerate(pairs) if first != second), min(len(one), len(other)))
