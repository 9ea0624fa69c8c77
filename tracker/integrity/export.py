"""Export of the ledger as a ZIP: forms, events, checkpoints, public keys, and a script that verifies them."""

import hashlib
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import current_app
from sqlalchemy import select

from tracker.clock import now
from tracker.errors import NotFound, Refused
from tracker.extensions import db
from tracker.ledger import checkpoints, keys
from tracker.ledger.canonical_json import canonical_json
from tracker.ledger.checkpoints import Checkpoint
from tracker.ledger.events import Actor, record
from tracker.models import Centre, Event, SigningKey, UnitAttempt
from tracker.recording_forms.form_content import CODE_FILE, SNAPSHOT_FILE
from tracker.recording_forms.pdf_seals import read_attachments
from tracker.storage import file_store

DOMAIN = b"tracker.bundle.v1\0"
BUNDLE_FOLDER = Path(__file__).parent / "bundle"
NO_CHECKPOINT = (
    "A record is exported up to a signed checkpoint, and none can be written. Nothing was exported. `flask keys "
    "make` makes the first key; the log says what else is wrong."
)


@dataclass(frozen=True)
class ExportResult:
    """The numbers of events and forms in an export, the hash of its signed list, and the key that signed it."""

    events: int
    forms: int
    contents: str
    """The hash of the signed list of its files, in hex."""
    key: int
    """The id of the key that signed."""


def find_centre(number: str) -> Centre:
    """Return the centre with this number at the awarding body. Raises `NotFound`."""
    centre = db.session.scalars(select(Centre).where(Centre.number == number)).one_or_none()
    if centre is None:
        raise NotFound(f"There is no centre {number}. Nothing was exported.")
    return centre


def write_export(sink: IO[bytes], centre: Centre | None) -> ExportResult:
    """Write the ZIP with the forms of one centre, or of every one, as the ledger stands now.

    Call it with no transaction open. Raises `Refused` without a key, or where a form's file is not as it was issued.
    """
    checkpoint = checkpoints.write_due(at_once=True)
    if checkpoint is None:
        raise Refused(NO_CHECKPOINT)
    try:
        with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
            return _write_archive(archive, centre, checkpoint)
    finally:
        db.session.rollback()


def record_ledger_export(exported: ExportResult, centre: Centre | None, actor: Actor) -> None:
    """Record in the ledger that it was exported, and what the export contained."""
    record(
        "record_exported", db.session.get_one(SigningKey, exported.key), actor,
        centre=centre.id if centre else None, forms=exported.forms, contents=exported.contents,
    )  # fmt: skip


def _write_archive(archive: zipfile.ZipFile, centre: Centre | None, checkpoint: Checkpoint) -> ExportResult:
    files: dict[str, str] = {}

    def add(name: str, content: bytes, compression: int = zipfile.ZIP_DEFLATED) -> None:
        files[name] = hashlib.sha256(content).hexdigest()
        archive.writestr(name, content, compression)

    bodies = list(db.session.scalars(select(Event.body).where(Event.seq <= checkpoint.size).order_by(Event.seq)))
    add("ledger.jsonl", b"".join(body + b"\n" for body in bodies))
    add("checkpoints.jsonl", "".join(_list_checkpoint_lines(checkpoint)).encode())
    for key in keys.list_keys():
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key.public_key))
        add(f"keys/{key.name}.pub", public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        add(f"keys/{key.name}.seal.crt", key.certificate.encode("ascii"))
    forms = list(_list_forms(bodies, centre))
    for form in forms:
        for ending, content in _list_form_files(form):
            add(f"forms/{form['number']}.{ending}", content, zipfile.ZIP_STORED)
    add("README.txt", _render_readme(centre).encode())
    add("verify.py", (BUNDLE_FOLDER / "verify.py").read_bytes())
    signer = db.session.scalars(select(SigningKey).where(SigningKey.name == checkpoint.key)).one()
    contents = {
        "v": 1, "origin": checkpoint.origin, "made_at": checkpoint.at.isoformat(timespec="microseconds"),
        "centre": centre.id if centre else None, "size": checkpoint.size, "head": checkpoint.head,
        "key": checkpoint.key, "files": files,
    }  # fmt: skip
    body = DOMAIN + canonical_json(contents)
    signed = {"contents": contents, "signature": keys.sign(checkpoint.key, body)}
    archive.writestr("contents.json", json.dumps(signed, indent=1, sort_keys=True))
    return ExportResult(checkpoint.size, len(forms), hashlib.sha256(body).hexdigest(), signer.id)


def _list_checkpoint_lines(last: Checkpoint) -> Iterator[str]:
    """Yield the lines of the checkpoint file up to a checkpoint."""
    for line, checkpoint in checkpoints.read_checkpoints():
        if checkpoint is None:
            raise Refused(f"Checkpoint {line} cannot be read. Nothing was exported. For details: flask verify")
        yield f"{checkpoint.line}\n"
        if checkpoint == last:
            return


def _list_forms(bodies: list[bytes], centre: Centre | None) -> Iterator[Mapping[str, Any]]:
    """Return the forms that these events issued and that no later event erased."""
    events = [json.loads(body) for body in bodies if b'"form_issued"' in body or b'"portfolio_erased"' in body]
    erased = {form for event in events if event["act"] == "portfolio_erased" for form in event["data"]["forms"]}
    query = select(UnitAttempt.id).where(UnitAttempt.centre_id == centre.id) if centre else select(UnitAttempt.id)
    attempts = set(db.session.scalars(query))
    for event in events:
        if (
            event["act"] == "form_issued"
            and event["object"]["id"] not in erased
            and event["data"]["attempt"] in attempts
        ):
            yield event["data"]


def _list_form_files(form: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Return a form's file as it was issued, with its snapshot and code."""
    try:
        pdf = file_store.read(form["sha256"])
    except OSError as error:
        raise Refused(
            f"The file of form {form['number']} is missing or was changed. Nothing was exported. "
            "For details: flask verify"
        ) from error
    attachments = read_attachments(pdf)
    yield "pdf", pdf
    yield "json", attachments[SNAPSHOT_FILE]
    yield "code", attachments[CODE_FILE]


def _render_readme(centre: Centre | None) -> str:
    scope = f"{centre.name} ({centre.number})" if centre else "every centre"
    origin: str = current_app.config["SETTINGS"].base_url
    text = (BUNDLE_FOLDER / "README.txt").read_text(encoding="utf-8")
    return text.format(moment=f"{now():%Y-%m-%d %H:%M}", origin=origin, scope=scope)
