"""Checks of confirmed email addresses, and of what signatures and submissions say of them."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime

from tracker.integrity.invariants import invariant
from tracker.integrity.ledger_snapshot import LedgerEvent, LedgerSnapshot, Row

USES = {"invitation_accepted": "invitation", "password_reset": "reset"}
"""The events of the use of a link for a password, with the link's purpose."""
SIGNATURES = ("unit_signed", "unit_countersigned", "unit_confirmed", "unit_verified")


@invariant(30, "addresses are confirmed as the events say", {"person": ("email_confirmed_at",)})
def find_other_confirmations(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each person whose address is confirmed otherwise than the events say. docs/integrity.md, invariant 30."""
    confirmations = Confirmations()
    for event in ledger.events:
        confirmations.apply(event)
    for key, row in ledger.rows("person").items():
        if row["email_confirmed_at"] != confirmations.confirmed_at.get(key):
            yield f"person {key} did not confirm their address as the events say"


@invariant(30, "what is signed says whether the signer's address was confirmed")
def find_untrue_statements(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each signature and submission that contradicts the events before it. docs/integrity.md, invariant 30."""
    submissions = ledger.group_rows("submission", "evidence_version_id")
    signatures = ledger.rows("signature")
    for event in ledger.events:
        rows: list[Row] = []
        if event.act in SIGNATURES and event.object_id in signatures:
            rows = [signatures[event.object_id]]
        elif event.act in {"evidence_submitted", "record_finished"}:
            rows = submissions.get(event.object_id, [])
        stated = {row["address_confirmed"] for row in rows} - {None}
        if stated and stated != {_was_confirmed(ledger, event)}:
            yield f"{event.name} says the opposite of whether the address of its actor was confirmed"


def _was_confirmed(ledger: LedgerSnapshot, event: LedgerEvent) -> bool:
    """Return whether the address of an event's actor was confirmed at the time."""
    confirmations = Confirmations()
    for change in ledger.list_events_about("person", event.actor):
        if change.seq > event.seq:
            break
        confirmations.apply(change)
    return event.actor in confirmations.confirmed_at


class Confirmations:
    """When each person confirmed the address that they have, as far as the events are applied."""

    def __init__(self) -> None:
        self.confirmed_at: dict[int, datetime] = {}
        self._emailed = defaultdict[int, dict[str, bool]](dict)
        """The emailed links of each person by purpose, and whether the event of each says that it was emailed."""

    def apply(self, event: LedgerEvent) -> None:
        """Follow one event, the next after those applied before.

        A link that was issued before events said whether it was emailed counts as emailed if an administrator issued
        it and was not shown it, as in migration 0013. Its use is its confirmation.
        """
        person, purpose = event.object_id, event.data.get("purpose") or USES.get(event.act, "")
        match event.act:
            case "link_issued":
                self._emailed[person].pop(purpose, None)
                by_administrator = event.actor is not None and not event.data.get("shown_to_administrator")
                if event.data.get("emailed", by_administrator):
                    self._emailed[person][purpose] = "emailed" in event.data
            case "email_changed":
                self.confirmed_at.pop(person, None)
                self._emailed.pop(person, None)
            case "email_confirmed" if event.actor == person and purpose in self._emailed[person]:
                self.confirmed_at[person] = datetime.fromisoformat(event.data["confirmed_at"])
            case "invitation_accepted" | "password_reset" if self._emailed[person].get(purpose) is False:
                self.confirmed_at.setdefault(person, event.at)
            case _:
                return
