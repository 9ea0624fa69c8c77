"""Checks of issued forms: the file as it was sealed, what it prints, and none current after its round."""

from collections.abc import Iterator

from tracker.integrity.invariants import invariant
from tracker.integrity.ledger_snapshot import LedgerSnapshot, Row
from tracker.ledger import keys
from tracker.ledger.canonical_json import sha256
from tracker.recording_forms.codes import FormCode, parse_code
from tracker.recording_forms.form_content import CODE_FILE, SNAPSHOT_FILE
from tracker.recording_forms.pdf_seals import check_seal, read_attachments
from tracker.recording_forms.snapshot import DOMAIN
from tracker.storage import file_store
from tracker.storage.file_references import find_file_fault
from tracker.vocabulary import AttemptState, SignatureRole


@invariant(20, "every certificate claimed rests on a verified unit attempt and a stored form")
def find_certificates_without_form(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each claimed certificate without verification or stored form. docs/integrity.md, invariant 20."""
    for key, attempt in ledger.rows("unit_attempt").items():
        if attempt["state"] != AttemptState.CERTIFICATE_CLAIMED:
            continue
        verified = any(
            row["role"] == SignatureRole.INTERNAL_VERIFIER
            and row["round"] == attempt["round"]
            and row["superseded_at"] is None
            for row in ledger.group_rows("signature", "attempt_id")[key]
        )
        if not verified:
            yield f"attempt {key} is claimed, but its round was not verified"
        if not any(row["round"] == attempt["round"] for row in ledger.group_rows("issued_form", "attempt_id")[key]):
            yield f"attempt {key} is claimed, but no form of its round was issued"


@invariant(21, "every issued form is the file that was sealed", {"issued_form": ("sha256", "size", "number")})
def find_changed_forms(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each issued form whose file or seal is not as recorded. docs/integrity.md, invariant 21."""
    certificates = {name: key.certificate for name, key in ledger.trusted_keys.items()}
    public = {name: key.public_key for name, key in ledger.trusted_keys.items()}
    erased = ledger.list_erased_ids("forms")
    for key, row in ledger.rows("issued_form").items():
        if key in erased:
            continue
        if row["key"] not in ledger.trusted_keys:
            yield f"issued form {key}: its key {row['key']} is not a trusted key of this installation"
            continue
        if fault := find_file_fault(row["sha256"]):
            yield f"issued form {key}: its file {fault}"
            continue
        pdf = file_store.read(row["sha256"])
        if len(pdf) != row["size"]:
            yield f"issued form {key}: its file is not {row['size']} bytes long"
        seal = check_seal(pdf, certificates)
        if not seal.is_intact or seal.key != row["key"]:
            yield f"issued form {key}: {seal.fault or 'it was sealed with another key'}"
        attached = read_attachments(pdf)
        if not _is_code_valid(row, attached.get(CODE_FILE, b""), public):
            yield f"issued form {key}: its code is not signed, or names another form"
        if sha256(DOMAIN, attached.get(SNAPSHOT_FILE, b"")) != row["snapshot_hash"]:
            yield f"issued form {key}: the snapshot in it is not the one it names"


@invariant(
    21, "every issued form prints what was signed", {"issued_form": ("snapshot_hash", "ledger_size", "ledger_head")}
)
def find_forms_with_unsigned_content(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each form that prints anything but what was signed. docs/integrity.md, invariant 21.

    A form also names the ledger's length and last hash, like a checkpoint.
    """
    verified = {
        (row["attempt_id"], row["round"], row["snapshot_hash"])
        for row in ledger.rows("signature").values()
        if row["role"] == SignatureRole.INTERNAL_VERIFIER
    }
    for key, row in ledger.rows("issued_form").items():
        if (row["attempt_id"], row["round"], row["snapshot_hash"]) not in verified:
            yield f"issued form {key} prints content that no internal verifier signed in that round"
        size = row["ledger_size"]
        if size < 1 or ledger.find_hash(size) != row["ledger_head"]:
            yield f"issued form {key} has another hash of event {size} than the ledger"


@invariant(22, "no form of an ended round is served as current", {"issued_form": ("superseded_at", "round")})
def find_forms_of_ended_rounds(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each current form of an ended round. docs/integrity.md, invariant 22."""
    current = {AttemptState.VERIFIED, AttemptState.CERTIFICATE_CLAIMED, AttemptState.VOID}
    for key, row in ledger.rows("issued_form").items():
        attempt = ledger.rows("unit_attempt")[row["attempt_id"]]
        if row["superseded_at"] is None and (row["round"] != attempt["round"] or attempt["state"] not in current):
            yield f"issued form {key} is marked current, but its round has ended"


def _is_code_valid(row: Row, text: bytes, public: dict[str, str]) -> bool:
    """Return whether a form's code is signed by its key and agrees with its row."""
    try:
        code, signature = parse_code(text.decode("ascii"))
    except ValueError:
        return False
    expected = FormCode(
        row["number"], row["round"], row["snapshot_hash"], row["ledger_size"], row["ledger_head"], row["key"]
    )
    return code == expected and code.key in public and keys.is_signed(public[code.key], signature, code.body)
