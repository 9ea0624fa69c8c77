"""A person's own data as a ZIP: what is kept is read at one moment, and packed with no transaction open."""

import json
import re
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
from tracker.web.formatting import moment

MAX_NAME_LENGTH = 100
README = """Everything kept about {name}, as it was on {moment}.

data.json    Your account, your roles, the browsers you were signed in with, your second factors, what you were
             mailed about, and what you did, line by line. If you are a candidate: your registrations, your units,
             your evidence with every version, your claims, what was decided about them, every signature, and when
             your portfolio was opened. If you assess, verify or administer: what you wrote and signed. Any text
             editor opens it. Its times are UTC: British time in winter, an hour behind it in summer.
files/       The files you added to your evidence, those you took out again among them.
forms/       Recording forms issued for your units. They are sealed, so they show the names that were printed.

Left out: whatever is about other people. They are called by what they are to you (“your assessor”, “the candidate”),
and nobody's address is in it but yours. Also left out: your password and recovery codes, which nobody can read; the
secret of your authenticator app; assessments that your assessor has not released; and an internal verifier's notes
on the assessor's work.
{missing}
To have something corrected or erased, ask your centre's administrator.
"""
MISSING = """
Missing: {count} of your files could not be read and is not here. data.json names each by “in_this_zip”: null.
Ask your centre's administrator; a backup may hold it.
"""


@dataclass(frozen=True)
class Packed:
    """One file of the ZIP: where it lies there, and by which hash it is kept."""

    place: str
    sha256: str


@dataclass(frozen=True)
class OwnData:
    """What is to be packed, in plain values: no open transaction."""

    name: str
    told: dict[str, Any]
    files: tuple[Packed, ...]
    missing: int


def read_own_data(person: Person) -> OwnData:
    """Everything kept about a person. Other people are in it by their role alone."""
    files: list[Packed] = []
    places: dict[int, str] = {}
    missing = 0
    for attachment, number in list_own_attachments(person):
        if not file_store.get_path(attachment.sha256).exists():
            missing += 1
            continue
        item = f"evidence-{number}" if number else "drafts"
        places[attachment.id] = f"files/{item}/{attachment.id}-{safe_name(attachment.name)}"
        files.append(Packed(places[attachment.id], attachment.sha256))
    for form, slug in list_own_forms(person):
        if file_store.get_path(form.sha256).exists():
            files.append(Packed(f"forms/{slug}-round-{form.round}-{form.id}.pdf", form.sha256))
        else:
            missing += 1
    told = {
        "read_at": now().isoformat(),
        **read_account(person),
        "as_a_candidate": read_portfolio(person, places),
        "as_staff": read_work(person),
    }
    return OwnData(person.name, told, tuple(files), missing)


def pack(data: OwnData) -> IO[bytes]:
    """The ZIP in a temporary file, which goes when it is closed. Call it with no transaction open."""
    packed = tempfile.TemporaryFile()  # noqa: SIM115 - the answer that sends it closes it
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", _readme(data))
        archive.writestr("data.json", json.dumps(data.told, indent=1, ensure_ascii=False))
        for each in data.files:  # photos, film and PDFs are packed as small as they get
            archive.write(file_store.get_path(each.sha256), each.place, zipfile.ZIP_STORED)
    packed.seek(0)
    return packed


def record_export(person: Person, actor: Actor, data: OwnData) -> None:
    """Say in the ledger that a person took their own data, and how many files were with it."""
    record("data_exported", person, actor, files=len(data.files))


def export_own_data(person_id: int) -> tuple[OwnData, IO[bytes]]:
    """Read and packed; the caller has no lock, and records it afterwards."""
    data = read_own_data(db.session.get_one(Person, person_id))
    db.session.rollback()
    return data, pack(data)


def safe_name(name: str) -> str:
    """A file's name as any system unpacks it: no folders, nothing that leads out of the ZIP."""
    bare = re.sub(r"[^\w .()-]+", "-", name).strip(" .") or "file"
    stem, dot, ending = bare.rpartition(".")
    return (
        bare
        if len(bare) <= MAX_NAME_LENGTH
        else f"{stem[: MAX_NAME_LENGTH - len(ending[:10]) - 1]}{dot}{ending[:10]}"
    )


def _readme(data: OwnData) -> str:
    missing = MISSING.format(count=data.missing) if data.missing else ""
    return README.format(name=data.name, moment=moment(datetime.fromisoformat(data.told["read_at"])), missing=missing)
