"""Qualifications as the library holds them, and which of their units it holds too."""

import json
from collections.abc import Collection
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import defer

from tracker.extensions import db
from tracker.library.queries.units import is_seen_at, version_order
from tracker.models import Qualification, Unit
from tracker.units.drafting.units import slug_for
from tracker.units.qualification_documents import QualificationDocument, QualificationUnit, qualification_from_json

MAX_LISTED = 200


@dataclass(frozen=True)
class HeldUnit:
    """A unit of the library that a qualification names by its code."""

    id: int
    code: str
    version: str
    slug: str


def is_open_to(centre_ids: Collection[int]) -> ColumnElement[bool]:
    """SQL: one of the installation's qualifications, or of these centres' own."""
    return or_(Qualification.owner_centre_id.is_(None), Qualification.owner_centre_id.in_(centre_ids))


def list_qualifications(centre_ids: Collection[int], words: str = "") -> list[Qualification]:
    """The newest version of each code, by title; those whose code or title holds the words."""
    query = select(Qualification).where(is_open_to(centre_ids)).options(defer(Qualification.document))
    if words:
        pattern = Qualification.title.icontains(words, autoescape=True)
        query = query.where(or_(pattern, Qualification.code.icontains(words, autoescape=True)))
    newest: dict[tuple[str, int | None], Qualification] = {}
    for each in db.session.scalars(query.order_by(Qualification.id)):
        key = (each.code, each.owner_centre_id)
        newest[key] = max(newest.get(key, each), each, key=version_order)
    return sorted(newest.values(), key=lambda each: (each.title.casefold(), each.id))[:MAX_LISTED]


def find_qualification(slug: str, centre_ids: Collection[int]) -> Qualification | None:
    return db.session.scalars(
        select(Qualification).where(Qualification.slug == slug, is_open_to(centre_ids))
    ).one_or_none()


def list_versions(qualification: Qualification) -> list[Qualification]:
    """Every version and revision that its owner holds, the newest first."""
    owner = Qualification.owner_centre_id
    same = owner.is_(None) if qualification.owner_centre_id is None else owner == qualification.owner_centre_id
    query = select(Qualification).where(Qualification.code == qualification.code, same)
    return sorted(db.session.scalars(query.options(defer(Qualification.document))), key=version_order, reverse=True)


def read_qualification(qualification: Qualification) -> QualificationDocument:
    """What its row holds, as a document."""
    return qualification_from_json(json.loads(qualification.document))


def make_next_revision(qualification: Qualification) -> QualificationDocument:
    """The same text as the next revision of its version, at an address that is free: to be changed and published."""
    document = read_qualification(qualification)
    revisions = [each.revision for each in list_versions(qualification) if each.version == document.version]
    revision = max(revisions) + 1
    stem = slug_for(document.code, "", 1, set())
    taken = set(db.session.scalars(select(Qualification.slug).where(Qualification.slug.startswith(stem))))
    return replace(document, revision=revision, slug=slug_for(document.code, document.version, revision, taken))


def find_held_units(document: QualificationDocument, centre_ids: Collection[int]) -> dict[str, HeldUnit]:
    """Of the units it names, by code, those that the library holds: the version asked for, else the newest."""
    query = select(Unit).where(Unit.code.in_(document.by_code), is_seen_at(centre_ids))
    found: dict[str, Unit] = {}
    for unit in db.session.scalars(query.options(defer(Unit.document), defer(Unit.words)).order_by(Unit.id)):
        if counts(document.by_code[unit.code], unit.version):
            found[unit.code] = max(found.get(unit.code, unit), unit, key=version_order)
    return {code: HeldUnit(unit.id, unit.code, unit.version, unit.slug) for code, unit in found.items()}


def counts(named: QualificationUnit, version: str) -> bool:
    """Whether this version of a unit is one that the qualification takes."""
    return named.version in {None, version}
