"""Invitation links of many people at once, shown to the centre's administrator where no emails are sent.

docs/rules.md, Roles and permissions, rule 14. Each link is an act of its own, with the event that a single one has.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import selectinload

from tracker.accounts.services.account_links import issue_shown_link
from tracker.background import emails
from tracker.clock import now
from tracker.errors import Refused
from tracker.extensions import db
from tracker.ledger.events import Actor
from tracker.ledger.transactions import lock_rows
from tracker.models import AccountLink, Centre, Event, Grant, Person
from tracker.vocabulary import LinkPurpose

MAX_LINKS = 500
"""Links that are made in one act; an import has as many rows."""


@dataclass(frozen=True, slots=True)
class InvitedPerson:
    """A person who has not chosen a password yet."""

    id: int
    name: str
    is_elsewhere: bool
    """Whether they have or had a role at another centre too."""


@dataclass(frozen=True)
class PeopleToInvite:
    """The people of a centre who have not chosen a password yet."""

    without_link: tuple[InvitedPerson, ...]
    """Those who need a link: none was shown, or the last one has expired."""
    with_link: tuple[InvitedPerson, ...]
    """Those whose link was shown to an administrator and can still be used."""
    elsewhere: tuple[InvitedPerson, ...]
    """Those with a role at another centre too, to whom only the system operator gives a link."""


@dataclass(frozen=True)
class InvitationLink:
    """A person, and the address at which they choose a password."""

    person: Person
    url: str


def list_people_to_invite(centre: Centre) -> PeopleToInvite:
    """List the people with a current or future role at a centre who have no password yet, by name.

    Roles are looked up for these people: there are few, and a centre has many roles.
    """
    here = select(Grant.id).where(
        Grant.person_id == Person.id,
        Grant.centre_id == centre.id,
        or_(Grant.ends_at.is_(None), Grant.ends_at > now()),
    )
    elsewhere = select(Grant.id).where(Grant.person_id == Person.id, Grant.centre_id != centre.id)
    has_role, is_elsewhere = (each.limit(1).scalar_subquery().is_not(None) for each in (here, elsewhere))
    query = (
        select(Person.id, Person.name, is_elsewhere)
        .where(Person.password_hash.is_(None), Person.deactivated_at.is_(None), has_role)
        .order_by(Person.name, Person.id)
    )
    people = [InvitedPerson(*row) for row in db.session.execute(query)]
    shown_ids = _find_people_with_shown_link([person.id for person in people if not person.is_elsewhere])
    return PeopleToInvite(
        tuple(person for person in people if not person.is_elsewhere and person.id not in shown_ids),
        tuple(person for person in people if not person.is_elsewhere and person.id in shown_ids),
        tuple(person for person in people if person.is_elsewhere),
    )


def issue_shown_links(centre: Centre, actor: Actor, *, replace: bool) -> list[InvitationLink]:
    """Create the links of at most `MAX_LINKS` people who have none, by name; with `replace`, of all who may have one.

    Raises:
        Refused: emails are sent here, or nobody needs a link.
    """
    check_links_can_be_shown()
    found = list_people_to_invite(centre)
    lock_rows(Person, _choose(found, replace=replace))
    ids = _choose(list_people_to_invite(centre), replace=replace)  # two administrators may have asked at once
    if not ids:
        raise Refused("Nobody needs an invitation link now. Nothing was changed.")
    query = select(Person).where(Person.id.in_(ids)).options(selectinload(Person.grants))
    people = db.session.scalars(query.order_by(Person.name, Person.id)).all()
    return [InvitationLink(each, emails.build_url(issue_shown_link(each, centre, actor))) for each in people]


def check_links_can_be_shown() -> None:
    """Raise `Refused` where emails are sent, which carry the links."""
    if emails.can_deliver():
        raise Refused("Invitations are emailed here, so their links are not shown. Nothing was changed.")


def _choose(found: PeopleToInvite, *, replace: bool) -> list[int]:
    """Return the ids of the people who get links, by name."""
    people = found.without_link + found.with_link if replace else found.without_link
    return [person.id for person in sorted(people, key=lambda person: (person.name, person.id))][:MAX_LINKS]


def _find_people_with_shown_link(person_ids: Collection[int]) -> set[int]:
    """Return those of these people whose newest link was shown to an administrator and can still be used."""
    usable = select(AccountLink.person_id).where(
        AccountLink.person_id.in_(person_ids),
        AccountLink.purpose == LinkPurpose.INVITATION,
        AccountLink.used_at.is_(None),
        AccountLink.expires_at > now(),
    )
    query = (
        select(Event.object_id, Event.body)
        .where(Event.act == "link_issued", Event.object_type == "person", Event.object_id.in_(usable))
        .order_by(Event.seq)
    )
    newest: dict[int, bytes] = {row[0]: row[1] for row in db.session.execute(query)}
    return {
        person_id
        for person_id, body in newest.items()
        if json.loads(body).get("data", {}).get("shown_to_administrator")
    }
