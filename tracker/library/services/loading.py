"""Loading of the standards folder into the database. Units that candidates are working to are never changed."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select

from tracker.clock import now
from tracker.errors import Refused
from tracker.extensions import db
from tracker.ledger.canonical_json import canonical_json
from tracker.library.queries.links import get_document
from tracker.library.services.links import load_links, remap_links
from tracker.library.services.qualifications import load_qualification
from tracker.models import Criterion, EvidenceRequirement, Guidance, GuidanceUnit, Unit, UnitAttempt, UnitCode
from tracker.units.documents import GuidanceDocument, UnitDocument
from tracker.units.evidence_rules import rule_as_json
from tracker.units.search_words import build_search_text, list_codes
from tracker.units.standards_folder import StandardsFolder, normalise_code


@dataclass(frozen=True)
class LoadResult:
    """The result for one document: `new`, `changed` or `unchanged`."""

    name: str
    outcome: str


def load_standards(library: StandardsFolder) -> list[LoadResult]:
    """Load all documents of the folder. Raises `Refused` for a changed unit that has attempts."""
    loaded = [*map(load_unit, library.units), *map(load_guidance, library.guidance)]
    loaded += [LoadResult(f"links of {' and '.join(links.units)}", load_links(links)) for links in library.links]
    return [
        *loaded,
        *(
            LoadResult(qualification.slug, load_qualification(qualification))
            for qualification in library.qualifications
        ),
    ]


def load_unit(document: UnitDocument) -> LoadResult:
    """Load one unit version; replace a changed one as long as it has no attempts."""
    name = f"{document.code} version {document.version}, revision {document.revision}"
    unit = _find_unit(document)
    if unit and unit.content_hash == document.content_hash:
        rules = list_rules(document)
        outcome = "unchanged" if unit.evidence_guidance == rules else "evidence guidance changed"
        unit.document = _serialise(document)  # same content, but the format may have a new key
        unit.search_text, unit.evidence_guidance = build_search_text(document), rules
        return LoadResult(name, outcome)
    _check_slug_free(unit, document)
    if unit:
        _check_not_attempted(unit, document)
        remap_links(unit, get_document(unit), document)
        db.session.execute(delete(Criterion).where(Criterion.unit_id == unit.id))
        db.session.execute(delete(EvidenceRequirement).where(EvidenceRequirement.unit_id == unit.id))
        db.session.execute(delete(UnitCode).where(UnitCode.unit_id == unit.id))
    outcome = "changed" if unit else "new"
    unit = unit or Unit(code=document.code, version=document.version, revision=document.revision)
    store_unit(unit, document)
    return LoadResult(name, outcome)


def store_unit(unit: Unit, document: UnitDocument) -> None:
    """Write the rows of one unit version; the caller has removed rows of an earlier text."""
    _fill_unit(unit, document)
    db.session.add(unit)
    db.session.flush()
    db.session.add_all(
        [*_build_codes(unit, document), *_build_criteria(unit, document), *_build_requirements(unit, document)]
    )
    db.session.flush()


def load_guidance(document: GuidanceDocument) -> LoadResult:
    """Load guidance. It may change at any time, because nothing is assessed against it."""
    guidance = db.session.scalars(select(Guidance).where(Guidance.slug == document.slug)).one_or_none()
    if guidance and guidance.owner_centre_id is not None:
        raise Refused(
            f"{document.file_name}: slug: {document.slug} is the address of a centre’s own guidance. Nothing was "
            f"loaded. Give this page a slug of its own, such as {document.slug}-2."
        )
    if guidance and guidance.content_hash == document.content_hash:
        guidance.document = _serialise(document)
        return LoadResult(document.slug, "unchanged")
    outcome = "changed" if guidance else "new"
    if guidance:
        guidance.units = [
            attachment for attachment in guidance.units if attachment.centre_id is not None
        ]  # keep attachments made by centres
        db.session.flush()
    guidance = guidance or Guidance(slug=document.slug)
    guidance.title = document.title
    guidance.document = _serialise(document)
    guidance.content_hash = document.content_hash
    guidance.units += [
        GuidanceUnit(unit_code=attached.code, warning=attached.warning, attached_at=now())
        for attached in document.units
    ]
    db.session.add(guidance)
    db.session.flush()
    return LoadResult(document.slug, outcome)


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
            f"{document.revision} has changed, but candidates are working to the loaded text. Nothing was "
            f"loaded. Restore the old text, or raise the revision to {document.revision + 1} and give it a new slug."
        )


def _check_slug_free(unit: Unit | None, document: UnitDocument) -> None:
    """Raise `Refused` if another version has this address, even if its file is gone."""
    slug_owner = db.session.scalars(select(Unit).where(Unit.slug == document.slug)).one_or_none()
    if slug_owner and slug_owner is not unit:
        raise Refused(
            f"{document.file_name}: slug: {document.slug} is the address of {slug_owner.code} version "
            f"{slug_owner.version} revision {slug_owner.revision}. Nothing was loaded. "
            "Give this version a slug of its own, such as "
            f"{document.slug}-{document.version.replace('.', '-').lower()}-{document.revision}."
        )


def _serialise(document: UnitDocument | GuidanceDocument) -> str:
    return canonical_json(document.as_json()).decode("ascii")


def _fill_unit(unit: Unit, document: UnitDocument) -> None:
    unit.slug = document.slug
    unit.title = document.title
    unit.full_code = document.full_code
    unit.document_type = document.document_type
    unit.simulation = document.simulation
    unit.document = _serialise(document)
    unit.search_text = build_search_text(document)
    unit.suites = document.metadata["suites"] or ""
    unit.content_hash = document.content_hash
    unit.evidence_guidance = list_rules(document)


def list_rules(document: UnitDocument) -> list[dict[str, Any]]:
    """Return the evidence guidance in a unit's file, as it is stored."""
    return [rule_as_json(rule) for rule in document.evidence_guidance]


def _build_codes(unit: Unit, document: UnitDocument) -> list[UnitCode]:
    return [
        UnitCode(unit_id=unit.id, scheme=scheme, value=value, normalised=normalise_code(value))
        for scheme, value in list_codes(document)
    ]


def _build_requirements(unit: Unit, document: UnitDocument) -> list[EvidenceRequirement]:
    return [
        EvidenceRequirement(
            unit_id=unit.id,
            position=requirement.position,
            label=requirement.label,
            text=requirement.text,
            points=list(requirement.points),
        )
        for requirement in document.evidence_requirements
    ]


def _build_criteria(unit: Unit, document: UnitDocument) -> list[Criterion]:
    return [
        Criterion(
            unit_id=unit.id,
            position=criterion.position,
            kind=criterion.kind,
            label=criterion.label,
            label_origin=criterion.label_origin,
            heading=criterion.heading,
            parent=criterion.parent,
            text=criterion.text,
            assessable=criterion.assessable,
            simulation_allowed=criterion.simulation_allowed,
        )
        for criterion in document.criteria
    ]
