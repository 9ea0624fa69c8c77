"""Loading the standards folder into the database: idempotent, and never under attempts that rest on a unit."""

from dataclasses import dataclass

from sqlalchemy import delete, select

from tracker.clock import now
from tracker.errors import Refused
from tracker.extensions import db
from tracker.ledger.canonical_json import canonical_json
from tracker.library.queries.links import document_of
from tracker.library.services.links import keep_links, load_links
from tracker.library.services.qualifications import load_qualification
from tracker.models import Criterion, EvidenceRequirement, Guidance, GuidanceUnit, Unit, UnitAttempt, UnitCode
from tracker.units.documents import GuidanceDocument, UnitDocument
from tracker.units.standards_folder import Library, squashed


@dataclass(frozen=True)
class Loaded:
    """What one document came to: `new`, `changed` or `unchanged`."""

    name: str
    outcome: str


def load_library(library: Library) -> list[Loaded]:
    """Bring the database to what the folder holds. Raises `Refused` for a unit that attempts rest on."""
    loaded = [*map(load_unit, library.units), *map(load_guidance, library.guidance)]
    loaded += [Loaded(f"links of {' and '.join(each.units)}", load_links(each)) for each in library.links]
    return [*loaded, *(Loaded(each.slug, load_qualification(each)) for each in library.qualifications)]


def load_unit(document: UnitDocument) -> Loaded:
    """One unit version. An unchanged one is left alone, a changed one replaced while nobody attempts it."""
    name = f"{document.code} version {document.version}, revision {document.revision}"
    unit = _find_unit(document)
    if unit and unit.content_hash == document.content_hash:
        unit.document = _written(document)  # the same words, though the format may have gained a key
        unit.words = words_of(document)
        return Loaded(name, "unchanged")
    _check_slug_free(unit, document)
    if unit:
        _check_not_attempted(unit, document)
        keep_links(unit, document_of(unit), document)
        db.session.execute(delete(Criterion).where(Criterion.unit_id == unit.id))
        db.session.execute(delete(EvidenceRequirement).where(EvidenceRequirement.unit_id == unit.id))
        db.session.execute(delete(UnitCode).where(UnitCode.unit_id == unit.id))
    outcome = "changed" if unit else "new"
    unit = unit or Unit(code=document.code, version=document.version, revision=document.revision)
    write_unit(unit, document)
    return Loaded(name, outcome)


def write_unit(unit: Unit, document: UnitDocument) -> None:
    """The rows of one unit version; whatever it held before was taken away by the caller."""
    _fill(unit, document)
    db.session.add(unit)
    db.session.flush()
    db.session.add_all([*_codes(unit, document), *_criteria(unit, document), *_requirements(unit, document)])
    db.session.flush()


def load_guidance(document: GuidanceDocument) -> Loaded:
    """Guidance may change freely: nothing is judged against it."""
    guidance = db.session.scalars(select(Guidance).where(Guidance.slug == document.slug)).one_or_none()
    if guidance and guidance.owner_centre_id is not None:
        raise Refused(
            f"{document.file_name}: slug: {document.slug} is the address of a centre's own guidance. Nothing was "
            f"loaded. Give this page a slug of its own, such as {document.slug}-2."
        )
    if guidance and guidance.content_hash == document.content_hash:
        guidance.document = _written(document)
        return Loaded(document.slug, "unchanged")
    outcome = "changed" if guidance else "new"
    if guidance:
        guidance.units = [each for each in guidance.units if each.centre_id is not None]  # a centre's stay
        db.session.flush()
    guidance = guidance or Guidance(slug=document.slug)
    guidance.title = document.title
    guidance.document = _written(document)
    guidance.content_hash = document.content_hash
    guidance.loaded_at = now()
    guidance.units += [
        GuidanceUnit(unit_code=each.code, warning=each.warning, attached_at=now()) for each in document.units
    ]
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
    unit.words = words_of(document)
    unit.suites = document.metadata["suites"] or ""
    unit.content_hash = document.content_hash
    unit.loaded_at = now()


def words_of(document: UnitDocument) -> str:
    """What a search for words looks through, a line each."""
    about = (document.title, document.metadata["suites"], document.metadata["keywords"])
    texts = (*about, *(each.text for each in document.criteria))
    return "\n".join(text for text in texts if text).casefold()


def _codes(unit: Unit, document: UnitDocument) -> list[UnitCode]:
    own = [("code", document.code), ("slug", document.slug)]
    codes = dict.fromkeys([*own, *((each.scheme, each.value) for each in document.identifiers)])
    return [
        UnitCode(unit_id=unit.id, scheme=scheme, value=value, squashed=squashed(value)) for scheme, value in codes
    ]


def _requirements(unit: Unit, document: UnitDocument) -> list[EvidenceRequirement]:
    return [
        EvidenceRequirement(
            unit_id=unit.id,
            position=each.position,
            label=each.label,
            text=each.text,
            points=list(each.points),
        )
        for each in document.evidence_requirements
    ]


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
