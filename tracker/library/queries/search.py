"""Search for units by code, title and words in criteria, with a constant number of SQL statements."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import aliased

from tracker.extensions import db
from tracker.library.queries.units import is_unit_visible_at
from tracker.models import Criterion, Unit, UnitCode
from tracker.units.standards_folder import normalise_code
from tracker.vocabulary import DocumentType
from tracker.web.list_pages import load_page
from tracker.web.list_positions import by_name
from tracker.web.lists import Column, Filter, ListDefinition, ListPage, ListQuery

MAX_TERMS = 8
EXCERPT_BEFORE, EXCERPT_AFTER = 60, 140
"""Characters of a criterion shown before and after the first word found."""

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
    suites: str
    owner_centre_id: int | None
    label: str = ""
    """The label of the criterion in the excerpt."""
    excerpt: tuple[ExcerptPart, ...] = ()

    @property
    def is_own(self) -> bool:
        """Return whether the unit is a centre's own."""
        return self.owner_centre_id is not None


UNITS = ListDefinition[UnitResult](
    "units",
    (
        Column("Code", lambda row: row.full_code, can_sort=True),
        Column("Title", lambda row: row.title, can_sort=True),
        Column("Version", lambda row: row.version),
        Column("Revision", lambda row: row.revision, only_in_csv=True),
        Column("Type", lambda row: row.document_type.label, can_sort=True),
        Column("Suite", lambda row: row.suites, only_in_csv=True),
        Column("Owner", lambda row: "My centre" if row.is_own else "Installation", only_in_csv=True),
    ),
    own_order="Best match",
)


def search_units(centre_ids: Collection[int], query: ListQuery) -> ListPage[UnitResult]:
    """Load a page of matching units: matches of the code first, then of the title. Runs three SQL statements.

    Each version is listed in its newest revision; its page links to the older ones. The page shows an excerpt of a
    criterion that has the words; the CSV file does not.
    """
    terms = find_terms(query)
    listed = load_page(
        UNITS,
        query,
        select(
            Unit.id.label("unit_id"),
            Unit.slug,
            Unit.code,
            Unit.full_code,
            Unit.title,
            Unit.version,
            Unit.revision,
            Unit.document_type,
            Unit.suites,
            Unit.owner_centre_id,
        ).where(*_list_conditions(query, terms, centre_ids)),
        lambda row: UnitResult(**row._asdict()),
        key=Unit.id,
        order_by={
            "": [*_order_by_match(query, terms), Unit.code, Unit.id.desc()],
            "code": [Unit.code],
            "title": [by_name(Unit.title)],
            "type": [Unit.document_type, Unit.code],
        },
    )
    return listed if query.is_csv else replace(listed, rows=_add_excerpts(listed.rows, terms))


def find_terms(query: ListQuery) -> list[str]:
    """Return the distinct words searched for, in lower case, at most `MAX_TERMS`."""
    return list(dict.fromkeys(query.words.casefold().split()))[:MAX_TERMS]


def list_unit_filters(centre_ids: Collection[int]) -> list[Filter]:
    """List the choices that narrow the list of units. Runs one SQL statement."""
    return [
        Filter("suite", "Suite", "All suites", {suite: suite for suite in list_suites(centre_ids)}),
        Filter("type", "Type", "All types", {each.value: each.label for each in DocumentType}),
        Filter("owner", "Owner", "All owners", {"installation": "Installation", "own": "My centre"}),
    ]


def list_suites(centre_ids: Collection[int]) -> list[str]:
    """List every suite named by a unit, for the filter."""
    query = (
        select(Unit.suites).where(is_unit_visible_at(centre_ids), Unit.suites != "").distinct().order_by(Unit.suites)
    )
    return list(db.session.scalars(query))


def _list_conditions(
    query: ListQuery, terms: Sequence[str], centre_ids: Collection[int]
) -> list[ColumnElement[bool]]:
    owner = query.get("owner")
    result = [_is_offered(Unit, owner, centre_ids), ~_has_newer(owner, centre_ids)]
    if terms:
        in_words = and_(*(Unit.search_text.contains(term, autoescape=True) for term in terms))
        code = normalise_code(query.words)
        result.append(
            or_(in_words, _has_code(UnitCode.normalised.contains(code, autoescape=True))) if code else in_words
        )
    if suite := query.get("suite"):
        result.append(Unit.suites == suite)
    if document_type := query.get("type"):
        result.append(Unit.document_type == DocumentType(document_type))
    return result


def _order_by_match(query: ListQuery, terms: Sequence[str]) -> list[ColumnElement[bool]]:
    """Return what puts units first whose code is searched for, then those with the words in their title."""
    if not terms:
        return []
    in_title = and_(*(func.lower(Unit.title).contains(term, autoescape=True) for term in terms))
    return [_has_code(UnitCode.normalised == normalise_code(query.words)).desc(), in_title.desc()]


def _is_offered(unit: type[Unit], owner: str, centre_ids: Collection[int]) -> ColumnElement[bool]:
    """Return the SQL condition for units that these centres can see and whose owner is searched for."""
    own, installation = unit.owner_centre_id.in_(centre_ids), unit.owner_centre_id.is_(None)
    return {"own": own, "installation": installation}.get(owner, or_(own, installation))


def _has_newer(owner: str, centre_ids: Collection[int]) -> ColumnElement[bool]:
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
    offered = _is_offered(newer, owner, centre_ids)
    return select(newer.id).where(same_version, is_later, is_not_another_centres, offered).exists()


def _has_code(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return select(UnitCode.id).where(UnitCode.unit_id == Unit.id, condition).exists()


def _add_excerpts(result: Sequence[UnitResult], terms: Sequence[str]) -> Sequence[UnitResult]:
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
