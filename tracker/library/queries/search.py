"""Search for units by code, title and words in criteria, with a constant number of SQL statements."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import aliased

from tracker.extensions import db
from tracker.library.queries.units import is_unit_visible_at
from tracker.models import Criterion, Unit, UnitCode
from tracker.units.standards_folder import normalise_code
from tracker.vocabulary import DocumentType
from tracker.web.pagination import Page

PAGE_SIZE = 50
MAX_TERMS = 8
EXCERPT_BEFORE, EXCERPT_AFTER = 60, 140
"""Characters of a criterion shown before and after the first word found."""


@dataclass(frozen=True)
class UnitSearch:
    """The filters of a unit search; an empty value matches everything."""

    words: str = ""
    suite: str = ""
    document_type: str = ""
    owner: str = ""
    """Whose units to find: `own`, `installation`, or empty for both."""
    page: int = 1

    @property
    def terms(self) -> list[str]:
        """Return the distinct words searched for, in lower case."""
        return list(dict.fromkeys(self.words.casefold().split()))[:MAX_TERMS]


ExcerptPart = tuple[str, bool]
"""Some text, and whether it was searched for."""


@dataclass(frozen=True)
class UnitResult:
    """A unit that was found, with an excerpt of a criterion that contains the words."""

    unit_id: int
    slug: str
    code: str
    full_code: str
    title: str
    version: str
    revision: int
    document_type: DocumentType
    owner_centre_id: int | None
    label: str = ""
    """The label of the criterion in the excerpt."""
    excerpt: tuple[ExcerptPart, ...] = ()

    @property
    def is_own(self) -> bool:
        """Return whether the unit is a centre's own."""
        return self.owner_centre_id is not None


