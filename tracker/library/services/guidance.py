"""A centre's own guidance, and its attachment to units."""

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import or_, select

from tracker.clock import now, today
from tracker.errors import Invalid, Refused
from tracker.extensions import db
from tracker.ledger.canonical_json import canonical_json
from tracker.ledger.events import Actor, record
from tracker.models import Guidance, GuidanceUnit
from tracker.units.documents import GuidanceDocument
from tracker.units.drafting.units import make_free_slug
from tracker.units.schema import GuidanceSchema
from tracker.web.formatting import day


def add_guidance(centre_id: int, fields: Mapping[str, Any], actor: Actor) -> Guidance:
    """Add guidance of a centre, typed or read from a document. Raises `Invalid` if a field is not acceptable."""
    stem = make_free_slug(fields["title"], "", 1, set())
    query = select(Guidance.slug).where(or_(Guidance.slug == stem, Guidance.slug.startswith(f"{stem}-")))
    slug = make_free_slug(fields["title"], "", 1, set(db.session.scalars(query)))
    guidance = Guidance(slug=slug, owner_centre_id=centre_id)
    _fill(guidance, _build_document(slug, fields, f"Checked on screen on {day(today())}."))
    db.session.add(guidance)
    db.session.flush()
    record("guidance_added", guidance, actor, centre=centre_id, content=guidance.content_hash)
    return guidance


def change_guidance(guidance: Guidance, fields: Mapping[str, Any], actor: Actor) -> None:
    """Change guidance of a centre. It may change at any time, because nothing is assessed against it."""
    before = guidance.content_hash
    _fill(guidance, _build_document(guidance.slug, fields, f"Changed on screen on {day(today())}."))
    record("guidance_changed", guidance, actor, before=before, content=guidance.content_hash)


def attach_guidance(guidance: Guidance, unit_code: str, warning: str, centre_id: int, actor: Actor) -> GuidanceUnit:
    """Show the guidance with every version of a unit at one centre.

    `warning` says what in it contradicts the unit's own rules.
    """
    if is_attached(guidance, unit_code, centre_id):
        raise Refused(f"This guidance is already attached to {unit_code}. Nothing was changed.")
    warning = warning.strip()
    attached = GuidanceUnit(
        guidance_id=guidance.id,
        unit_code=unit_code,
        centre_id=centre_id,
        warning=warning or None,
        attached_by_id=actor.person_id,
        attached_at=now(),
    )
    db.session.add(attached)
    db.session.flush()
    record(
        "guidance_attached",
        attached,
        actor,
        texts={"warning": warning} if warning else {},
        page=guidance.id,
        guidance=guidance.content_hash,
        unit=unit_code,
        centre=centre_id,
    )
    return attached


def detach_guidance(attached: GuidanceUnit, actor: Actor) -> None:
    """Stop showing the guidance with the unit; the ledger keeps the record."""
    record("guidance_detached", attached, actor, unit=attached.unit_code, centre=attached.centre_id)
    db.session.delete(attached)


def is_attached(guidance: Guidance, unit_code: str, centre_id: int) -> bool:
    """Return whether the guidance is shown with the unit at this centre."""
    query = select(GuidanceUnit.id).where(
        GuidanceUnit.guidance_id == guidance.id,
        GuidanceUnit.unit_code == unit_code,
        or_(GuidanceUnit.centre_id.is_(None), GuidanceUnit.centre_id == centre_id),
    )
    return db.session.scalar(query) is not None


def _build_document(slug: str, fields: Mapping[str, Any], read_note: str) -> GuidanceDocument:
    provenance = {"source": fields["source"] or "Written on screen", "read": read_note}
    content = {key: value for key, value in fields.items() if key != "source"}
    try:
        document: GuidanceDocument = GuidanceSchema().load({"slug": slug, "provenance": provenance, **content})
    except ValidationError as error:
        field, messages = next(iter(error.messages_dict.items()))
        sentence = messages[0] if isinstance(messages, list) else next(iter(messages.values()))[0]
        raise Invalid(f"This {sentence}.", field) from None
    return document


def _fill(guidance: Guidance, document: GuidanceDocument) -> None:
    guidance.title = document.title
    guidance.document = canonical_json(document.as_json()).decode("ascii")
    guidance.content_hash = document.content_hash
