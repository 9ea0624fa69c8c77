"""What the staff register of a centre holds of one person."""

from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from tracker.clock import today
from tracker.errors import NotFound
from tracker.extensions import db
from tracker.models import CpdEntry, InterestDeclaration, StaffAward, StaffCompetence, StaffErasure
from tracker.staff.award_standing import AwardStanding, find_award_standing
from tracker.staff.members import StaffMember
from tracker.staff.queries.register import YEAR
from tracker.vocabulary import Role
from tracker.web.list_pages import load_page
from tracker.web.lists import Column, DayFilter, ListDefinition, ListPage, ListQuery, contains_words

Entry = TypeVar("Entry", StaffAward, StaffCompetence, CpdEntry, InterestDeclaration)
MAX_SHOWN_CPD = 10
"""The newest entries of the CPD log on the page of a staff record; the list has all."""
MAX_PRINTED_CPD = 500


@dataclass(frozen=True)
class StaffRecord:
    """A person's entries in a centre's staff register that were not removed, and what was erased."""

    member: StaffMember
    awards: tuple[StaffAward, ...]
    competences: tuple[StaffCompetence, ...]
    cpd: tuple[CpdEntry, ...]
    """The newest entries, newest first."""
    cpd_minutes: int
    """In the last year."""
    declarations: tuple[InterestDeclaration, ...]
    """Newest first."""

    @property
    def cpd_hours(self) -> float:
        """Return the hours of CPD in the last year."""
        return round(self.cpd_minutes / 60, 2)

    @property
    def standings(self) -> dict[Role, AwardStanding]:
        """Return the award status of today for each role that runs now."""
        return {role: find_award_standing(self.awards, role, today()) for role in self.member.current_roles}


CPD = ListDefinition[CpdEntry](
    "cpd-log",
    (
        Column("Date", lambda row: row.happened_on, can_sort=True, largest_first=True),
        Column("Activity", lambda row: row.title),
        Column("What was learned", lambda row: row.learning),
        Column("Evidence", lambda row: row.evidence),
        Column("Hours", lambda row: row.hours, can_sort=True, largest_first=True, is_number=True),
    ),
    default_sort="-date",
)
CPD_FILTERS = (DayFilter("from", "From"), DayFilter("until", "Until"))


def load_staff_record(member: StaffMember, *, max_cpd: int = MAX_SHOWN_CPD) -> StaffRecord:
    """Return what a centre's staff register holds of a person. Runs four SQL statements."""
    person_id, centre_id = member.person.id, member.centre.id
    cpd, minutes = _load_cpd(person_id, centre_id, max_cpd)
    return StaffRecord(
        member,
        tuple(
            db.session.scalars(
                select(StaffAward)
                .where(
                    StaffAward.person_id == person_id,
                    StaffAward.centre_id == centre_id,
                    StaffAward.removed_at.is_(None),
                )
                .options(joinedload(StaffAward.confirmed_by))
                .order_by(StaffAward.id)
            )
        ),
        tuple(
            db.session.scalars(
                select(StaffCompetence)
                .where(
                    StaffCompetence.person_id == person_id,
                    StaffCompetence.centre_id == centre_id,
                    StaffCompetence.removed_at.is_(None),
                )
                .order_by(StaffCompetence.unit_code == "", StaffCompetence.unit_code, StaffCompetence.sector)
            )
        ),
        cpd,
        minutes,
        tuple(
            db.session.scalars(
                select(InterestDeclaration)
                .where(InterestDeclaration.person_id == person_id, InterestDeclaration.centre_id == centre_id)
                .options(joinedload(InterestDeclaration.answered_by))
                .order_by(InterestDeclaration.declared_at.desc(), InterestDeclaration.id.desc())
            )
        ),
    )


def _load_cpd(person_id: int, centre_id: int, limit: int) -> tuple[tuple[CpdEntry, ...], int]:
    """Return the newest entries of a CPD log, and the minutes of all entries of the last year."""
    is_own = (
        CpdEntry.person_id == person_id,
        CpdEntry.centre_id == centre_id,
        CpdEntry.removed_at.is_(None),
    )
    summed = select(func.sum(CpdEntry.minutes)).where(*is_own, CpdEntry.happened_on > today() - YEAR)
    query = (
        select(CpdEntry, summed.scalar_subquery())
        .where(*is_own)
        .order_by(CpdEntry.happened_on.desc(), CpdEntry.id.desc())
        .limit(limit)
    )
    rows = db.session.execute(query).all()
    return tuple(row[0] for row in rows), (rows[0][1] or 0) if rows else 0


def list_cpd(member: StaffMember, query: ListQuery) -> ListPage[CpdEntry]:
    """List a page of a person's CPD log at a centre. Runs two SQL statements."""
    statement = select(CpdEntry).where(
        CpdEntry.person_id == member.person.id,
        CpdEntry.centre_id == member.centre.id,
        CpdEntry.removed_at.is_(None),
        contains_words(query, CpdEntry.title, CpdEntry.learning),
    )
    if first := query.get_day("from"):
        statement = statement.where(CpdEntry.happened_on >= first)
    if last := query.get_day("until"):
        statement = statement.where(CpdEntry.happened_on <= last)
    return load_page(
        CPD,
        query,
        statement,
        lambda row: row.CpdEntry,
        key=CpdEntry.id,
        order_by={"date": [CpdEntry.happened_on], "hours": [CpdEntry.minutes]},
    )


def get_entry(model: type[Entry], member: StaffMember, entry_id: int) -> Entry:
    """Return an entry of a person's staff record at a centre; raise NotFound if there is none or it was removed."""
    table: Any = model
    query = select(model).where(
        table.id == entry_id, table.person_id == member.person.id, table.centre_id == member.centre.id
    )
    entry = db.session.scalars(query).one_or_none()
    if entry is None or getattr(entry, "removed_at", None):
        raise NotFound
    return entry


def find_last_erasure(member: StaffMember) -> StaffErasure | None:
    """Return the last erasure of a person's staff record at a centre, or None."""
    query = select(StaffErasure).where(
        StaffErasure.person_id == member.person.id, StaffErasure.centre_id == member.centre.id
    )
    return db.session.scalars(query.order_by(StaffErasure.id.desc()).limit(1)).one_or_none()
