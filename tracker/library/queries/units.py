"""Units and the guidance attached to them, as pages show them."""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, case, or_, select
from sqlalchemy.orm import defer

from tracker.extensions import db
from tracker.models import Guidance, GuidanceUnit, Qualification, Unit, UnitCode
from tracker.statements import fetch_rows, ids
from tracker.units.documents import parse_version
from tracker.units.printed_dates import parse_date
from tracker.units.standards_folder import normalise_code


@dataclass(frozen=True)
class AttachedGuidance:
    """Guidance as shown with one unit, with the warning where it contradicts that unit's own rules."""

    slug: str
    title: str
    synopsis: str
    warning: str | None
    key_concepts: tuple[str, ...]
    tips: tuple[str, ...]
    misconceptions: tuple[str, ...]
    marking_points: tuple[str, ...]


def is_unit_visible_at(centre_ids: Collection[int]) -> ColumnElement[bool]:
    """Return the SQL condition for units of the installation and of these centres."""
    return or_(Unit.owner_centre_id.is_(None), Unit.owner_centre_id.in_(centre_ids))


def find_unit(slug: str, centre_ids: Collection[int] = ()) -> Unit | None:
    """Find the unit at an address, if these centres can see it."""
    return db.session.scalars(select(Unit).where(Unit.slug == slug, is_unit_visible_at(centre_ids))).one_or_none()


def find_unit_by_code(code: str, version: str | None = None, centre_ids: Collection[int] = ()) -> Unit | None:
    """Find the newest unit by any of its codes, its own code before identifiers; or the version named."""
    own = case((UnitCode.scheme == "code", 0), else_=1)
    query = select(Unit, own).join(UnitCode, UnitCode.unit_id == Unit.id)
    query = query.where(UnitCode.normalised == normalise_code(code), is_unit_visible_at(centre_ids))
    result = [(rank, unit) for unit, rank in db.session.execute(query) if version in {None, unit.version}]
    best = min((rank for rank, _ in result), default=0)
    return max((unit for rank, unit in result if rank == best), key=version_order, default=None)


def list_newest_units(centre_ids: Collection[int] = ()) -> list[Unit]:
    """List the newest version of each code, whoever owns it: what new candidates are registered for."""
    newest: dict[str, Unit] = {}
    for unit in _list_visible(centre_ids):
        newest[unit.code] = max(newest.get(unit.code, unit), unit, key=version_order)
    return list(newest.values())


def find_newest_units(codes: Collection[str], centre_ids: Collection[int]) -> dict[str, Unit]:
    """Return by code the units that new candidates are registered for; a unit's own code comes before identifiers."""
    newest = {unit.id: unit for unit in list_newest_units(centre_ids)}
    own = case((UnitCode.scheme == "code", 1), else_=0)
    wanted = {normalise_code(code) for code in codes}
    query = select(UnitCode.normalised, UnitCode.unit_id).where(UnitCode.normalised.in_(wanted))
    found = {
        normalised: newest[unit_id]
        for normalised, unit_id in db.session.execute(query.order_by(own, UnitCode.id))
        if unit_id in newest
    }
    return {code: found[normalise_code(code)] for code in codes if normalise_code(code) in found}


def list_newest_revisions(centre_ids: Collection[int]) -> list[Unit]:
    """List every version of each code in its newest revision, by code and version."""
    newest: dict[tuple[str, str], Unit] = {}
    for unit in _list_visible(centre_ids):
        key = (unit.code, unit.version)
        newest[key] = max(newest.get(key, unit), unit, key=version_order)
    return sorted(newest.values(), key=lambda unit: (unit.code, version_order(unit)))


def _list_visible(centre_ids: Collection[int]) -> Iterable[Unit]:
    """Return units without their documents, by code; a centre's own copy comes before an equal one."""
    query = select(Unit).where(is_unit_visible_at(centre_ids)).options(defer(Unit.document), defer(Unit.search_text))
    return db.session.scalars(query.order_by(Unit.code, Unit.owner_centre_id.is_(None), Unit.id))


