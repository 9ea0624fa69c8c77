"""Drafts of units, and the rows of the review screen: source lines and statements that refer to each other."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from tracker.extensions import db
from tracker.models import Person, UnitDraft
from tracker.units.drafting.problems import DraftProblem, list_problems
from tracker.units.drafting.units import describe_doubt, list_open_doubts
from tracker.units.drafting.working_copy import DraftCriterion, WorkingCopy
from tracker.vocabulary import CriterionKind, DraftState

MAX_SHOWN_LINES = 4_000
"""Source lines shown on one page; real documents have fewer."""


@dataclass(frozen=True)
class DraftRow:
    """A draft as lists show it."""

    draft_id: int
    centre_id: int
    title: str
    source_name: str
    state: DraftState
    made_by: str
    updated_at: datetime


def list_drafts(
    centre_ids: Collection[int], states: Collection[DraftState], limit: int | None = None
) -> list[DraftRow]:
    """List drafts of these centres, the most recently changed first; all of them unless a limit is given."""
    query = (
        select(
            UnitDraft.id, UnitDraft.centre_id, UnitDraft.title, UnitDraft.source_name, UnitDraft.state,
            Person.name, UnitDraft.updated_at,
        )
        .join(Person, Person.id == UnitDraft.made_by_id)
        .where(UnitDraft.centre_id.in_(centre_ids), UnitDraft.state.in_(states))
        .order_by(UnitDraft.updated_at.desc(), UnitDraft.id.desc())
        .limit(limit)
    )  # fmt: skip
    return [DraftRow(*row) for row in db.session.execute(query)]


def find_shared_draft(draft_id: int) -> UnitDraft | None:
    """Find a draft that is shared with the centre's assessors."""
    query = select(UnitDraft).where(UnitDraft.id == draft_id, UnitDraft.state == DraftState.DRAFT)
    return db.session.scalars(query).one_or_none()


@dataclass(frozen=True)
class SourceRow:
    """A line of the source: the page that begins with it, the doubts that begin at it, and the entry made from it."""

    number: int
    text: str
    page: int | None
    is_heading: bool
    doubts: tuple[int, ...]
    is_doubtful: bool
    is_unparsed: bool
    key: str | None
    label: str


@dataclass(frozen=True)
class DoubtRow:
    """A doubt (numbered from 1) with its source lines and its place: at a statement (`key`) or above a kind."""

    number: int
    lines: tuple[int, ...]
    sentence: str
    is_resolved: bool
    key: str | None
    kind: CriterionKind | None
    next_open: int | None


@dataclass(frozen=True)
class StatementRow:
    """A criterion as the review screen shows it."""

    entry: DraftCriterion
    depth: int
    lines: tuple[int, ...]
    doubts: tuple[DoubtRow, ...]
    is_new_heading: bool
    is_first: bool
    """Whether it is the first of its kind."""
    items: int
    was_read: bool

    @property
    def key(self) -> str:
        """Return the key of the criterion."""
        return self.entry.key


@dataclass(frozen=True)
class ReviewScreen:
    """Everything that the review screen shows of a working copy."""

    source: tuple[SourceRow, ...]
    hidden_lines: int
    statements: dict[CriterionKind, tuple[StatementRow, ...]]
    doubts: tuple[DoubtRow, ...]
    problems: tuple[DraftProblem, ...]

    @property
    def open_doubts(self) -> tuple[DoubtRow, ...]:
        """Return the doubts that are not resolved."""
        return tuple(doubt for doubt in self.doubts if not doubt.is_resolved)

    def list_doubts_about(self, kind: CriterionKind | None) -> tuple[DoubtRow, ...]:
        """Return the doubts about several statements of a kind; with None, those that concern no statement."""
        return tuple(doubt for doubt in self.doubts if doubt.key is None and doubt.kind == kind)

    @property
    def last_line(self) -> int:
        """Return the number of the last source line shown."""
        return self.source[-1].number if self.source else 0


