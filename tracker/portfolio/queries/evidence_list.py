"""The list of a candidate's evidence: their own with drafts, or as submitted for others."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, func, select

from tracker.extensions import db
from tracker.models import Claim, Evidence, EvidenceVersion, Unit, UnitAttempt
from tracker.portfolio.queries.index import (
    COLUMNS,
    EVIDENCE_STATES,
    OWN_COLUMNS,
    IndexLine,
    build_own_lines,
    build_submitted_lines,
    is_shown_to_candidate,
    list_codes,
    list_readable_badges,
    select_own,
    select_submitted,
)
from tracker.vocabulary import AttemptState, Method
from tracker.web.formatting import day, period
from tracker.web.list_pages import load_page
from tracker.web.lists import Column, Filter, ListDefinition, ListPage, ListQuery, contains_words

EVIDENCE = ListDefinition[IndexLine](
    "evidence",
    (
        Column("Number", lambda line: line.ref, can_sort=True),
        Column("Title", lambda line: line.title, can_sort=True),
        Column("Method", lambda line: line.method.label if line.method else "", can_sort=True),
        Column(
            "Date", lambda line: period(line.happened_from, line.happened_until), can_sort=True, largest_first=True
        ),
        Column("Where it is", lambda line: line.location),
        Column("Record by", lambda line: line.written_by, only_in_csv=True),
        Column("Units", lambda line: ", ".join(line.codes)),
        Column("State", lambda line: line.states, only_in_csv=True),
        Column(
            "Sampled by",
            lambda line: ", ".join(f"{initials}, {day(sampled_on)}" for initials, sampled_on in line.sampled_by),
        ),
    ),
    default_sort="number",
)
SUBMITTED_COLUMNS = {name: getattr(EvidenceVersion, name) for name in COLUMNS}
PARTS = {"drafts": "Drafts", "unlinked": "Not linked to criteria"}


class OwnEvidenceCounts(NamedTuple):
    """How many items a candidate has at a centre, how many are drafts, and how many claim no criterion."""

    items: int
    drafts: int
    unlinked: int


def list_own_evidence(candidate_id: int, centre_id: int, query: ListQuery) -> ListPage[IndexLine]:
    """List a page of the candidate's own evidence, with drafts and unsubmitted changes, in seven SQL statements.

    A filter by state runs four more.
    """
    statement = select_own(candidate_id, centre_id)
    match query.get("show"):
        case "drafts":
            statement = statement.where(Evidence.number.is_(None))
        case "unlinked":
            statement = statement.where(Evidence.author_id.is_(None), ~_has_claim())
    listed = _load_page(query, statement, OWN_COLUMNS, None)
    return replace(listed, rows=build_own_lines(listed.rows))


def list_submitted_evidence(
    candidate_id: int, centre_id: int, attempt_ids: Collection[int] | None, query: ListQuery
) -> ListPage[IndexLine]:
    """List a page of the evidence as submitted, in seven SQL statements; a filter by state runs five more.

    Args:
        candidate_id: whose evidence it is.
        centre_id: the centre.
        attempt_ids: list only items claimed in these attempts, with the states and samples there; None for all.
        query: what is asked for.
    """
    statement = select_submitted(candidate_id, centre_id, attempt_ids)
    listed = _load_page(query, statement, SUBMITTED_COLUMNS, attempt_ids)
    return replace(listed, rows=build_submitted_lines(listed.rows, attempt_ids))


def count_own_evidence(candidate_id: int, centre_id: int) -> OwnEvidenceCounts:
    """Count the candidate's own items at a centre."""
    query = select(
        func.count(Evidence.id),
        func.count(Evidence.id).filter(Evidence.number.is_(None)),
        func.count(Evidence.id).filter(Evidence.author_id.is_(None), ~_has_claim()),
    ).where(
        Evidence.candidate_id == candidate_id,
        Evidence.centre_id == centre_id,
        Evidence.discarded_at.is_(None),
        is_shown_to_candidate(),
    )
    return OwnEvidenceCounts(*db.session.execute(query).one())


def list_evidence_filters(
    candidate_id: int, centre_id: int, attempt_ids: Collection[int] | None = None, *, is_own: bool = False
) -> list[Filter]:
    """List the choices that narrow the list; a candidate's own has drafts and items without criteria too."""
    query = (
        select(Unit.code)
        .join(UnitAttempt, UnitAttempt.unit_id == Unit.id)
        .where(
            UnitAttempt.candidate_id == candidate_id,
            UnitAttempt.centre_id == centre_id,
            UnitAttempt.state != AttemptState.VOID,
        )
        .distinct()
        .order_by(Unit.code)
    )
    if attempt_ids is not None:
        query = query.where(UnitAttempt.id.in_(attempt_ids))
    return [
        Filter("unit", "Unit", "All units", {code: code for code in db.session.scalars(query)}),
        Filter("method", "Method", "All methods", {method.value: method.label for method in Method}),
        Filter("show", "State", "All states", {**EVIDENCE_STATES, **PARTS} if is_own else EVIDENCE_STATES),
    ]


def _load_page(
    query: ListQuery,
    statement: Select[*tuple[Any, ...]],
    shown: Mapping[str, Any],
    attempt_ids: Collection[int] | None,
) -> ListPage[Any]:
    """Load a page of rows; `shown` is what is shown of an item, by its column: so nothing else is searched."""
    statement = statement.where(contains_words(query, shown["title"]))
    if code := query.get("unit"):
        statement = statement.where(_has_claim(Unit.code == code))
    if method := query.get("method"):
        statement = statement.where(shown["method"] == Method(method))
    if (state := query.get("show")) in EVIDENCE_STATES:
        statement = statement.where(Evidence.id.in_(_list_ids_in_state(statement, state, code, attempt_ids)))
    return load_page(
        EVIDENCE,
        query,
        statement,
        lambda row: row,
        key=Evidence.id,
        order_by={
            "number": [Evidence.number],
            "title": [func.lower(shown["title"])],
            "method": [shown["method"]],
            "date": [shown["happened_from"]],
        },
    )


def _list_ids_in_state(
    statement: Select[*tuple[Any, ...]], state: str, code: str, attempt_ids: Collection[int] | None
) -> list[int]:
    """List the items of a statement that are in this state in a unit: in the one with this code, or in any.

    An item's state is computed in one place (`list_badges`), so it is computed here for all items that are left.
    """
    ids = list(db.session.scalars(statement.with_only_columns(Evidence.id, maintain_column_froms=True)))
    badges = list_readable_badges(ids, list_codes(ids, attempt_ids) if attempt_ids is not None else None)
    return [each for each in ids if any(word == state and code in {"", unit} for unit, word in badges[each])]


def _has_claim(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return as SQL whether the item has a live claim in an attempt that is not void and meets these conditions."""
    return (
        select(Claim.id)
        .join(UnitAttempt, UnitAttempt.id == Claim.attempt_id)
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .where(
            Claim.evidence_id == Evidence.id,
            Claim.removed_at.is_(None),
            UnitAttempt.state != AttemptState.VOID,
            *conditions,
        )
        .exists()
    )
