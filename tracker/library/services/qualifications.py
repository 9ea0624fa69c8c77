"""Qualifications in the database: loaded from the standards folder, or published on screen by a centre."""

import yaml
from marshmallow import ValidationError
from sqlalchemy import select

from tracker.errors import Invalid, Refused
from tracker.extensions import db
from tracker.ledger.canonical_json import canonical_json
from tracker.ledger.events import Actor, record
from tracker.ledger.transactions import lock_rows
from tracker.models import Centre, Qualification, Registration
from tracker.units.qualification_documents import QualificationDocument
from tracker.units.qualification_schema import QualificationSchema
from tracker.units.standards_folder import StandardsFileError, describe_yaml_error, format_errors, parse_document

MAX_LENGTH = 200_000


def load_qualification(document: QualificationDocument) -> str:
    """Load one version of an installation's qualification; return `new`, `changed` or `unchanged`.

    Raises:
        Refused: Candidates are registered for the earlier text, or another qualification has the address.
    """
    row = _find_row(document)
    if row and row.content_hash == document.content_hash:
        return "unchanged"
    slug_owner = db.session.scalars(select(Qualification).where(Qualification.slug == document.slug)).one_or_none()
    if slug_owner and slug_owner is not row:
        raise Refused(
            f"{document.file_name}: slug: {document.slug} is the address of {slug_owner.code} version "
            f"{slug_owner.version} revision {slug_owner.revision}. Nothing was loaded. "
            "Give this version a slug of its own."
        )
    if row and has_registrations(row):
        raise Refused(
            f"{document.file_name}: revision: {document.code} version {document.version} revision "
            f"{document.revision} has changed, but candidates are registered for the loaded text. Nothing was "
            f"loaded. Restore the old rules, or raise the revision to {document.revision + 1}, with a new slug."
        )
    outcome = "changed" if row else "new"
    store_qualification(row or Qualification(), document)
    return outcome


def read_qualification_text(text: str) -> QualificationDocument:
    """Parse a qualification typed in the format of the standards folder.

    Raises:
        Invalid: The text has faults; the message lists them, one per line.
    """
    if len(text) > MAX_LENGTH:
        raise Invalid(f"A qualification has at most {MAX_LENGTH:,} characters. Your text is kept.", "text")
    try:
        document: QualificationDocument = parse_document(text, QualificationSchema())
    except StandardsFileError as fault:
        raise Invalid(str(fault), "text") from fault
    except yaml.YAMLError as error:
        raise Invalid(describe_yaml_error(error), "text") from error
    except ValidationError as error:
        raise Invalid("\n".join(list(format_errors(error.messages))[:30]), "text") from error
    return document


def publish_qualification(document: QualificationDocument, centre: Centre, actor: Actor) -> Qualification:
    """Publish a qualification of the centre, which never changes from then on; a change is a new revision.

    Raises:
        Refused: The centre has this version and revision, or another qualification has the address.
    """
    lock_rows(Centre, [centre.id])  # of two simultaneous publishers, the second sees the first one's row
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
            f"Another qualification has the address {document.slug}. Nothing was published. Change the slug."
        )
    row = store_qualification(Qualification(owner_centre_id=centre.id), document)
    record("qualification_published", row, actor, centre=centre.id, content=row.content_hash)
    return row


def store_qualification(row: Qualification, document: QualificationDocument) -> Qualification:
    """Write the row of one version from its document."""
    row.code, row.version, row.revision = document.key
    row.slug = document.slug
    row.title = document.title
    row.document = canonical_json(document.as_json()).decode("ascii")
    row.content_hash = document.content_hash
    db.session.add(row)
    db.session.flush()
    return row


def has_registrations(row: Qualification) -> bool:
    """Return whether any registration names this version."""
    query = select(Registration.id).where(Registration.qualification_id == row.id).limit(1)
    return db.session.scalar(query) is not None


def _find_row(document: QualificationDocument) -> Qualification | None:
    query = select(Qualification).where(
        Qualification.owner_centre_id.is_(None),
        Qualification.code == document.code,
        Qualification.version == document.version,
        Qualification.revision == document.revision,
    )
    return db.session.scalars(query).one_or_none()
