"""Addresses that lead to one mailbox: with a tag after a “+”, and with the dots that Gmail leaves out.

docs/rules.md, Witness testimonies, rule 3.
"""

from typing import Any

from sqlalchemy import ColumnElement, or_, select

from tracker.extensions import db
from tracker.models import AccountChange, Person

GMAIL = ("gmail.com", "googlemail.com")
"""Two domains of one provider, which leaves dots in the part before the “@” out."""


def clean_address(address: str) -> str:
    """Return an email address as it is stored: without the space around it, in lower case."""
    return address.strip().lower()


def is_same_mailbox(address: str, other: str) -> bool:
    """Return whether two addresses lead to one mailbox, whatever follows a “+” before the “@”; none is no mailbox."""
    return bool(clean_address(address)) and name_mailbox(address) == name_mailbox(other)


def is_own_address(address: str, person: Person) -> bool:
    """Return whether an address leads to a person's mailbox, or one that their account had before. One statement."""
    former = select(AccountChange.old_email).where(
        AccountChange.person_id == person.id, AccountChange.applied_at.is_not(None)
    )
    return any(is_same_mailbox(address, each) for each in (person.email, *db.session.scalars(former)))


def has_domain_of(column: Any, address: str) -> ColumnElement[bool]:
    """Return as SQL whether the addresses of a column are in the domain of an address, as all of its mailbox are."""
    domain = name_mailbox(address)[1]
    domains = GMAIL if domain in GMAIL else (domain,)
    return or_(*(column.endswith(f"@{each}", autoescape=True) for each in domains))


def find_person(address: str) -> int | None:
    """Return the id of the person whose account has this mailbox, or None. One statement.

    Of several the one with this very address, or else the earliest.
    """
    if not name_mailbox(address)[0]:
        return None
    query = select(Person.id, Person.email).where(has_domain_of(Person.email, address))
    found = [row for row in db.session.execute(query.order_by(Person.id)) if is_same_mailbox(row.email, address)]
    exact = [row.id for row in found if row.email == clean_address(address)]
    return next(iter(exact or [row.id for row in found]), None)


def name_mailbox(address: str) -> tuple[str, str]:
    """Return the two parts of an address without what makes no difference to where it leads."""
    local, _, domain = clean_address(address).rpartition("@")
    local = local.partition("+")[0]
    return (local.replace(".", ""), GMAIL[0]) if domain in GMAIL else (local, domain)
