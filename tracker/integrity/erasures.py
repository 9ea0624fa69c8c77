"""Checks of erasures: only what was due and not on hold, complete, and not late."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from tracker.clock import day_of, today
from tracker.integrity.invariants import invariant
from tracker.integrity.ledger_snapshot import LedgerEvent, LedgerSnapshot, Row
from tracker.ledger import permitted_writes
from tracker.privacy.retention import MAX_MONTHS, iterate_due, read_awarding_body
from tracker.registrations.retention_periods import DEFAULT_PERIODS, RetentionPeriods, add_months
from tracker.storage import file_store
from tracker.storage.file_references import is_referenced
from tracker.vocabulary import ERASED_TEXT, AttemptState, SignatureRole

MAX_DELAY = timedelta(days=30)
ERASED_TABLES = {
    "attempts": "unit_attempt",
    "versions": "evidence_version",
    "attachments": "attachment",
    "forms": "issued_form",
}
"""The tables of the rows that an erasure's event names, by the name of the list."""


@invariant(27, "everything erased was due for erasure, and is gone", {"erasure": ("is_open",)})
def find_wrong_erasures(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each erasure that was not due or is incomplete. docs/integrity.md, invariant 27.

    When it was due is computed from the registration and the rules of that time, not read from the event.
    """
    for key, row in ledger.rows("erasure").items():
        if row["is_open"]:
            yield f"erasure {key} was left open: sealed text can still be erased under it"
        for hold in ledger.group_rows("retention_hold", "registration_id").get(row["registration_id"], ()):
            if hold["set_at"] <= row["erased_at"] and (not hold["lifted_at"] or row["erased_at"] < hold["lifted_at"]):
                yield f"registration {row['registration_id']} was erased under retention hold {hold['id']}"
    for event in ledger.list_events("portfolio_erased"):
        registration = _get_registration(ledger, event)
        until = _compute_end_of_retention(ledger, registration, event)
        if until is None:
            yield f"registration {registration['id']} had not ended when {event.name} erased it"
        elif until >= day_of(event.at) or event.data["until"] != str(until):
            yield f"registration {registration['id']} was erased by {event.name} and had to be kept until {until}"
        for sha256 in event.data["files"]:
            if file_store.exists(sha256) and not is_referenced(sha256):
                yield f"{event.name} erased file {sha256}, which is still there"


@invariant(27, "an erasure reached only its candidate's rows and files at that centre")
def find_erased_rows_of_others(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each row and file of others that an erasure names. docs/integrity.md, invariant 27."""
    for event in ledger.list_events("portfolio_erased"):
        registration = _get_registration(ledger, event)
        portfolio = (registration["candidate_id"], registration["centre_id"])
        hashes = set()
        for name, table in ERASED_TABLES.items():
            for key in event.data[name]:
                owners = permitted_writes.find_owners(ledger.find_row, table, ledger.find_row(table, key))
                if owners.get(permitted_writes.PORTFOLIO) != portfolio:
                    yield f"{event.name} erased {table.replace('_', ' ')} {key}, which is not of its candidate"
                else:
                    hashes.add(ledger.rows(table)[key].get("sha256"))
        if other_files := set(event.data["files"]) - hashes:
            yield f"{event.name} erased file {min(other_files)}, which is of none of the rows that it names"


@invariant(27, "what an erasure changed holds what an erasure writes")
def find_texts_changed_by_erasure(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each column that an erasure changed and that holds a text. docs/integrity.md, invariant 27."""
    for event in ledger.list_events("portfolio_erased"):
        for key, former in event.data.get("former", {}).items():
            name, _, number = key.partition(":")
            row = ledger.rows(name).get(int(number), {})
            for column in former:
                if (name, column) == ("person", "deactivated_at"):
                    continue
                erased = {"email": f"erased-{number}@erased.invalid", "candidate_number": f"erased-{number}"}
                if row.get(column) not in (ERASED_TEXT, [], {}, erased.get(column)):
                    thing = f"{name.replace('_', ' ')} {number}"
                    yield f"{thing}: its {column} was not erased by {event.name}, but changed"


@invariant(27, "each retention rule is one that could be set, and as its last event set it")
def find_wrong_retention_rules(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each retention rule that its events contradict. docs/integrity.md, invariant 27.

    When something was due for erasure is computed from these events.
    """
    last = {}
    for event in ledger.list_events("retention_rule_set"):
        last[event.object_id] = event
        if not 1 <= event.data["evidence"] <= event.data["records"] <= MAX_MONTHS:
            yield f"{event.name} sets periods that no rule may have"
    for key, event in last.items():
        row = ledger.find_row("retention_rule", key)
        if row and (event.data["evidence"], event.data["records"]) != (row["evidence_months"], row["record_months"]):
            yield f"retention rule {key} has other periods than {event.name} set"


@invariant(27, "nothing due for erasure is more than 30 days late", once=True)
def find_late_erasures(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each registration whose erasure is over 30 days late. docs/integrity.md, invariant 27."""
    rules = ledger.group_rows("retention_rule", "centre_id")
    for centre in ledger.rows("centre"):
        if any(day_of(rule["set_at"]) >= today() - MAX_DELAY for rule in rules.get(centre, ())):
            continue  # a rule that was set lately may have made much due at once
        for portfolio in iterate_due(centre, today() - MAX_DELAY):
            holds = ledger.group_rows("retention_hold", "registration_id").get(portfolio.registration.id, ())
            if not any(hold["lifted_at"] and day_of(hold["lifted_at"]) >= today() - MAX_DELAY for hold in holds):
                yield f"registration {portfolio.registration.id} was due for erasure more than 30 days ago"


def _get_registration(ledger: LedgerSnapshot, event: LedgerEvent) -> Row:
    """Return the registration of an erasure's event."""
    erasure = ledger.rows("erasure")[event.object_id]
    return ledger.rows("registration")[erasure["registration_id"]]


def _compute_end_of_retention(ledger: LedgerSnapshot, registration: Row, event: LedgerEvent) -> date | None:
    """Return until when the rules of the time kept what an event erased; None if the registration had not ended."""
    ended_on = _compute_end(ledger, registration, event.at)
    if ended_on is None:
        return None
    qualification = ledger.rows("qualification").get(registration["qualification_id"])
    body = read_awarding_body(qualification["document"] if qualification else None)
    periods: dict[str, RetentionPeriods] = {}
    rules = {rule["id"]: rule for rule in ledger.group_rows("retention_rule", "centre_id")[registration["centre_id"]]}
    changes = [change for key in rules for change in ledger.list_events_about("retention_rule", key)]
    for change in sorted(changes, key=lambda change: change.seq):
        if change.act == "retention_rule_set" and change.seq < event.seq:
            body_of_rule = rules[change.object_id]["awarding_body"]
            periods[body_of_rule] = RetentionPeriods(change.data["evidence"], change.data["records"])
    kept = periods.get(body) or periods.get("") or DEFAULT_PERIODS
    return add_months(kept.records if event.data["full"] else kept.evidence, ended_on)


def _compute_end(ledger: LedgerSnapshot, registration: Row, at: datetime) -> date | None:
    """Return the day on which a registration ended before a moment: withdrawn, or its last unit verified."""
    if registration["withdrawn_at"] and registration["withdrawn_at"] <= at:
        return day_of(registration["withdrawn_at"])
    verified_at = []
    for attempt in ledger.group_rows("unit_attempt", "registration_id").get(registration["id"], ()):
        if attempt["started_at"] > at or attempt["state"] == AttemptState.VOID:
            continue
        signed_at = [
            row["signed_at"]
            for row in ledger.group_rows("signature", "attempt_id").get(attempt["id"], ())
            if row["role"] == SignatureRole.INTERNAL_VERIFIER
            and row["signed_at"] <= at
            and (row["superseded_at"] is None or row["superseded_at"] > at)
        ]
        if not signed_at:
            return None
        verified_at.append(max(signed_at))
    return day_of(max(verified_at)) if verified_at else None
