"""The status that a centre's witness list gives a testimony. The one place that says whether a witness is an expert.

docs/rules.md, Witness list, rules 3 to 5.
"""

from collections.abc import Iterable
from datetime import date, datetime

from sqlalchemy import select

from tracker.accounts.mailboxes import has_domain_of, is_same_mailbox
from tracker.accounts.person_names import clean_name
from tracker.clock import day_of
from tracker.extensions import db
from tracker.models import ListedWitness
from tracker.vocabulary import ListedStatus


def find_entry(
    entries: Iterable[ListedWitness], saw_on: date, signed_at: datetime, authenticated_by_id: int
) -> ListedWitness | None:
    """Return the entry of the list that counts for a testimony, or None.

    It was on the list when the witness signed, and its status held on the day on which they saw the work. An entry
    that the assessor recorded who authenticates the testimony does not count. Of several, the highest status counts.

    Args:
        entries: the entries of the witness at the centre, also those that were removed.
        saw_on: the day on which the witness saw the work.
        signed_at: when they signed.
        authenticated_by_id: the assessor who authenticates the testimony.
    """
    counting = [
        each
        for each in entries
        if each.recorded_by_id != authenticated_by_id
        and each.recorded_at <= signed_at
        and (each.removed_at is None or each.removed_at > signed_at)
        and has_status_on(each, saw_on)
    ]
    return min(counting, key=lambda each: (list(ListedStatus).index(each.status), each.id), default=None)


def has_status_on(entry: ListedWitness, day: date) -> bool:
    """Return whether the status of an entry holds on a day, whether or not it was removed."""
    return entry.starts_on <= day and (entry.ends_on is None or day <= entry.ends_on)


def has_ended(entry: ListedWitness, today: date) -> bool:
    """Return whether an entry no longer counts for what is seen today."""
    return entry.removed_at is not None or (entry.ends_on is not None and entry.ends_on < today)


def find_end(entry: ListedWitness) -> date | None:
    """Return the day on which an entry was removed or its status ended, whichever was first; None for no end."""
    ends = [entry.ends_on, day_of(entry.removed_at) if entry.removed_at else None]
    return min((each for each in ends if each), default=None)


def is_listed_expert(centre_id: int, name: str, day: date) -> bool:
    """Return whether a centre's list has an expert witness of this name on a day. One statement."""
    query = select(ListedWitness).where(
        ListedWitness.centre_id == centre_id,
        ListedWitness.status == ListedStatus.EXPERT,
        ListedWitness.removed_at.is_(None),
        ListedWitness.starts_on <= day,
    )
    words = clean_name(name).casefold()
    return any(has_status_on(each, day) and each.name.casefold() == words for each in db.session.scalars(query))


def list_entries_of(centre_id: int, address: str) -> list[ListedWitness]:
    """List the entries of a mailbox at a centre, also those that were removed. One statement."""
    query = select(ListedWitness).where(
        ListedWitness.centre_id == centre_id, has_domain_of(ListedWitness.email, address)
    )
    return [each for each in db.session.scalars(query) if is_same_mailbox(each.email, address)]