def build_review_screen(lines: list[dict[str, Any]], working: WorkingCopy) -> ReviewScreen:
    """Build both sides of the review screen from the draft's source lines and its working copy."""
    key_by_line = _map_lines_to_entries(working)
    doubts = _build_doubt_rows(working, key_by_line)
    return ReviewScreen(
        source=tuple(_build_source_rows(lines[:MAX_SHOWN_LINES], working, doubts, key_by_line)),
        hidden_lines=max(0, len(lines) - MAX_SHOWN_LINES),
        statements={kind: tuple(_build_statement_rows(working, kind, doubts)) for kind in CriterionKind},
        doubts=doubts,
        problems=tuple(list_problems(working)),
    )


def _map_lines_to_entries(working: WorkingCopy) -> dict[int, str]:
    """Return the key of the statement made from each source line, the innermost where several share the line."""
    keys = {entry.key for entry in working.entries}
    return {number: key for key, lines in working.places.items() if key in keys for number in lines}


def _build_doubt_rows(working: WorkingCopy, key_by_line: Mapping[int, str]) -> tuple[DoubtRow, ...]:
    still_open = list_open_doubts(working)
    kinds = {criterion.key: criterion.kind for criterion in working.criteria}
    result = []
    for number, doubt in enumerate(working.warnings):
        keys = list(dict.fromkeys(key_by_line[line] for line in doubt.lines if key_by_line.get(line) in kinds))
        later = [other for other in still_open if other > number]
        result.append(
            DoubtRow(
                number=number + 1,
                lines=tuple(doubt.lines),
                sentence=describe_doubt(doubt),
                is_resolved=doubt.settled,
                key=keys[0] if len(keys) == 1 else None,
                kind=kinds[keys[0]] if keys else None,
                next_open=later[0] + 1 if later else None,
            )
        )
    return tuple(result)


def _build_source_rows(
    lines: list[dict[str, Any]], working: WorkingCopy, doubts: tuple[DoubtRow, ...], key_by_line: Mapping[int, str]
) -> list[SourceRow]:
    doubtful = {number for doubt in doubts if not doubt.is_resolved for number in doubt.lines}
    doubts_by_line: dict[int, list[int]] = {}
    for doubt in doubts:
        doubts_by_line.setdefault(min(doubt.lines, default=0), []).append(doubt.number)
    unparsed = {number for passage in working.unparsed if not passage.placed for number in passage.lines}
    labels = {entry.key: entry.label for entry in working.entries}
    rows, page = [], None
    for line in lines:
        number, key = line["number"], key_by_line.get(line["number"])
        page_start = line.get("page") if line.get("page") != page else None
        page = line.get("page", page)
        rows.append(
            SourceRow(
                number=number,
                text=line.get("text", ""),
                page=page_start,
                is_heading=line.get("heading", False),
                doubts=tuple(doubts_by_line.get(number, ())),
                is_doubtful=number in doubtful,
                is_unparsed=number in unparsed,
                key=key,
                label=labels.get(key or "", ""),
            )
        )
    return rows


def _build_statement_rows(
    working: WorkingCopy, kind: CriterionKind, doubts: tuple[DoubtRow, ...]
) -> list[StatementRow]:
    items = Counter(criterion.parent for criterion in working.criteria)
    depths: dict[str, int] = {}
    rows: list[StatementRow] = []
    for criterion in working.criteria:
        if criterion.kind != kind:
            continue
        depths[criterion.key] = depths.get(criterion.parent or "", -1) + 1
        rows.append(
            StatementRow(
                entry=criterion,
                depth=depths[criterion.key],
                lines=tuple(working.places.get(criterion.key, ())),
                doubts=tuple(doubt for doubt in doubts if doubt.key == criterion.key),
                is_new_heading=not rows or rows[-1].entry.heading != criterion.heading,
                is_first=not rows,
                items=items[criterion.key],
                was_read=criterion.key.startswith("r"),
            )
        )
    return rows
