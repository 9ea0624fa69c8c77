"""Qualifications in the library, and which of their units the library holds."""

import json
from collections.abc import Collection
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import defer

from tracker.extensions import db
from tracker.library.queries.units import is_unit_visible_at, version_order
from tracker.models import Qualification, Unit
from tracker.units.drafting.units import make_free_slug
from tracker.units.qualification_documents import QualificationDocument, QualificationUnit, qualification_from_json


@dataclass(frozen=True)
class LibraryUnit:
    """A unit of the library that a qualification names by its code."""

    id: int
    code: str
    version: str
    slug: str


def is_qualification_visible_at(centre_ids: Collection[int]) -> ColumnElement[bool]:
    """Return the SQL condition for qualifications of the installation and of these centres."""
    return or_(Qualification.owner_centre_id.is_(None), Qualification.owner_centre_id.in_(centre_ids))


def list_qualifications(centre_ids: Collection[int], words: str = "") -> list[Qualification]:
    """List the newest version of each code by title, filtered by words in code or title."""
    query = (
        select(Qualification).where(is_qualification_visible_at(centre_ids)).options(defer(Qualification.document))
    )
    if words:
        pattern = Qualification.title.icontains(words, autoescape=True)
        query = query.where(or_(pattern, Qualification.code.icontains(words, autoescape=True)))
    newest: dict[tuple[str, int | None], Qualification] = {}
    for qualification in db.session.scalars(query.order_by(Qualification.id)):
        key = (qualification.code, qualification.owner_centre_id)
        newest[key] = max(newest.get(key, qualification), qualification, key=version_order)
    return sorted(newest.values(), key=lambda qualification: (qualification.title.casefold(), qualification.id))


def find_newest_qualification(code: str, centre_ids: Collection[int]) -> Qualification | None:
    """Find the newest version of a qualification by its code, a centre's own before the installation's."""
    matches = [each for each in list_qualifications(centre_ids, code) if each.code.casefold() == code.casefold()]
    return max(matches, key=lambda each: each.owner_centre_id is not None, default=None)


def find_qualification(slug: str, centre_ids: Collection[int]) -> Qualification | None:
    """Find a qualification by its address, if these centres can see it."""
    return db.session.scalars(
        select(Qualification).where(Qualification.slug == slug, is_qualification_visible_at(centre_ids))
    ).one_or_none()


def list_qualification_versions(qualification: Qualification) -> list[Qualification]:
    """List every version and revision of the same owner, the newest first."""
    owner = Qualification.owner_centre_id
    same = owner.is_(None) if qualification.owner_centre_id is None else owner == qualification.owner_centre_id
    query = select(Qualification).where(Qualification.code == qualification.code, same)
    return sorted(db.session.scalars(query.options(defer(Qualification.document))), key=version_order, reverse=True)


def read_qualification(qualification: Qualification) -> QualificationDocument:
    """Return the document of a qualification."""
    return qualification_from_json(json.loads(qualification.document))


def make_next_revision(qualification: Qualification) -> QualificationDocument:
    """Return the document as the next revision of its version, with a free address, to be changed and published."""
    document = read_qualification(qualification)
    revisions = [
        version.revision
        for version in list_qualification_versions(qualification)
        if version.version == document.version
    ]
    revision = max(revisions) + 1
    stem = make_free_slug(document.code, "", 1, set())
    taken_slugs = set(db.session.scalars(select(Qualification.slug).where(Qualification.slug.startswith(stem))))
    return replace(
        document, revision=revision, slug=make_free_slug(document.code, document.version, revision, taken_slugs)
    )


def find_library_units(document: QualificationDocument, centre_ids: Collection[int]) -> dict[str, LibraryUnit]:
    """Return the library's units that the qualification names, by code: the required version, else the newest."""
    query = select(Unit).where(Unit.code.in_(document.by_code), is_unit_visible_at(centre_ids))
    result: dict[str, Unit] = {}
    for unit in db.session.scalars(query.options(defer(Unit.document), defer(Unit.search_text)).order_by(Unit.id)):
        if is_accepted_version(document.by_code[unit.code], unit.version):
            result[unit.code] = max(result.get(unit.code, unit), unit, key=version_order)
    return {code: LibraryUnit(unit.id, unit.code, unit.version, unit.slug) for code, unit in result.items()}


def is_accepted_version(unit: QualificationUnit, version: str) -> bool:
    """Return whether this version of a unit counts for the qualification."""
    return unit.version in {None, version}
