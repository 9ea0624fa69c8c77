"""Whether a form is ours: by its file, or by the code on it. Nothing is believed that is not signed."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from sqlalchemy import select

from tracker.errors import Refused
from tracker.extensions import db
from tracker.ledger import keys
from tracker.ledger.canonical_json import sha256
from tracker.models import IssuedForm
from tracker.recording_forms.codes import FormCode, parse_code
from tracker.recording_forms.form_content import CODE_FILE, SNAPSHOT_FILE
from tracker.recording_forms.issuing import ISSUED_WHEN
from tracker.recording_forms.pdf_inspection import Inspection, inspect_pdf
from tracker.recording_forms.snapshot import DOMAIN
from tracker.storage import file_store

SUPERSEDED = "no longer current: the unit was opened again, or struck, after it was issued"
ASK = "Ask the centre for the form as it was issued."
PAPER = "The rest of the paper is not in the code: to know that none of it was changed, check the file."


class Verdict(StrEnum):
    CURRENT = "current"
    SUPERSEDED = "superseded"
    OURS = "ours"
    """Sealed by us; whether it is current cannot be told without the database."""
    CHANGED = "changed"
    NOT_OURS = "not_ours"


@dataclass(frozen=True)
class KnownKey:
    """The public halves of a key: of codes, in hex, and of seals, as a certificate."""

    public_key: str
    certificate: str


@dataclass(frozen=True)
class Answer:
    verdict: Verdict
    sentence: str
    form: IssuedForm | None = None
    """Which of ours it is, where that is known and it is ours."""
    code: FormCode | None = None


def load_known_keys() -> dict[str, KnownKey]:
    """Every key of the installation by its name."""
    return {each.name: KnownKey(each.public_key, each.certificate) for each in keys.list_keys()}


def load_keys_from_folder(folder: Path) -> dict[str, KnownKey]:
    """The public halves of keys that were handed to somebody in a folder. Raises `Refused` for none."""
    found = {}
    for path in folder.glob("*.pub"):
        name, certificate = path.stem, path.with_name(f"{path.stem}.seal.crt")
        public = load_pem_public_key(path.read_bytes())
        if isinstance(public, Ed25519PublicKey) and keys.name_of(public) == name and certificate.exists():
            found[name] = KnownKey(public.public_bytes_raw().hex(), certificate.read_text(encoding="ascii"))
    if not found:
        raise Refused(f"There is no key in {folder}: NAME.pub and NAME.seal.crt are looked for.")
    return found


def check_file(pdf: bytes, known: Mapping[str, KnownKey], *, offline: bool = False) -> Answer:
    """What a PDF is: one of ours as it was issued, changed, or none of ours.

    `offline` asks no database. Raises `Invalid` for what is no PDF or is too large.
    """
    found = inspect_pdf(pdf, {name: each.certificate for name, each in known.items()})
    code = _code_of(found, known)
    form = find_form(code) if code and not offline else None
    if not found.seal.holds:
        return _not_as_issued(pdf, found, form)
    fault = _fault_inside(found, code)
    if fault:
        return Answer(Verdict.CHANGED, f"It carries our seal, but {fault}. Do not rely on it.")
    if offline:
        return Answer(
            Verdict.OURS,
            "It was issued and sealed with this key, and nothing of it changed since. Whether it is still current "
            "only the centre's own system can say.",
            code=code,
        )
    if form is None:
        return Answer(
            Verdict.NOT_OURS, "It carries our seal, but no such form stands in the record. Do not rely on it."
        )
    if difference := _difference(pdf, form):
        return Answer(Verdict.CHANGED, difference, form)
    return _standing(form, code)


def check_code(text: str, known: Mapping[str, KnownKey]) -> Answer:
    """What the form is that carries this code. The paper around the code may still say anything."""
    try:
        code, signature = parse_code(text)
    except ValueError:
        return Answer(Verdict.NOT_OURS, "That is no code of a form of ours. Scan the square again.")
    key = known.get(code.key)
    form = find_form(code) if key and keys.is_signed(key.public_key, signature, code.body) else None
    if form is None:
        return Answer(Verdict.NOT_OURS, "This code was not made here: the form it stands on is not ours.")
    if is_current(form):
        return Answer(Verdict.CURRENT, f"The form with this code is ours, and current. {PAPER}", form, code)
    return Answer(Verdict.SUPERSEDED, f"The form with this code is ours, but {SUPERSEDED}. {PAPER}", form, code)


def find_form(code: FormCode) -> IssuedForm | None:
    """The issued form that a code names; None where the record says anything else than the code."""
    form = db.session.scalars(select(IssuedForm).where(IssuedForm.number == code.number)).one_or_none()
    if form is None:
        return None
    pinned = (form.round, form.snapshot_hash, form.ledger_size, form.ledger_head, form.key)
    said = (code.round, code.snapshot_hash, code.ledger_size, code.ledger_head, code.key)
    return form if pinned == said else None


def is_current(form: IssuedForm) -> bool:
    return form.superseded_at is None and form.attempt.state in ISSUED_WHEN


def _standing(form: IssuedForm, code: FormCode | None) -> Answer:
    if is_current(form):
        return Answer(Verdict.CURRENT, "This form is ours, unchanged, and current.", form, code)
    return Answer(
        Verdict.SUPERSEDED,
        f"This form is ours and unchanged, but {SUPERSEDED}.",
        form,
        code,
    )


def _not_as_issued(pdf: bytes, found: Inspection, form: IssuedForm | None) -> Answer:
    difference = _difference(pdf, form) if form else ""
    if difference:
        return Answer(Verdict.CHANGED, difference, form)
    if found.seal.key:
        return Answer(Verdict.CHANGED, f"This form is not as it was issued: {found.seal.fault}. Do not rely on it.")
    return Answer(Verdict.NOT_OURS, f"This file is not a form of ours: {found.seal.fault}. {ASK}")


def _code_of(found: Inspection, known: Mapping[str, KnownKey]) -> FormCode | None:
    """The code that a file carries, if one of our keys signed it."""
    try:
        code, signature = parse_code(found.attachments.get(CODE_FILE, b"").decode("ascii"))
    except ValueError:
        return None
    key = known.get(code.key)
    return code if key and keys.is_signed(key.public_key, signature, code.body) else None


def _fault_inside(found: Inspection, code: FormCode | None) -> str:
    if code is None:
        return "carries no code of ours"
    if code.key != found.seal.key:
        return "its code is of another key than its seal"
    if sha256(DOMAIN, found.attachments.get(SNAPSHOT_FILE, b"")) != code.snapshot_hash:
        return "the snapshot in it is not the one its code names"
    return ""


def _difference(pdf: bytes, form: IssuedForm) -> str:
    """Which bytes differ from the file that was issued; empty where none do.

    They are named to who holds most of the file. To anybody else each answer would tell a byte of it: the code, which
    is printed, leads here too.
    """
    try:
        issued = file_store.get_path(form.sha256).read_bytes()
    except OSError:
        return ""
    if pdf == issued:
        return ""
    first = next((at for at, (one, other) in enumerate(zip(pdf, issued, strict=False)) if one != other), None)
    if first is None:
        what = "ends too early" if len(pdf) < len(issued) else "goes on"
        end = min(len(pdf), len(issued))
        return f"This form is not as it was issued: it {what} after byte {end:,}. Do not rely on it."
    last = next(
        (at for at, (one, other) in enumerate(zip(reversed(pdf), reversed(issued), strict=False)) if one != other), 0
    )
    if first + last < len(issued) // 2:
        return "This form is not as it was issued. Do not rely on it."
    if len(pdf) - last == first + 1:
        return f"This form is not as it was issued: byte {first + 1:,} of {len(pdf):,} differs. Do not rely on it."
    return (
        f"This form is not as it was issued: it differs from byte {first + 1:,} to byte {len(pdf) - last:,} of "
        f"{len(pdf):,}. Do not rely on it."
    )
