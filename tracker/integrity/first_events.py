"""First events of some kinds: before them, earlier releases did not record what a check would look for."""

from datetime import datetime
from functools import cached_property

from sqlalchemy import select

from tracker.extensions import db
from tracker.integrity.ledger_events import AT_ONCE, read_events, select_events
from tracker.models import Event

SIGNING_ACTS = ("unit_signed", "unit_countersigned", "unit_confirmed", "unit_verified")


class FirstEvents:
    """The first events of the whole ledger, each looked up when a check first needs it."""

    def has_signed_in_before(self, moment: datetime) -> bool:
        """Return whether an event says that somebody signed in at a moment or earlier."""
        return self._signed_in_at is not None and self._signed_in_at <= moment

    def has_second_step_before(self, seq: int) -> bool:
        """Return whether a signature before an event says whether two-step verification was done."""
        return self._second_step_seq is not None and self._second_step_seq < seq

    @cached_property
    def _signed_in_at(self) -> datetime | None:
        query = select(Event.at).where(Event.act == "signed_in").order_by(Event.seq).limit(1)
        return db.session.scalars(query).one_or_none()

    @cached_property
    def _second_step_seq(self) -> int | None:
        query = select_events().where(Event.act.in_(SIGNING_ACTS)).order_by(Event.seq).limit(AT_ONCE)
        signed = list(read_events(query))
        while signed:
            if first := next((event.seq for event in signed if "second_step" in event.data), None):
                return first
            signed = list(read_events(query.where(Event.seq > signed[-1].seq)))
        return None
