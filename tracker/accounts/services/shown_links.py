"""Invitation links of many people at once, shown to the centre's administrator where no emails are sent.

docs/rules.md, Roles and permissions, rule 14. Each link is an act of its own, with the event that a single one has.
"""

import json
from collections.abc import Collection, Iterable
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


@dataclass(frozen=True)
class PeopleToInvite:
    """The people of a centre who have not chosen a password yet."""

    without_link: tuple[Person, ...]
    """Those who need a link: none was shown, or the last one has expired."""
    with_link: tuple[Person, ...]
    """Those whose link was shown to an administrator and can still be used."""
    elsewhere: tuple[Person, ...]
    """Those with a role at another centre too, to whom only the system operator gives a link."""


@dataclass(frozen=True)
class InvitationLink:
    """A person, and the address at which they choose a password."""

    person: Person
    url: str


def list_people_to_invite(centre: Centre) -> PeopleToInvite:
    """List the people with a current or future role at a centre who have no password yet, by name."""
    role = select(Grant.id).where(
        Grant.person_id == Person.id,
        Grant.centre_id == centre.id,
        or_(Grant.ends_at.is_(None), Grant.ends_at > now()),
    )
    query = (
        select(Person)
        .where(Person.password_hash.is_(None), Person.deactivated_at.is_(None), role.exists())
        .options(selectinload(Person.grants))
        .order_by(Person.name, Person.id)
    )
    people = list(db.session.scalars(query))
    here = [person for person in people if all(grant.centre_id == centre.id for grant in person.grants)]
    shown_ids = _find_people_with_shown_link([person.id for person in here])
    return PeopleToInvite(
        tuple(person for person in here if person.id not in shown_ids),
        tuple(person for person in here if person.id in shown_ids),
        tuple(person for person in people if person not in here),
    )


def issue_shown_links(centre: Centre, actor: Actor, *, replace: bool) -> list[InvitationLink]:
    """Create the links of at most `MAX_LINKS` people who have none, by name; with `replace`, of all who may have one.

    Raises:
        Refused: emails are sent here, or nobody needs a link.
    """
    check_links_can_be_shown()
    found = list_people_to_invite(centre)
    lock_rows(Person, [person.id for person in _choose(found, replace=replace)])
    people = _choose(list_people_to_invite(centre), replace=replace)  # two administrators may have asked at once
    if not people:
        raise Refused("Nobody needs an invitation link now. Nothing was changed.")
    return [InvitationLink(each, emails.build_url(issue_shown_link(each, centre, actor))) for each in people]


def check_links_can_be_shown() -> None:
    """Raise `Refused` where emails are sent, which carry the links."""
    if emails.can_deliver():
        raise Refused("Invitations are emailed here, so their links are not shown. Nothing was changed.")


def _choose(found: PeopleToInvite, *, replace: bool) -> list[Person]:
    people: Iterable[Person] = found.without_link + found.with_link if replace else found.without_link
    return sorted(people, key=lambda person: (person.name, person.id))[:MAX_LINKS]


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
