"""Members of a centre's staff register: who is in it, and fetching one with the right to do something."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from tracker.clock import now
from tracker.errors import Forbidden, NotFound
from tracker.extensions import db
from tracker.ledger.events import Actor
from tracker.models import Centre, Grant, Person
from tracker.vocabulary import STAFF_ROLES, Role
from tracker.web.current_user import me
from tracker.web.permissions import PERMISSIONS, Act

LATEST = datetime.max.replace(tzinfo=UTC)
"""The end of what has no end."""
READERS = (Role.ADMINISTRATOR, Role.INTERNAL_VERIFIER)
"""The roles that read everybody's staff record at their centre (docs/rules.md, Staff register, rule 3)."""


@dataclass(frozen=True)
class StaffMember:
    """A person who assesses or verifies at a centre, or did, with their roles as assessor and verifier there."""

    person: Person
    centre: Centre
    grants: tuple[Grant, ...]

    @property
    def current_roles(self) -> tuple[Role, ...]:
        """Return the roles that run now, in the order of the work; none once the account is closed."""
        if self.person.deactivated_at:
            return ()
        moment = now()
        current = {
            grant.role
            for grant in self.grants
            if grant.starts_at <= moment and (grant.ends_at is None or grant.ends_at > moment)
        }
        return tuple(role for role in STAFF_ROLES if role in current)

    @property
    def is_current(self) -> bool:
        """Return whether the person assesses or verifies at the centre now."""
        return bool(self.current_roles)

    @property
    def ended_at(self) -> datetime | None:
        """Return when the last role ended or the account was closed; None while a role runs or is to begin."""
        closed_at = self.person.deactivated_at
        ends = [min(each for each in (grant.ends_at, closed_at, LATEST) if each) for grant in self.grants]
        return last if (last := max(ends)) <= now() else None


def find_staff_member(centre_id: int, person_id: int) -> StaffMember | None:
    """Return a person with their roles as assessor and verifier at a centre, past ones included; None if none."""
    query = (
        select(Grant)
        .where(Grant.centre_id == centre_id, Grant.person_id == person_id, Grant.role.in_(STAFF_ROLES))
        .options(joinedload(Grant.person), joinedload(Grant.centre))
        .order_by(Grant.id)
    )
    grants = tuple(db.session.scalars(query))
    return StaffMember(grants[0].person, grants[0].centre, grants) if grants else None


def get_staff_member(centre_id: int, person_id: int, act: Act) -> tuple[StaffMember, Actor]:
    """Return a member of a centre's staff register and the actor.

    Raises:
        NotFound: the person should not know that the record exists.
        Forbidden: the person may read the record but not do this.
    """
    grants = {role: grant for role in Role if (grant := me().find_grant(role, centre_id))}
    is_own = person_id == me().person_id and any(role in grants for role in STAFF_ROLES)
    member = find_staff_member(centre_id, person_id)
    if member is None or not (is_own or any(role in grants for role in READERS)):
        raise NotFound
    grant = next((grant for role, grant in grants.items() if role in PERMISSIONS[act]), None)
    if grant is None or (act is Act.WRITE_OWN_STAFF_RECORD and not is_own):
        raise Forbidden
    return member, me().as_actor(grant)