def list_unit_versions(unit: Unit, centre_ids: Collection[int]) -> list[Unit]:
    """List every version and revision of a unit that these centres can see, the newest first."""
    query = select(Unit).where(Unit.code == unit.code, is_unit_visible_at(centre_ids))
    result = db.session.scalars(query.options(defer(Unit.document), defer(Unit.search_text)).order_by(Unit.id))
    return sorted(result, key=version_order, reverse=True)


def load_document(unit: Unit) -> dict[str, Any]:
    """Return the unit's document, as `flask standards show --json` prints it."""
    document: dict[str, Any] = json.loads(unit.document)
    return document


def list_guidance(unit_code: str, centre_ids: Collection[int] = ()) -> tuple[AttachedGuidance, ...]:
    """Return the guidance attached to a unit."""
    return list_guidance_by_unit([unit_code], centre_ids).get(unit_code, ())


ATTACHED_GUIDANCE = (
    select(GuidanceUnit.unit_code, Guidance.slug, Guidance.document, GuidanceUnit.warning)
    .join(Guidance, Guidance.id == GuidanceUnit.guidance_id)
    .where(
        GuidanceUnit.unit_code.in_(ids("codes")),
        or_(GuidanceUnit.centre_id.is_(None), GuidanceUnit.centre_id.in_(ids("centre_ids"))),
    )
    .order_by(Guidance.id, GuidanceUnit.centre_id.is_(None).desc())
)


def list_guidance_by_unit(
    unit_codes: Iterable[str], centre_ids: Collection[int] = ()
) -> dict[str, tuple[AttachedGuidance, ...]]:
    """Return the guidance of several units by code, the installation's and these centres', in one SQL statement."""
    result: dict[str, tuple[AttachedGuidance, ...]] = {}
    for code, slug, document, warning in fetch_rows(
        ATTACHED_GUIDANCE, codes=list(unit_codes), centre_ids=list(centre_ids)
    ):
        result[code] = (*result.get(code, ()), _make_attached_guidance(slug, json.loads(document), warning))
    return result


def describe_passed_review(document: dict[str, Any], today: date) -> str | None:
    """Return a sentence if the unit's review date has passed; the unit is still valid."""
    printed = document["metadata"].get("review_on")
    review_date = parse_date(printed) if printed else None
    due = review_date.last_day if review_date else None
    if not review_date or not due or due >= today:
        return None
    by = "" if review_date.precision == "day" else "by "
    return f"Review was due {by}{due.day} {due:%B %Y}. The unit can still be used until it is withdrawn."


def describe_lapsed_registration(document: dict[str, Any], today: date) -> str | None:
    """Return a sentence if the last day to register candidates for the unit has passed."""
    printed = document["metadata"].get("last_registration_on")
    last = parse_date(printed).last_day if printed else None
    if not last or last >= today:
        return None
    return (
        f"Lapsed for new registrations since {last.day} {last:%B %Y}. Candidates who are registered for it continue."
    )


def list_document_warnings(document: dict[str, Any], today: date) -> list[str]:
    """List the warnings about passed dates of a unit, the most serious first."""
    return [
        warning
        for warning in (describe_lapsed_registration(document, today), describe_passed_review(document, today))
        if warning
    ]


def list_warnings(units: Iterable[Unit], today: date) -> dict[int, str]:
    """Return the warnings of the units that have any, by unit id, in one SQL statement."""
    query = select(Unit.id, Unit.document).where(Unit.id.in_([unit.id for unit in units]))
    result = {
        unit_id: list_document_warnings(json.loads(document), today)
        for unit_id, document in db.session.execute(query)
    }
    return {unit_id: " ".join(warnings) for unit_id, warnings in result.items() if warnings}


def version_order(unit: Unit | Qualification) -> tuple[tuple[tuple[int, str], ...], int]:
    """Return a sort key: later versions are larger and, within a version, later revisions."""
    return parse_version(unit.version), unit.revision


def _make_attached_guidance(slug: str, document: dict[str, Any], warning: str | None) -> AttachedGuidance:
    lists = {key: tuple(document[key]) for key in ("key_concepts", "tips", "misconceptions", "marking_points")}
    return AttachedGuidance(slug, document["title"], document["synopsis"], warning, **lists)
