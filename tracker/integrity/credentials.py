"""Checks of what people sign in with: no password, app, passkey, recovery code or session without its event."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from tracker.accounts.credential_texts import describe_codes, describe_factor
from tracker.accounts.services.account_links import LIFETIME
from tracker.accounts.sessions import ABSOLUTE_TIMEOUT
from tracker.clock import now
from tracker.integrity.confirmed_addresses import USES
from tracker.integrity.invariants import invariant
from tracker.integrity.ledger_snapshot import LedgerEvent, LedgerSnapshot
from tracker.ledger.events import hash_text
from tracker.vocabulary import LinkPurpose

PASSWORD_ACTS = ("invitation_accepted", "password_changed", "password_reset")
MAX_COMMIT_TIME = timedelta(minutes=5)
"""The time from when a link is used, before it expires, to the event of it."""


@invariant(33, "passwords are those that their people set", {"person": ("password_hash",)})
def find_planted_passwords(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each person whose password is not that of their last event. docs/integrity.md, invariant 33."""
    last: dict[int, LedgerEvent] = {}
    for event in ledger.list_events(*PASSWORD_ACTS):
        if event.object_id not in last or last[event.object_id].seq < event.seq:
            last[event.object_id] = event
    erased = _list_erased_people(ledger)
    for key, row in ledger.rows("person").items():
        if key in erased:
            if row["password_hash"]:
                yield f"person {key} has a password although they were erased"
        elif key in last:
            if not _is_bound(ledger, last[key], "password", row["password_hash"]):
                yield f"person {key} has another password than {last[key].name} says"
        elif row["password_hash"]:
            yield f"person {key} has a password, and no event says that they set one"


@invariant(33, "links that set a password had been issued")
def find_planted_links(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each use of a link that no event issued, or that had ended. docs/integrity.md, invariant 33.

    A link that was planted in the database sets a password by the product's own act, whose event is as it should be.
    """
    issued: dict[int, dict[str, datetime]] = {}
    for event in ledger.events:
        if event.act not in {*PASSWORD_ACTS, "link_issued"} or not ledger.is_own("person", event.object_id):
            continue
        links, purpose = issued.setdefault(event.object_id, {}), USES.get(event.act)
        if event.act == "link_issued":
            links[event.data["purpose"]] = event.at
            continue
        begin = links.get(purpose) if purpose else None
        if purpose and (begin is None or event.at - begin > LIFETIME[LinkPurpose(purpose)] + MAX_COMMIT_TIME):
            yield f"{event.name} used a link that no event issued, or that had ended"
        links.clear()


@invariant(
    33,
    "apps and passkeys are those that their people set up",
    {"second_factor": ("id", "person_id", "kind", "secret", "credential_id", "public_key")},
)
def find_planted_factors(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each app or passkey that differs from the events. docs/integrity.md, invariant 33."""
    added: dict[int, LedgerEvent] = {}
    for event in ledger.events:
        if event.act == "second_factor_added":
            added[event.data["factor"]] = event
        elif event.act in {"second_factor_removed", "two_step_verification_reset"}:
            for key in event.data.get("factors", [event.data.get("factor")]):
                added.pop(key, None)
    rows, erased = ledger.rows("second_factor"), _list_erased_people(ledger)
    for key, row in rows.items():
        if key not in added:
            yield f"sign-in method {key} was set up by no event"
        elif not _is_bound(ledger, added[key], "factor", describe_factor(row)):
            yield f"sign-in method {key} is not the one that {added[key].name} says"
    for key, event in added.items():
        if key not in rows and event.object_id not in erased:
            yield f"sign-in method {key} is gone, and no event says so"


@invariant(33, "recovery codes are those that were made", {"recovery_code": ("person_id", "code_hash")})
def find_planted_codes(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each person whose recovery codes are not those of the last event. docs/integrity.md, invariant 33."""
    made = {event.object_id: event for event in ledger.list_events("recovery_codes_made")}
    for person, codes in ledger.group_rows("recovery_code", "person_id").items():
        if codes and person not in made:
            yield f"person {person} has recovery codes that no event made"
        elif codes and not _is_bound(
            ledger, made[person], "codes", describe_codes(row["code_hash"] for row in codes)
        ):
            yield f"the recovery codes of person {person} are not those that {made[person].name} says"


@invariant(33, "everybody who is signed in has signed in")
def find_planted_sessions(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each open session without the event of its sign-in. docs/integrity.md, invariant 33.

    Sessions without one that began before the first such event are left out: earlier releases recorded none.
    """
    events: dict[int, list[LedgerEvent]] = {}
    for event in ledger.list_events("signed_in"):
        events.setdefault(event.object_id, []).append(event)
    with_factor = {row["person_id"] for row in ledger.rows("second_factor").values()}
    for key, row in ledger.rows("user_session").items():
        is_open = row["ended_at"] is None and row["created_at"] > now() - ABSOLUTE_TIMEOUT
        is_pending = row["verified_at"] is None and row["person_id"] in with_factor  # it opens the second step only
        if not is_open or is_pending:
            continue
        own = [event for event in events.get(key, ()) if event.actor == row["person_id"]]
        if any(_is_bound(ledger, event, "session", row["token_hash"]) for event in own):
            continue
        if key in events or ledger.first_events.has_signed_in_before(row["created_at"]):
            yield f"session {key} of person {row['person_id']} is open, and no event says that they signed in with it"


def _is_bound(ledger: LedgerSnapshot, event: LedgerEvent, field: str, text: str | None) -> bool:
    """Return whether an event holds the salted hash of this text; events of earlier releases hold none."""
    stated = event.data.get("texts", {}).get(field)
    salt = ledger.salts.get(event.seq, {}).get(field)
    if stated is None:
        return True
    return salt is not None and text is not None and hash_text(salt, text) == stated


def _list_erased_people(ledger: LedgerSnapshot) -> set[int]:
    """Return the ids of the people whose account was erased: what they signed in with is gone."""
    erased = set()
    for event in ledger.list_events("portfolio_erased"):
        erased |= {
            int(key.partition(":")[2])
            for key, columns in event.data.get("former", {}).items()
            if key.startswith("person:") and "email" in columns
        }
    return erased
