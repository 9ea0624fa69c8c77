"""Erasure of entries of a witness list, once they have long ended. docs/rules.md, Retention and erasure, rule 13."""

from dataclasses import dataclass
from datetime import date

from tracker.clock import now, today
from tracker.errors import Refused
from tracker.extensions import db
from tracker.ledger.events import Actor, record
from tracker.ledger.transactions import lock_rows
from tracker.models import ListedWitness
from tracker.privacy.erased_texts import delete_text_salts, erase_texts
from tracker.registrations.retention_periods import find_last_day_kept
from tracker.witness_list.status_on_day import find_end

TEXTS = ("name", "email", "relationship", "cv", "removed_reason")


@dataclass(frozen=True)
class EntryRetention:
    """Until when an entry of a witness list is kept."""

    ended_on: date | None
    """The day on which it was removed, or the last day of its status; None while it counts."""
    until: date | None
    is_erased: bool

    @property
    def is_due(self) -> bool:
        """Return whether the period is over and the entry was not erased."""
        return not self.is_erased and self.until is not None and self.until < today()


def find_entry_retention(entry: ListedWitness) -> EntryRetention:
    """Return until when an entry is kept: as long as the centre keeps decisions, by the longest of its rules."""
    ended_on = find_end(entry)
    if ended_on is None or (entry.removed_at is None and ended_on >= today()):
        return EntryRetention(None, None, is_erased=entry.erased_at is not None)
    until = find_last_day_kept(entry.centre_id, ended_on)
    return EntryRetention(ended_on, until, is_erased=entry.erased_at is not None)


def erase_listed_witness(entry: ListedWitness, actor: Actor) -> None:
    """Erase what was written about a witness in an entry of the list. Status and dates stay.

    Raises:
        Refused: the entry still counts, is not kept long enough, or was erased already.
    """
    lock_rows(ListedWitness, [entry.id])
    retention = find_entry_retention(entry)
    if not retention.is_due:
        raise Refused(
            "This entry is not due for erasure now: it is on the list, its retention period has not ended, or it was "
            "erased already. Nothing was erased."
        )
    erase_texts([(entry, TEXTS)])
    entry.erased_at, entry.erased_by_id = now(), actor.person_id
    db.session.flush()
    delete_text_salts([entry])
    record(
        "listed_witness_erased", entry, actor, centre=entry.centre_id, ended=str(retention.ended_on),
        until=str(retention.until),
    )  # fmt: skip
