"""Browsing the library by code, title and words in criteria: a few statements however many units there are."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import aliased

from tracker.extensions import db
from tracker.library.queries.units import is_seen_at
from tracker.models import Criterion, Unit, UnitCode
from tracker.units.standards_folder import squashed
from tracker.vocabulary import DocumentType
from tracker.web.pagination import Page

PAGE = 50
MAX_TERMS = 8
BEFORE, AFTER = 60, 140
"""How many signs of a criterion are shown before and after the first word found in it."""


@dataclass(frozen=True)
class Asked:
    """What somebody looks for; every empty value means: any."""

    words: str = ""
    suite: str = ""
    document_type: str = ""
    whose: str = ""
    """`own` or `installation`."""
    page: int = 1

    @property
    def terms(self) -> list[str]:
        return list(dict.fromkeys(self.words.casefold().split()))[:MAX_TERMS]


Piece = tuple[str, bool]
"""Some words, and whether they are what was looked for."""


@dataclass(frozen=True)
class FoundUnit:
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
    """Of the criterion in which the words stand."""
    pieces: tuple[Piece, ...] = ()

    @property
    def is_own(self) -> bool:
        """Whether it is a centre's own, not the installation's."""
        return self.owner_centre_id is not None


@dataclass(frozen=True)
class FoundPage:
    """One page of what was found."""

    units: tuple[FoundUnit, ...]
    total: int
    page: int

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // PAGE))

    @property
    def position(self) -> Page:
        return Page(self.page, self.page < self.pages, self.pages)


def search_units(asked: Asked, centre_ids: Collection[int]) -> FoundPage:
    """Units of the installation and of these centres: those of this very code first, then those of such a title.

    Of each version the newest revision; its page leads to the older ones.
    """
    wanted = and_(*_conditions(asked, centre_ids))
    total = db.session.scalar(select(func.count()).select_from(Unit).where(wanted)) or 0
    page = min(max(1, asked.page), max(1, -(-total // PAGE)))
    rows = db.session.execute(_ordered(asked).where(wanted).limit(PAGE).offset(PAGE * (page - 1))).all()
    found = [FoundUnit(**row._asdict()) for row in rows]
    return FoundPage(tuple(_with_pieces(found, asked.terms)), total, page)


def list_suites(centre_ids: Collection[int]) -> list[str]:
    """Every suite named by a unit, for the filter."""
    query = select(Unit.suites).where(is_seen_at(centre_ids), Unit.suites != "").distinct().order_by(Unit.suites)
    return list(db.session.scalars(query))


def _conditions(asked: Asked, centre_ids: Collection[int]) -> list[ColumnElement[bool]]:
    found = [_is_offered(Unit, asked, centre_ids), ~_has_newer(asked, centre_ids)]
    if asked.terms:
        in_words = and_(*(Unit.words.contains(term, autoescape=True) for term in asked.terms))
        code = squashed(asked.words)
        found.append(
            or_(in_words, _has_code(UnitCode.squashed.contains(code, autoescape=True))) if code else in_words
        )
    if asked.suite:
        found.append(Unit.suites == asked.suite)
    if asked.document_type in set(DocumentType):
        found.append(Unit.document_type == DocumentType(asked.document_type))
    return found


def _is_offered(unit: type[Unit], asked: Asked, centre_ids: Collection[int]) -> ColumnElement[bool]:
    """One that these centres see, and whose it is asked for."""
    own, installation = unit.owner_centre_id.in_(centre_ids), unit.owner_centre_id.is_(None)
    return {"own": own, "installation": installation}.get(asked.whose, or_(own, installation))


def _has_newer(asked: Asked, centre_ids: Collection[int]) -> ColumnElement[bool]:
    """Whether the same version is offered in a later revision, or as a centre's own copy of this one."""
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
    offered = _is_offered(newer, asked, centre_ids)
    return select(newer.id).where(same_version, is_later, is_not_another_centres, offered).exists()


def _has_code(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return select(UnitCode.id).where(UnitCode.unit_id == Unit.id, condition).exists()


def _ordered(asked: Asked) -> Any:
    query = select(
        Unit.id.label("unit_id"), Unit.slug, Unit.code, Unit.full_code, Unit.title, Unit.version, Unit.revision,
        Unit.document_type, Unit.owner_centre_id,
    )  # fmt: skip
    if asked.terms:
        in_title = and_(*(func.lower(Unit.title).contains(term, autoescape=True) for term in asked.terms))
        query = query.order_by(_has_code(UnitCode.squashed == squashed(asked.words)).desc(), in_title.desc())
    return query.order_by(Unit.code, Unit.id.desc())


def _with_pieces(found: Sequence[FoundUnit], terms: Sequence[str]) -> Iterable[FoundUnit]:
    """Each unit with the criterion that holds most of the words looked for, if one holds any."""
    if not terms or not found:
        return found
    query = (
        select(Criterion.unit_id, Criterion.label, Criterion.text)
        .where(
            Criterion.unit_id.in_([each.unit_id for each in found]),
            or_(*(func.lower(Criterion.text).contains(term, autoescape=True) for term in terms)),
        )
        .order_by(Criterion.unit_id, Criterion.position)
    )
    best: dict[int, tuple[int, str, str]] = {}
    for unit_id, label, text in db.session.execute(query):
        held = sum(term in text.casefold() for term in terms)
        if held > best.get(unit_id, (0, "", ""))[0]:
            best[unit_id] = (held, label, text)
    return [
        replace(each, label=best[each.unit_id][1], pieces=in_pieces(best[each.unit_id][2], terms))
        if each.unit_id in best
        else each
        for each in found
    ]


def in_pieces(text: str, terms: Sequence[str]) -> tuple[Piece, ...]:
    """A stretch of the text about the first word found, cut where the words begin and end."""
    pattern = re.compile("|".join(re.escape(term) for term in sorted(terms, key=len, reverse=True)), re.IGNORECASE)
    first = pattern.search(text)
    if first is None:
        return ((text[: BEFORE + AFTER], False),)
    start = text.rfind(" ", 0, first.start() - BEFORE) + 1 if first.start() > BEFORE else 0
    end = text.find(" ", first.end() + AFTER)
    shown = ("… " if start else "") + (text[start:] if end < 0 else f"{text[start:end]} …")
    found: list[Piece] = []
    at = 0
    for match in pattern.finditer(shown):
        found += [(shown[at : match.start()], False), (match[0], True)]
        at = match.end()
    return tuple(piece for piece in [*found, (shown[at:], False)] if piece[0])
