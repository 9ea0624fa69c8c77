"""Qualifications into the database: from the standards folder, or a centre's own, published on screen."""

import yaml
from marshmallow import ValidationError
from sqlalchemy import select

from tracker.clock import now
from tracker.errors import Invalid, Refused
from tracker.extensions import db
from tracker.ledger.canonical_json import canonical_json
from tracker.ledger.events import Actor, record
from tracker.ledger.transactions import lock_rows
from tracker.models import Centre, Qualification, Registration
from tracker.units.qualification_documents import QualificationDocument
from tracker.units.qualification_schema import QualificationSchema
from tracker.units.standards_folder import Fault, fault_lines, read_text, yaml_fault

MAX_LENGTH = 200_000


def load_qualification(document: QualificationDocument) -> str:
    """One version of the installation's own; gives `new`, `changed` or `unchanged`.

    Raises `Refused` where candidates are registered for it as it was, or its address is another's.
    """
    row = _find(document)
    if row and row.content_hash == document.content_hash:
        return "unchanged"
    holder = db.session.scalars(select(Qualification).where(Qualification.slug == document.slug)).one_or_none()
    if holder and holder is not row:
        raise Refused(
            f"{document.file_name}: slug: {document.slug} is the address of {holder.code} version {holder.version} "
            f"revision {holder.revision}. Nothing was loaded. Give this version a slug of its own."
        )
    if row and is_rested_on(row):
        raise Refused(
            f"{document.file_name}: revision: {document.code} version {document.version} revision "
            f"{document.revision} has changed, but candidates are registered for it as it was loaded. Nothing was "
            f"loaded. Put the old rules back, or raise the revision to {document.revision + 1}, with a new slug."
        )
    outcome = "changed" if row else "new"
    fill(row or Qualification(), document)
    return outcome


def read_qualification_text(text: str) -> QualificationDocument:
    """What was typed, in the format of the standards folder. Raises `Invalid` with every fault, a line each."""
    if len(text) > MAX_LENGTH:
        raise Invalid(f"A qualification takes at most {MAX_LENGTH:,} characters. What you typed is kept.", "text")
    try:
        document: QualificationDocument = read_text(text, QualificationSchema())
    except Fault as fault:
        raise Invalid(str(fault), "text") from fault
    except yaml.YAMLError as error:
        raise Invalid(yaml_fault(error), "text") from error
    except ValidationError as error:
        raise Invalid("\n".join(list(fault_lines(error.messages))[:30]), "text") from error
    return document


def publish_qualification(document: QualificationDocument, centre: Centre, actor: Actor) -> Qualification:
    """Make it one of the centre's own, which never changes from then on: a change is a new revision.

    Raises `Refused` where the centre has this version and revision, or the address is another's.
    """
    lock_rows(Centre, [centre.id])  # of two who publish at once, the second finds it there
    same = select(Qualification).where(
        Qualification.owner_centre_id == centre.id,
        Qualification.code == document.code,
        Qualification.version == document.version,
        Qualification.revision == document.revision,
    )
    if db.session.scalars(same).first():
        raise Refused(
            f"Your centre has {document.code} version {document.version}, revision {document.revision}, already. "
            f"Nothing was published. Raise the revision to {document.revision + 1}, and give it a slug of its own."
        )
    if db.session.scalars(select(Qualification.id).where(Qualification.slug == document.slug)).first():
        raise Refused(
            f"The address {document.slug} is another qualification's. Nothing was published. Change the slug."
        )
    row = fill(Qualification(owner_centre_id=centre.id), document)
    record("qualification_published", row, actor, centre=centre.id, content=row.content_hash)
    return row


def fill(row: Qualification, document: QualificationDocument) -> Qualification:
    """The row of one version, as its document says it."""
    row.code, row.version, row.revision = document.key
    row.slug = document.slug
    row.title = document.title
    row.document = canonical_json(document.as_json()).decode("ascii")
    row.content_hash = document.content_hash
    row.loaded_at = now()
    db.session.add(row)
    db.session.flush()
    return row


def is_rested_on(row: Qualification) -> bool:
    """Whether any registration names this very version."""
    query = select(Registration.id).where(Registration.qualification_id == row.id).limit(1)
    return db.session.scalar(query) is not None


def _find(document: QualificationDocument) -> Qualification | None:
    query = select(Qualification).where(
        Qualification.owner_centre_id.is_(None),
        Qualification.code == document.code,
        Qualification.version == document.version,
        Qualification.revision == document.revision,
    )
    return db.session.scalars(query).one_or_none()
