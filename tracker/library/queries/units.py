"""Units and guidance as pages show them."""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, case, or_, select
from sqlalchemy.orm import defer

from tracker.extensions import db
from tracker.models import Guidance, GuidanceUnit, Qualification, Unit, UnitCode
from tracker.units.documents import order_of
from tracker.units.printed_dates import read_date
from tracker.units.standards_folder import squashed


@dataclass(frozen=True)
class AttachedGuidance:
    """Guidance as shown with one unit, with what in it contradicts that unit's own rules."""

    slug: str
    title: str
    synopsis: str
    warning: str | None
    key_concepts: tuple[str, ...]
    tips: tuple[str, ...]
    misconceptions: tuple[str, ...]
    marking_points: tuple[str, ...]


def is_seen_at(centre_ids: Collection[int]) -> ColumnElement[bool]:
    """SQL: one of the installation's units, or of these centres' own."""
    return or_(Unit.owner_centre_id.is_(None), Unit.owner_centre_id.in_(centre_ids))


def find_unit(slug: str, centre_ids: Collection[int] = ()) -> Unit | None:
    """The unit at an address, if it is the installation's or of one of these centres."""
    return db.session.scalars(select(Unit).where(Unit.slug == slug, is_seen_at(centre_ids))).one_or_none()


def find_unit_by_code(code: str, version: str | None = None, centre_ids: Collection[int] = ()) -> Unit | None:
    """The newest unit of any of its codes, its own code before another's old one; or the version named."""
    own = case((UnitCode.scheme == "code", 0), else_=1)
    query = select(Unit, own).join(UnitCode, UnitCode.unit_id == Unit.id)
    query = query.where(UnitCode.squashed == squashed(code), is_seen_at(centre_ids))
    found = [(rank, unit) for unit, rank in db.session.execute(query) if version in {None, unit.version}]
    best = min((rank for rank, _ in found), default=0)
    return max((unit for rank, unit in found if rank == best), key=version_order, default=None)


def list_newest_units(centre_ids: Collection[int] = ()) -> list[Unit]:
    """The newest version of each code, whoever owns it: what a candidate of these centres is registered for."""
    newest: dict[str, Unit] = {}
    for unit in _list_seen(centre_ids):
        newest[unit.code] = max(newest.get(unit.code, unit), unit, key=version_order)
    return list(newest.values())


def list_newest_revisions(centre_ids: Collection[int]) -> list[Unit]:
    """Every version of each code in its newest revision, by code and version."""
    newest: dict[tuple[str, str], Unit] = {}
    for unit in _list_seen(centre_ids):
        key = (unit.code, unit.version)
        newest[key] = max(newest.get(key, unit), unit, key=version_order)
    return sorted(newest.values(), key=lambda unit: (unit.code, version_order(unit)))


def _list_seen(centre_ids: Collection[int]) -> Iterable[Unit]:
    """Without their documents, by code; a centre's own copy of a version comes first, and is kept of two alike."""
    query = select(Unit).where(is_seen_at(centre_ids)).options(defer(Unit.document), defer(Unit.words))
    return db.session.scalars(query.order_by(Unit.code, Unit.owner_centre_id.is_(None), Unit.id))


def list_versions(unit: Unit, centre_ids: Collection[int]) -> list[Unit]:
    """Every version and revision of a unit that these centres see, whoever owns it, the newest first."""
    query = select(Unit).where(Unit.code == unit.code, is_seen_at(centre_ids))
    found = db.session.scalars(query.options(defer(Unit.document), defer(Unit.words)).order_by(Unit.id))
    return sorted(found, key=version_order, reverse=True)


def read_document(unit: Unit) -> dict[str, Any]:
    """The whole unit, as `standards show --json` prints it."""
    document: dict[str, Any] = json.loads(unit.document)
    return document


def list_guidance(unit_code: str, centre_ids: Collection[int] = ()) -> tuple[AttachedGuidance, ...]:
    """What is attached to a unit: tips for candidates, marking points for assessors."""
    return list_guidance_of([unit_code], centre_ids).get(unit_code, ())


def list_guidance_of(
    unit_codes: Iterable[str], centre_ids: Collection[int] = ()
) -> dict[str, tuple[AttachedGuidance, ...]]:
    """The same for several units, by code: the installation's and these centres'. One statement however many."""
    query = (
        select(GuidanceUnit.unit_code, Guidance.slug, Guidance.document, GuidanceUnit.warning)
        .join(Guidance, Guidance.id == GuidanceUnit.guidance_id)
        .where(
            GuidanceUnit.unit_code.in_(list(unit_codes)),
            or_(GuidanceUnit.centre_id.is_(None), GuidanceUnit.centre_id.in_(centre_ids)),
        )
        .order_by(Guidance.id, GuidanceUnit.centre_id.is_(None).desc())
    )
    found: dict[str, tuple[AttachedGuidance, ...]] = {}
    for code, slug, document, warning in db.session.execute(query):
        found[code] = (*found.get(code, ()), _attached(slug, json.loads(document), warning))
    return found


def review_warning(document: dict[str, Any], today: date) -> str | None:
    """A sentence when the unit's review date has passed: review is due, which is not the same as expired."""
    printed = document["metadata"].get("review_on")
    read = read_date(printed) if printed else None
    due = read.last_day if read else None
    if not read or not due or due >= today:
        return None
    by = "" if read.precision == "day" else "by "
    return f"Review was due {by}{due.day} {due:%B %Y}. The unit can still be used until it is withdrawn."


def lapsed_warning(document: dict[str, Any], today: date) -> str | None:
    """A sentence when the last day on which candidates could be registered for the unit has passed."""
    printed = document["metadata"].get("last_registration_on")
    last = read_date(printed).last_day if printed else None
    if not last or last >= today:
        return None
    return f"Lapsed for new registrations since {last.day} {last:%B %Y}. Candidates who have it go on with it."


def warnings_of(document: dict[str, Any], today: date) -> list[str]:
    """What is to be known of a unit whose dates have passed, the graver first; a sentence or two each."""
    return [each for each in (lapsed_warning(document, today), review_warning(document, today)) if each]


def list_warnings(units: Iterable[Unit], today: date) -> dict[int, str]:
    """The same of each of these units that has any, by its id. One statement however many."""
    query = select(Unit.id, Unit.document).where(Unit.id.in_([unit.id for unit in units]))
    found = {unit_id: warnings_of(json.loads(document), today) for unit_id, document in db.session.execute(query)}
    return {unit_id: " ".join(warnings) for unit_id, warnings in found.items() if warnings}


def version_order(unit: Unit | Qualification) -> tuple[tuple[tuple[int, str], ...], int]:
    """Later versions are larger, and of one version the later revision."""
    return order_of(unit.version), unit.revision


def _attached(slug: str, document: dict[str, Any], warning: str | None) -> AttachedGuidance:
    lists = {key: tuple(document[key]) for key in ("key_concepts", "tips", "misconceptions", "marking_points")}
    return AttachedGuidance(slug, document["title"], document["synopsis"], warning, **lists)
