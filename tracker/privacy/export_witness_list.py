"""Export of witness lists: the entries with a person's own address, and what they did on the list as staff."""

from typing import Any

from sqlalchemy import or_, select

from tracker.accounts.mailboxes import has_domain_of, is_same_mailbox
from tracker.extensions import db
from tracker.models import Centre, ListedWitness, Person
from tracker.privacy.anonymisation import read_columns

COLUMNS = ("status", "starts_on", "ends_on", "inducted_on", "recorded_at", "removed_at", "erased_at")
"""What an entry says without naming anybody."""


def read_own_entries(person: Person) -> list[dict[str, Any]]:
    """Return the entries of witness lists whose address leads to a person's mailbox, with what is written in them."""
    query = (
        select(ListedWitness, Centre.name)
        .join(Centre, Centre.id == ListedWitness.centre_id)
        .where(has_domain_of(ListedWitness.email, person.email))
        .order_by(ListedWitness.id)
    )
    return [
        {"centre": centre, **read_columns(entry, "name", "email", "relationship", "cv", *COLUMNS)}
        for entry, centre in db.session.execute(query)
        if is_same_mailbox(entry.email, person.email)
    ]


def read_witness_list_work(person: Person) -> list[dict[str, Any]]:
    """Return what a person did with entries of witness lists, without the names of the witnesses."""
    acts = {
        "recorded": ListedWitness.recorded_by_id,
        "removed": ListedWitness.removed_by_id,
        "erased": ListedWitness.erased_by_id,
    }
    query = (
        select(ListedWitness, Centre.name)
        .join(Centre, Centre.id == ListedWitness.centre_id)
        .where(or_(*(column == person.id for column in acts.values())))
        .order_by(ListedWitness.id)
    )
    return [
        {
            "centre": centre,
            "you": [act for act, column in acts.items() if getattr(entry, column.key) == person.id],
            **read_columns(entry, *COLUMNS),
        }
        for entry, centre in db.session.execute(query)
    ]
