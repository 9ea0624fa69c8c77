"""Export of a person's own data as a ZIP: read in one transaction, and packed after it has ended."""

import json
import tempfile
import zipfile
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any

from tracker.clock import now
from tracker.extensions import db
from tracker.ledger.events import Actor, record
from tracker.models import Person
from tracker.privacy.export_account import read_account
from tracker.privacy.export_portfolio import list_own_attachments, list_own_forms, read_portfolio
from tracker.privacy.export_staff_work import read_work
from tracker.storage import file_store
from tracker.storage.zip_names import make_safe_name
from tracker.web.formatting import moment

README = """Everything stored about {name} on {moment}.

data.json    Your account, roles, signed-in browsers, two-step verification, the emails you were sent, text that was
             not saved, jobs you started, and everything you did. For candidates: registrations, units, evidence with
             every version, claims, assessment decisions, signatures, and who opened your portfolio. For staff: your
             staff record, and what you wrote and signed. Any text editor opens it. Times are in UTC: in winter the
             same as British time, in summer an hour earlier.
files/       The files you added to your evidence, including those you removed.
forms/       The recording forms issued for your units. They are sealed, so they show the names as printed.

Left out: everything about other people. They are called by their role (“your assessor”, “the candidate”), and
the only email address is yours. Also left out: your password and recovery codes, which nobody can read; the
secret of your authenticator app; assessments that your assessor has not released; and an internal verifier’s
notes on the assessor’s work.
{missing}
To have something corrected or erased, ask your centre’s administrator.
"""
MISSING = """
Missing files: {count}. They could not be read. In data.json they have “in_this_zip”: null. Ask your centre’s
administrator, who may have a backup.
"""


@dataclass(frozen=True)
class ZipEntry:
    """A file of the ZIP: its path there, and the hash under which it is stored."""

    path: str
    sha256: str


@dataclass(frozen=True)
class DataExport:
    """The data and files to pack, as plain values that need no open transaction."""

    name: str
    content: dict[str, Any]
    files: tuple[ZipEntry, ...]
    missing: int


def build_data_export(person: Person) -> DataExport:
    """Read everything stored about a person. Other people appear by their role only."""
    files: list[ZipEntry] = []
    paths: dict[int, str] = {}
    missing = 0
    for attachment, number in list_own_attachments(person):
        if not file_store.exists(attachment.sha256):
            missing += 1
            continue
        item = f"evidence-{number}" if number else "drafts"
        paths[attachment.id] = f"files/{item}/{attachment.id}-{make_safe_name(attachment.name)}"
        files.append(ZipEntry(paths[attachment.id], attachment.sha256))
    for form, slug in list_own_forms(person):
        if file_store.exists(form.sha256):
            files.append(ZipEntry(f"forms/{slug}-round-{form.round}-{form.id}.pdf", form.sha256))
        else:
            missing += 1
    content = {
        "read_at": now().isoformat(),
        **read_account(person),
        "as_a_candidate": read_portfolio(person, paths),
        "as_staff": read_work(person),
    }
    return DataExport(person.name, content, tuple(files), missing)


def write_zip(data: DataExport) -> IO[bytes]:
    """Return the ZIP as a temporary file, deleted when it is closed. Slow: call it with no transaction open."""
    packed = tempfile.TemporaryFile()  # noqa: SIM115 - the response that sends it closes it
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", _render_readme(data))
        archive.writestr("data.json", json.dumps(data.content, indent=1, ensure_ascii=False))
        for each in data.files:  # stored uncompressed: images, videos and PDFs are compressed already
            with file_store.local(each.sha256) as path:
                archive.write(path, each.path, zipfile.ZIP_STORED)
    packed.seek(0)
    return packed


def record_data_export(person: Person, actor: Actor, data: DataExport) -> None:
    """Record in the ledger that a person downloaded their own data, and with how many files."""
    record("data_exported", person, actor, files=len(data.files))


def export_own_data(person_id: int) -> tuple[DataExport, IO[bytes]]:
    """Read a person's data and pack it; the caller holds no lock, and records the export afterwards."""
    data = build_data_export(db.session.get_one(Person, person_id))
    db.session.rollback()
    return data, write_zip(data)


def _render_readme(data: DataExport) -> str:
    missing = MISSING.format(count=data.missing) if data.missing else ""
    read_at = moment(datetime.fromisoformat(data.content["read_at"]))
    return README.format(name=data.name, moment=read_at, missing=missing)