@dataclass(frozen=True)
class UnitResultPage:
    """One page of results."""

    units: tuple[UnitResult, ...]
    total: int
    page: int

    @property
    def pages(self) -> int:
        """Return the number of pages."""
        return max(1, -(-self.total // PAGE_SIZE))

    @property
    def position(self) -> Page:
        """Return the position of this page among all pages."""
        return Page(self.page, self.page < self.pages, self.pages)


def search_units(search: UnitSearch, centre_ids: Collection[int]) -> UnitResultPage:
    """Return one page of matching units: matches of the code first, then of the title.

    Each version is listed in its newest revision; its page links to the older ones.
    """
    condition = and_(*_list_conditions(search, centre_ids))
    total = db.session.scalar(select(func.count()).select_from(Unit).where(condition)) or 0
    page = min(max(1, search.page), max(1, -(-total // PAGE_SIZE)))
    rows = db.session.execute(
        _build_query(search).where(condition).limit(PAGE_SIZE).offset(PAGE_SIZE * (page - 1))
    ).all()
    result = [UnitResult(**row._asdict()) for row in rows]
    return UnitResultPage(tuple(_add_excerpts(result, search.terms)), total, page)


def list_suites(centre_ids: Collection[int]) -> list[str]:
    """List every suite named by a unit, for the filter."""
    query = (
        select(Unit.suites).where(is_unit_visible_at(centre_ids), Unit.suites != "").distinct().order_by(Unit.suites)
    )
    return list(db.session.scalars(query))


def _list_conditions(search: UnitSearch, centre_ids: Collection[int]) -> list[ColumnElement[bool]]:
    result = [_is_offered(Unit, search, centre_ids), ~_has_newer(search, centre_ids)]
    if search.terms:
        in_words = and_(*(Unit.search_text.contains(term, autoescape=True) for term in search.terms))
        code = normalise_code(search.words)
        result.append(
            or_(in_words, _has_code(UnitCode.normalised.contains(code, autoescape=True))) if code else in_words
        )
    if search.suite:
        result.append(Unit.suites == search.suite)
    if search.document_type in set(DocumentType):
        result.append(Unit.document_type == DocumentType(search.document_type))
    return result


def _is_offered(unit: type[Unit], search: UnitSearch, centre_ids: Collection[int]) -> ColumnElement[bool]:
    """Return the SQL condition for units that these centres can see and whose owner is searched for."""
    own, installation = unit.owner_centre_id.in_(centre_ids), unit.owner_centre_id.is_(None)
    return {"own": own, "installation": installation}.get(search.owner, or_(own, installation))


def _has_newer(search: UnitSearch, centre_ids: Collection[int]) -> ColumnElement[bool]:
    """Return the SQL condition for units that have a later revision or a centre's own copy of the same revision."""
    newer = aliased(Unit)
    is_later = or_(
        newer.revision > Unit.revision,
        and_(newer.revision == Unit.revision, newer.owner_centre_id.is_not(None), Unit.owner_centre_id.is_(None)),
    )
    is_not_another_centres = or_(
        newer.owner_centre_id == Unit.owner_centre_id,
        newer.owner_centre_id.is_(None),
        Unit.owner_centre_id.is_(None),
    )
    same_version = and_(newer.code == Unit.code, newer.version == Unit.version)
    offered = _is_offered(newer, search, centre_ids)
    return select(newer.id).where(same_version, is_later, is_not_another_centres, offered).exists()


def _has_code(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return select(UnitCode.id).where(UnitCode.unit_id == Unit.id, condition).exists()


def _build_query(search: UnitSearch) -> Any:
    query = select(
        Unit.id.label("unit_id"), Unit.slug, Unit.code, Unit.full_code, Unit.title, Unit.version, Unit.revision,
        Unit.document_type, Unit.owner_centre_id,
    )  # fmt: skip
    if search.terms:
        in_title = and_(*(func.lower(Unit.title).contains(term, autoescape=True) for term in search.terms))
        query = query.order_by(_has_code(UnitCode.normalised == normalise_code(search.words)).desc(), in_title.desc())
    return query.order_by(Unit.code, Unit.id.desc())


def _add_excerpts(result: Sequence[UnitResult], terms: Sequence[str]) -> Iterable[UnitResult]:
    """Add to each unit an excerpt of the criterion that contains most of the words."""
    if not terms or not result:
        return result
    query = (
        select(Criterion.unit_id, Criterion.label, Criterion.text)
        .where(
            Criterion.unit_id.in_([unit.unit_id for unit in result]),
            or_(*(func.lower(Criterion.text).contains(term, autoescape=True) for term in terms)),
        )
        .order_by(Criterion.unit_id, Criterion.position)
    )
    best: dict[int, tuple[int, str, str]] = {}
    for unit_id, label, text in db.session.execute(query):
        matches = sum(term in text.casefold() for term in terms)
        if matches > best.get(unit_id, (0, "", ""))[0]:
            best[unit_id] = (matches, label, text)
    return [
        replace(unit, label=best[unit.unit_id][1], excerpt=build_excerpt(best[unit.unit_id][2], terms))
        if unit.unit_id in best
        else unit
        for unit in result
    ]


def build_excerpt(text: str, terms: Sequence[str]) -> tuple[ExcerptPart, ...]:
    """Return a part of the text around the first word found, split where matches begin and end."""
    pattern = re.compile("|".join(re.escape(term) for term in sorted(terms, key=len, reverse=True)), re.IGNORECASE)
    first = pattern.search(text)
    if first is None:
        return ((text[: EXCERPT_BEFORE + EXCERPT_AFTER], False),)
    start = text.rfind(" ", 0, first.start() - EXCERPT_BEFORE) + 1 if first.start() > EXCERPT_BEFORE else 0
    end = text.find(" ", first.end() + EXCERPT_AFTER)
    shown = ("… " if start else "") + (text[start:] if end < 0 else f"{text[start:end]} …")
    result: list[ExcerptPart] = []
    position = 0
    for match in pattern.finditer(shown):
        result += [(shown[position : match.start()], False), (match[0], True)]
        position = match.end()
    return tuple(piece for piece in [*result, (shown[position:], False)] if piece[0])
