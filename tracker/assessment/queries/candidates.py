"""Queries for the list of an assessor's candidates: units with progress, work to do, and the last activity."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import ColumnElement, Row, func, select

from tracker.assessment.queries.queue import EvidenceToAssess, get_start_of_day, group_by_item
from tracker.assessment.services.sign_off_checks import SignOffCounts, load_sign_off_counts
from tracker.clock import day_of, now
from tracker.extensions import db
from tracker.matrix import Progress, count_needs_more, summarise_attempts
from tracker.models import (
    Allocation,
    Evidence,
    EvidenceVersion,
    Person,
    Registration,
    Submission,
    Unit,
    UnitAttempt,
)
from tracker.registrations.current_allocations import is_current
from tracker.vocabulary import AttemptState, Role
from tracker.web.list_pages import cut_page
from tracker.web.lists import Column, Filter, ListDefinition, ListPage, ListQuery

QUIET_AFTER = timedelta(days=30)
"""How long ago the last submission was of a candidate who is listed as without activity."""


@dataclass(frozen=True, slots=True)
class UnitOfCandidate:
    """An attempt allocated to the assessor, as a part of its candidate's row."""

    attempt_id: int
    code: str
    title: str
    state: AttemptState
    progress: Progress
    before_sign_off: SignOffCounts | None
    """What is to be done before sign-off; None unless the attempt is in progress."""
    needs_more: int = 0

    @property
    def submitted(self) -> int:
        """How many criteria are claimed and not yet assessed."""
        return self.progress.claimed - self.progress.met - self.needs_more

    @property
    def open(self) -> int:
        """How many criteria are not claimed."""
        return self.progress.total - self.progress.claimed

    @property
    def can_sign(self) -> bool:
        """Whether the assessor can sign the unit off now."""
        return self.before_sign_off is not None and self.before_sign_off.can_sign

    @property
    def requirements_to_confirm(self) -> int:
        """How many evidence requirements are to be confirmed, where nothing else stops the sign-off."""
        if self.before_sign_off is None or self.before_sign_off.has_blockers:
            return 0
        return self.before_sign_off.requirements

    def describe(self) -> str:
        """Return the unit's code and progress in words."""
        parts = [f"{self.progress.met} of {self.progress.total} met"]
        if self.needs_more:
            parts.append(f"{self.needs_more} {'needs' if self.needs_more == 1 else 'need'} more")
        if self.submitted:
            parts.append(f"{self.submitted} submitted")
        if self.state is not AttemptState.IN_PROGRESS:
            parts.append(self.state.label.lower())
        return f"{self.code}: {', '.join(parts)}"


@dataclass(frozen=True, slots=True)
class CandidateToAssess:
    """A candidate of an assessor at a centre, with the units allocated to that assessor."""

    registration_id: int
    name: str
    number: str
    is_registered: bool
    """Whether the awarding body has registered the candidate."""
    units: tuple[UnitOfCandidate, ...]
    to_assess: int
    """How many items wait for the assessor."""
    first_to_assess: EvidenceToAssess | None
    """The item that has waited longest."""
    last_submitted_at: datetime | None

    @property
    def waiting_since(self) -> datetime | None:
        """When the item that has waited longest entered the queue."""
        return self.first_to_assess.queued_at if self.first_to_assess else None

    @property
    def share_met(self) -> float:
        """The share of the criteria of all units that is met."""
        total = sum(unit.progress.total for unit in self.units)
        return sum(unit.progress.met for unit in self.units) / total if total else 0

    @property
    def is_ready(self) -> bool:
        """Whether a unit can be signed off now."""
        return any(unit.can_sign for unit in self.units)

    @property
    def is_overdue(self) -> bool:
        """Whether an item has waited for more than a week."""
        return self.waiting_since is not None and self.waiting_since < get_start_of_day(days_ago=6)

    @property
    def is_quiet(self) -> bool:
        """Whether a unit is in progress and nothing was submitted for a month."""
        is_open = any(unit.state is AttemptState.IN_PROGRESS for unit in self.units)
        return is_open and (self.last_submitted_at is None or self.last_submitted_at < now() - QUIET_AFTER)


CANDIDATES = ListDefinition[CandidateToAssess](
    "candidates",
    (
        Column("Candidate", lambda row: row.name, can_sort=True, order_words="Name"),
        Column("Candidate number", lambda row: row.number, only_in_csv=True),
        Column(
            "With the awarding body",
            lambda row: "Registered" if row.is_registered else "Not yet registered",
            only_in_csv=True,
        ),
        Column(
            "Units",
            lambda row: "; ".join(unit.describe() for unit in row.units),
            can_sort=True,
            order_words="Progress",
        ),
        Column("To assess", lambda row: row.to_assess, can_sort=True, order_words="Waiting longest"),
        Column("Waiting since", lambda row: row.waiting_since and day_of(row.waiting_since), only_in_csv=True),
        Column("Last activity", lambda row: row.last_submitted_at and day_of(row.last_submitted_at), can_sort=True),
        Column(
            "Ready to sign off",
            lambda row: ", ".join(unit.code for unit in row.units if unit.can_sign),
            only_in_csv=True,
        ),
    ),
    default_sort="to-assess",
)
SHOWN: dict[str, tuple[str, Callable[[CandidateToAssess], bool]]] = {
    "to-assess": ("To assess", lambda row: row.to_assess > 0),
    "ready": ("Ready to sign off", lambda row: row.is_ready),
    "not-registered": ("Not yet registered", lambda row: not row.is_registered),
    "quiet": (f"No activity for {QUIET_AFTER.days} days", lambda row: row.is_quiet),
}
"""The parts of the list that may be shown alone, with the words and the condition of each."""


