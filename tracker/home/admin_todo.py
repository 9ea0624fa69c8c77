"""The administrator's to-do list: units to allocate, pending invitations, units longest in progress, withdrawals."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select

from tracker.accounts.account_change_queries import list_waiting_changes
from tracker.home.figures import select_pending_people
from tracker.models import AccountChange, DeliveryFailure, Person, Registration
from tracker.portfolio.storage_quotas import CandidateUsage, Usage, list_warned_candidates, measure_centre
from tracker.registrations.allocation_list import AllocatedRegistration, list_longest_in_progress
from tracker.registrations.queries import RegistrationToAllocate, list_registrations_to_allocate
from tracker.statements import fetch_rows

MAX_SHOWN = 10


@dataclass(frozen=True, slots=True)
class AdminTodo:
    """What needs an administrator's attention at a centre; at most ten of each kind, but all changes of accounts."""

    to_allocate: list[RegistrationToAllocate]
    pending_invitations: list[tuple[int, str, datetime, bool]]
    """The person's id and name, when they were invited, and whether the last email to them was not delivered."""
    longest_in_progress: list[AllocatedRegistration]
    withdrawn: list[tuple[int, str, datetime | None]]
    """The registration's id, the candidate's name, and when they were withdrawn."""
    account_changes: list[AccountChange]
    """Changes of accounts that wait for their time or for a second administrator; all of them."""
    files: Usage
    """How much of its storage quota the centre uses."""
    warned_candidates: list[CandidateUsage]
    """Candidates who have used most of their storage quota."""

    @property
    def units_to_allocate(self) -> int:
        """Return how many units need an assessor or an internal verifier, those that are not listed included."""
        return self.to_allocate[0].units_of_all if self.to_allocate else 0


def load_admin_todo(centre_id: int) -> AdminTodo:
    """Load what needs an administrator's attention, in seven queries."""
    return AdminTodo(
        list_registrations_to_allocate(centre_id, MAX_SHOWN),
        _list_pending_invitations(centre_id),
        list_longest_in_progress(centre_id, MAX_SHOWN),
        _list_withdrawn(centre_id),
        list_waiting_changes(centre_id),
        measure_centre(centre_id),
        list_warned_candidates(centre_id),
    )


def _list_pending_invitations(centre_id: int) -> list[tuple[int, str, datetime, bool]]:
    """List people with a current or future role who have not chosen a password yet."""
    rows = fetch_rows(PENDING_INVITATIONS, centre_id=centre_id)
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def _list_withdrawn(centre_id: int) -> list[tuple[int, str, datetime | None]]:
    return [(row[0], row[1], row[2]) for row in fetch_rows(WITHDRAWN, centre_id=centre_id)]


PENDING_INVITATIONS = (
    select_pending_people()
    .outerjoin(DeliveryFailure, DeliveryFailure.address == Person.email)
    .with_only_columns(Person.id, Person.name, Person.created_at, DeliveryFailure.address.is_not(None))
    .order_by(Person.created_at, Person.id)
    .limit(MAX_SHOWN)
)
WITHDRAWN = (
    select(Registration.id, Person.name, Registration.withdrawn_at)
    .join(Person, Person.id == Registration.candidate_id)
    .where(Registration.centre_id == bindparam("centre_id"), Registration.withdrawn_at.is_not(None))
    .order_by(Registration.withdrawn_at.desc(), Registration.id)
    .limit(MAX_SHOWN)
)
