"""Loading the standards folder into the database: idempotent, and never under attempts that rest on a unit."""

from dataclasses import dataclass

from sqlalchemy import delete, select

from tracker.canonical import canonical_json
from tracker.clock import now
from tracker.errors import Refused
from tracker.extensions import db
from tracker.models import Criterion, EvidenceRequirement, Guidance, GuidanceUnit, Unit, UnitAttempt
from tracker.standards.documents import GuidanceDocument, UnitDocument
from tracker.standards.files import Library


@dataclass(frozen=True)
class Loaded:
    """What one document came to: `new`, `changed` or `unchanged`."""

    name: str
    outcome: str


def load_library(library: Library) -> list[Loaded]:
    """Bring the database to what the folder holds. Raises `Refused` for a unit that attempts rest on."""
    return [*map(load_unit, library.units), *map(load_guidance, library.guidance)]


def load_unit(document: UnitDocument) -> Loaded:
    """One unit version. An unchanged one is left alone, a changed one replaced while nobody attempts it."""
    name = f"{document.code} version {document.version}, revision {document.revision}"
    unit = _find_unit(document)
    if unit and unit.content_hash == document.content_hash:
        unit.document = _written(document)  # the same words, though the format may have gained a key
        return Loaded(name, "unchanged")
    _check_slug_free(unit, document)
    if unit:
        _check_not_attempted(unit, document)
        db.session.execute(delete(Criterion).where(Criterion.unit_id == unit.id))
        db.session.execute(delete(EvidenceRequirement).where(EvidenceRequirement.unit_id == unit.id))
    outcome = "changed" if unit else "new"
    unit = unit or Unit(code=document.code, version=document.version, revision=document.revision)
    _fill(unit, document)
    db.session.add(unit)
    db.session.flush()
    db.session.add_all(_criteria(unit, document))
    db.session.add_all(
        EvidenceRequirement(
            unit_id=unit.id,
            position=each.position,
            label=each.label,
            text=each.text,
            points=list(each.points),
        )
        for each in document.evidence_requirements
    )
    db.session.flush()
    return Loaded(name, outcome)


def load_guidance(document: GuidanceDocument) -> Loaded:
    """Guidance may change freely: nothing is judged against it."""
    guidance = db.session.scalars(select(Guidance).where(Guidance.slug == document.slug)).one_or_none()
    if guidance and guidance.content_hash == document.content_hash:
        guidance.document = _written(document)
        return Loaded(document.slug, "unchanged")
    outcome = "changed" if guidance else "new"
    if guidance:
        guidance.units.clear()
        db.session.flush()
    guidance = guidance or Guidance(slug=document.slug)
    guidance.title = document.title
    guidance.document = _written(document)
    guidance.content_hash = document.content_hash
    guidance.loaded_at = now()
    guidance.units = [GuidanceUnit(unit_code=each.code, warning=each.warning) for each in document.units]
    db.session.add(guidance)
    db.session.flush()
    return Loaded(document.slug, outcome)


def _find_unit(document: UnitDocument) -> Unit | None:
    query = select(Unit).where(
        Unit.owner_centre_id.is_(None),
        Unit.code == document.code,
        Unit.version == document.version,
        Unit.revision == document.revision,
    )
    return db.session.scalars(query).one_or_none()


def _check_not_attempted(unit: Unit, document: UnitDocument) -> None:
    if db.session.scalar(select(UnitAttempt.id).where(UnitAttempt.unit_id == unit.id).limit(1)):
        raise Refused(
            f"{document.file_name}: revision: {document.code} version {document.version} revision "
            f"{document.revision} has changed, but candidates are working to it as it was loaded. Nothing was "
            f"loaded. Put the old text back, or raise the revision to {document.revision + 1} and give it a new slug."
        )


def _check_slug_free(unit: Unit | None, document: UnitDocument) -> None:
    """The address of a version stays that version's, also when its file has gone."""
    holder = db.session.scalars(select(Unit).where(Unit.slug == document.slug)).one_or_none()
    if holder and holder is not unit:
        raise Refused(
            f"{document.file_name}: slug: {document.slug} is the address of {holder.code} version {holder.version} "
            f"revision {holder.revision}. Nothing was loaded. Give this version a slug of its own, such as "
            f"{document.slug}-{document.version.replace('.', '-').lower()}-{document.revision}."
        )


def _written(document: UnitDocument | GuidanceDocument) -> str:
    return canonical_json(document.as_json()).decode("ascii")


def _fill(unit: Unit, document: UnitDocument) -> None:
    unit.slug = document.slug
    unit.title = document.title
    unit.full_code = document.full_code
    unit.document_type = document.document_type
    unit.simulation = document.simulation
    unit.document = _written(document)
    unit.content_hash = document.content_hash
    unit.loaded_at = now()


def _criteria(unit: Unit, document: UnitDocument) -> list[Criterion]:
    return [
        Criterion(
            unit_id=unit.id,
            position=each.position,
            kind=each.kind,
            label=each.label,
            label_origin=each.label_origin,
            heading=each.heading,
            parent=each.parent,
            text=each.text,
            assessable=each.assessable,
            simulation_allowed=each.simulation_allowed,
        )
        for each in document.criteria
    ]