def list_candidates(candidates: Iterable[CandidateToAssess], query: ListQuery) -> ListPage[CandidateToAssess]:
    """List a page of an assessor's candidates, with the criteria that need more. Runs one SQL statement."""
    words, code, part = query.words.lower(), query.get("unit"), query.get("show")
    listed = cut_page(
        CANDIDATES,
        query,
        [
            row
            for row in candidates
            if (words in row.name.lower() or words in row.number.lower())
            and (not code or any(unit.code == code for unit in row.units))
            and (not part or SHOWN[part][1](row))
        ],
        {
            "candidate": lambda row: row.name.lower(),
            "units": lambda row: row.share_met,
            "to-assess": lambda row: row.waiting_since,
            "last-activity": lambda row: row.last_submitted_at,
        },
        key=lambda row: row.registration_id,
    )
    needs_more = count_needs_more(unit.attempt_id for row in listed.rows for unit in row.units)
    return replace(
        listed,
        rows=[
            replace(
                row, units=tuple(replace(unit, needs_more=needs_more.get(unit.attempt_id, 0)) for unit in row.units)
            )
            for row in listed.rows
        ],
    )


def list_candidates_filters(candidates: Iterable[CandidateToAssess]) -> list[Filter]:
    """List the choices that narrow the list: the parts of it with their counts, and the units."""
    candidates = list(candidates)
    codes = sorted({unit.code for row in candidates for unit in row.units})
    parts = {name: f"{words} ({sum(map(is_part, candidates))})" for name, (words, is_part) in SHOWN.items()}
    return [
        Filter("show", "Show", f"All candidates ({len(candidates)})", parts),
        Filter("unit", "Unit", "All units", {code: code for code in codes}),
    ]


def load_candidates(person_id: int, queue: Iterable[EvidenceToAssess]) -> list[CandidateToAssess]:
    """Load an assessor's candidates, by name. Runs seven SQL statements however many there are.

    Args:
        person_id: the assessor.
        queue: the assessor's evidence to assess.
    """
    attempts = _list_attempts(person_id)
    progress = summarise_attempts(attempt.id for attempt in attempts)
    before_sign_off = load_sign_off_counts(
        {attempt.id: progress[attempt.id] for attempt in attempts if attempt.state is AttemptState.IN_PROGRESS}
    )
    last_submitted_at = _load_last_submissions(person_id)
    waiting: defaultdict[int, list[EvidenceToAssess]] = defaultdict(list)
    for entry in queue:
        waiting[entry.attempt_id].append(entry)
    rows = []
    for key, group in groupby(attempts, key=attrgetter("candidate_id", "centre_id")):
        own = list(group)
        items = group_by_item(entry for attempt in own for entry in waiting[attempt.id])
        rows.append(
            CandidateToAssess(
                registration_id=own[0].registration_id,
                name=own[0].name,
                number=own[0].candidate_number,
                is_registered=all(attempt.is_registered for attempt in own),
                units=tuple(
                    UnitOfCandidate(
                        attempt.id,
                        attempt.code,
                        attempt.title,
                        attempt.state,
                        progress[attempt.id],
                        before_sign_off.get(attempt.id),
                    )
                    for attempt in own
                ),
                to_assess=len(items),
                first_to_assess=items[0].first if items else None,
                last_submitted_at=last_submitted_at.get(key),
            )
        )
    return rows


def _list_attempts(person_id: int) -> Sequence[Row[*tuple[Any, ...]]]:
    """List the attempts allocated to an assessor, by candidate and unit."""
    query = (
        select(
            UnitAttempt.id,
            UnitAttempt.candidate_id,
            UnitAttempt.centre_id,
            UnitAttempt.registration_id,
            UnitAttempt.state,
            Unit.code,
            Unit.title,
            Person.name,
            Registration.candidate_number,
            Registration.awarding_body_number.is_not(None).label("is_registered"),
        )
        .join(Allocation, Allocation.attempt_id == UnitAttempt.id)
        .join(Registration, Registration.id == UnitAttempt.registration_id)
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .join(Person, Person.id == UnitAttempt.candidate_id)
        .where(*_is_allocated(person_id), UnitAttempt.state != AttemptState.VOID, Registration.withdrawn_at.is_(None))
        .order_by(func.lower(Person.name), UnitAttempt.candidate_id, UnitAttempt.centre_id, Unit.code, UnitAttempt.id)
    )
    return db.session.execute(query).all()


def _load_last_submissions(person_id: int) -> dict[tuple[int, int], datetime]:
    """Return when each candidate of an assessor last submitted evidence, by candidate and centre."""
    own = (
        select(UnitAttempt.candidate_id)
        .join(Allocation, Allocation.attempt_id == UnitAttempt.id)
        .where(*_is_allocated(person_id))
    )
    query = (
        select(Evidence.candidate_id, Evidence.centre_id, func.max(Submission.submitted_at))
        .join(EvidenceVersion, EvidenceVersion.evidence_id == Evidence.id)
        .join(Submission, Submission.evidence_version_id == EvidenceVersion.id)
        .where(Evidence.candidate_id.in_(own), Evidence.author_id.is_(None))
        .group_by(Evidence.candidate_id, Evidence.centre_id)
    )
    return {(row[0], row[1]): row[2] for row in db.session.execute(query)}


def _is_allocated(person_id: int) -> tuple[ColumnElement[bool], ...]:
    return (Allocation.person_id == person_id, Allocation.role == Role.ASSESSOR, is_current())
