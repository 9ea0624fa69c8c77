"""Units and guidance as pages show them."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import or_, select

from tracker.extensions import db
from tracker.models import Guidance, GuidanceUnit, Unit
from tracker.standards.documents import order_of
from tracker.standards.files import squashed
from tracker.standards.printed_dates import read_date


@dataclass(frozen=True)
class AttachedGuidance:
    """Guidance as shown with one unit, with what in it contradicts that unit's own rules."""

    title: str
    synopsis: str
    warning: str | None
    key_concepts: tuple[str, ...]
    tips: tuple[str, ...]
    misconceptions: tuple[str, ...]
    marking_points: tuple[str, ...]


def list_units(words: str = "", centre_ids: tuple[int, ...] = ()) -> list[Unit]:
    """The installation's units and those of these centres, found by any code, title or words in criteria."""
    query = select(Unit).where(or_(Unit.owner_centre_id.is_(None), Unit.owner_centre_id.in_(centre_ids)))
    units = list(db.session.scalars(query.order_by(Unit.code, Unit.id)))
    if not words.strip():
        return units
    return [unit for unit in units if _matches(unit, words.strip())]


def find_unit(slug: str) -> Unit | None:
    return db.session.scalars(select(Unit).where(Unit.slug == slug)).one_or_none()


def find_unit_by_code(code: str, version: str | None = None) -> Unit | None:
    """The newest unit of any of its codes, or the version named."""
    wanted = squashed(code)
    units = [unit for unit in list_units() if version in {None, unit.version}]
    found = [unit for unit in units if squashed(unit.code) == wanted] or [
        unit for unit in units if wanted in {squashed(each["value"]) for each in read_document(unit)["identifiers"]}
    ]
    return max(found, key=_version_order, default=None)


def list_newest_units() -> list[Unit]:
    """The newest version of each code, by code: what a candidate is registered for."""
    newest: dict[str, Unit] = {}
    for unit in list_units():
        newest[unit.code] = max(newest.get(unit.code, unit), unit, key=_version_order)
    return list(newest.values())


def read_document(unit: Unit) -> dict[str, Any]:
    """The whole unit, as `standards show --json` prints it."""
    document: dict[str, Any] = json.loads(unit.document)
    return document


def list_guidance(unit_code: str) -> tuple[AttachedGuidance, ...]:
    """What is attached to a unit: tips for candidates, marking points for assessors."""
    return list_guidance_of([unit_code]).get(unit_code, ())


def list_guidance_of(unit_codes: Iterable[str]) -> dict[str, tuple[AttachedGuidance, ...]]:
    """The same for several units, by code; one statement however many there are."""
    query = (
        select(GuidanceUnit.unit_code, Guidance.document, GuidanceUnit.warning)
        .join(Guidance, Guidance.id == GuidanceUnit.guidance_id)
        .where(GuidanceUnit.unit_code.in_(list(unit_codes)))
        .order_by(Guidance.id)
    )
    found: dict[str, tuple[AttachedGuidance, ...]] = {}
    for code, document, warning in db.session.execute(query):
        found[code] = (*found.get(code, ()), _attached(json.loads(document), warning))
    return found


def review_warning(document: dict[str, Any], today: date) -> str | None:
    """A sentence when the unit's review date has passed: review is due, which is not the same as expired."""
    printed = document["metadata"].get("review_on")
    due = read_date(printed).last_day if printed else None
    if not due or due >= today:
        return None
    return f"Its review was due by {due.day} {due:%B %Y}. It can still be used until it is withdrawn."


def _matches(unit: Unit, words: str) -> bool:
    document = read_document(unit)
    codes = [unit.code, unit.slug, *(each["value"] for each in document["identifiers"])]
    if any(squashed(words) in squashed(code) for code in codes if squashed(words)):
        return True
    texts = [unit.title, *(each["text"] for each in document["criteria"])]
    return any(words.casefold() in text.casefold() for text in texts)


def _version_order(unit: Unit) -> tuple[tuple[tuple[int, str], ...], int]:
    return order_of(unit.version), unit.revision


def _attached(document: dict[str, Any], warning: str | None) -> AttachedGuidance:
    lists = {key: tuple(document[key]) for key in ("key_concepts", "tips", "misconceptions", "marking_points")}
    return AttachedGuidance(title=document["title"], synopsis=document["synopsis"], warning=warning, **lists)
