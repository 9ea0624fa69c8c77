"""Checks of published units, sealed evidence, and the centres and people that rows refer to."""

import json
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from tracker.clock import now
from tracker.integrity.invariants import invariant
from tracker.integrity.ledger_snapshot import LedgerSnapshot, Row
from tracker.models.portfolio import SEALED_FIELDS
from tracker.portfolio.services.submissions import compute_content_hash
from tracker.units.documents import hash_unit, unit_from_json
from tracker.units.search_words import build_search_text, list_codes
from tracker.units.standards_folder import normalise_code
from tracker.vocabulary import Role

CRITERION = (
    "position", "kind", "label", "label_origin", "heading", "parent", "text", "assessable", "simulation_allowed",
)  # fmt: skip
UNIT = ("code", "version", "revision", "slug", "title", "full_code", "document_type", "simulation")
REQUIREMENT = ("position", "label", "text", "points")
CODE = ("scheme", "value", "normalised")


@invariant(
    15,
    "every unit's text matches its stored hash",
    {
        "unit": ("document", "content_hash", "search_text", "suites", "evidence_guidance", *UNIT),
        "criterion": (*CRITERION, "unit_id"),
        "evidence_requirement": (*REQUIREMENT, "unit_id"),
        "unit_code": ("unit_id", *CODE),
    },
)
def find_changed_units(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each unit whose rows or text do not match its hash. docs/integrity.md, invariant 15."""
    for key, unit in ledger.rows("unit").items():
        try:
            document = json.loads(unit["document"])
            content_hash = hash_unit(document)
        except (ValueError, TypeError, AttributeError):
            yield f"unit {key} cannot be read"
            continue
        if content_hash != unit["content_hash"]:
            yield f"unit {key} ({unit['code']}) does not match its stored hash"
        elif differing := _find_differing_columns(unit, document):
            yield f"unit {key} ({unit['code']}) differs from its text in {differing[0].replace('_', ' ')}"
        yield from _find_differing_rows(
            f"unit {key} ({unit['code']}): criterion", ledger, "criterion", key, document["criteria"]
        )
        if _list_stored_codes(ledger, key) != _list_expected_codes(document):
            yield f"unit {key} ({unit['code']}) has other codes than its text"
        requirements = document["evidence_requirements"]
        yield from _find_differing_rows(
            f"unit {key} ({unit['code']}): evidence requirement", ledger, "evidence_requirement", key, requirements
        )


@invariant(
    18,
    "submitted evidence is unchanged, numbered once, and assessed only where it was not withdrawn",
    {
        "evidence_version": ("content_hash", "number", *SEALED_FIELDS),
        "attachment": ("name", "size", "sha256"),
        "version_attachment": ("position",),
        "evidence": ("number",),
    },
)
def find_changed_evidence(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each submitted version that changed, and each repeated number. docs/integrity.md, invariant 18."""
    events = {event.object_id: event for event in ledger.list_events("evidence_submitted", "record_finished")}
    files: dict[int, list[tuple[int, int]]] = {}
    for (version_id, attachment_id), sealed in ledger.rows("version_attachment").items():
        files.setdefault(version_id, []).append((sealed["position"] or 0, attachment_id))
    erased = ledger.list_erased_ids("versions")
    for key, version in ledger.rows("evidence_version").items():
        if key in erased:
            continue  # its text was erased; invariant 14 compares the row with the event of the erasure
        attachments = [ledger.rows("attachment").get(id_, {}) for _, id_ in sorted(files.get(key, ()))]
        if not all(attachments):
            yield f"evidence version {key} has a file that is missing"
            continue
        fields = {name: version[name] for name in SEALED_FIELDS}
        if (
            compute_content_hash(
                fields, [(attachment["name"], attachment["size"], attachment["sha256"]) for attachment in attachments]
            )
            != version["content_hash"]
        ):
            yield f"evidence version {key} is not what was sealed"
        event = events.get(key)
        if event and (event.data["content"], event.data["version"]) != (version["content_hash"], version["number"]):
            yield f"evidence version {key} is not what {event.name} records"
        elif event and ledger.rows("evidence")[version["evidence_id"]]["number"] != event.data["number"]:
            yield f"evidence {version['evidence_id']} has another number than {event.name} gave it"
    numbers = Counter(
        (row["centre_id"], row["candidate_id"], row["number"])
        for row in ledger.rows("evidence").values()
        if row["number"] is not None
    )
    yield from _find_assessed_withdrawals(ledger)
    yield from (
        f"evidence number {key[2]} of person {key[1]} is used {times} times"
        for key, times in numbers.items()
        if times > 1
    )


def _find_assessed_withdrawals(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each submission that its candidate withdrew after an assessor had begun to assess it.

    An assessor may draft decisions on a record that does not count yet; invariant 35 says when its submission ends.
    """
    assessments = ledger.group_rows("assessment", "evidence_version_id")
    versions = ledger.rows("evidence_version")
    for row in ledger.rows("submission").values():
        version = versions.get(row["evidence_version_id"], {})
        is_of_record = version.get("author_id") is not None
        if row["withdrawn_at"] and not is_of_record and assessments.get(row["evidence_version_id"]):
            yield f"submission {row['id']} was withdrawn, but an assessor had begun to assess it"


@invariant(23, "each idempotency key was used once")
def find_incomplete_idempotency_keys(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each idempotency key without a result. docs/integrity.md, invariant 23."""
    for (person, key), row in ledger.rows("idempotency_key").items():
        if not row["location"] or row["used_at"] > now():
            yield f"key {key[:8]}… of person {person} has no address that it led to, or a time in the future"


@invariant(26, "every row's centre agrees with the row it belongs to")
def find_centre_mismatches(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each row whose centre differs from its parent's. docs/integrity.md, invariant 26."""
    registrations, attempts = ledger.rows("registration"), ledger.rows("unit_attempt")
    units, visits = ledger.rows("unit"), ledger.rows("visit")
    for key, row in attempts.items():
        registration = registrations[row["registration_id"]]
        if (row["centre_id"], row["candidate_id"]) != (registration["centre_id"], registration["candidate_id"]):
            yield f"attempt {key} is not of the centre and candidate of its registration"
        if (owner := units[row["unit_id"]]["owner_centre_id"]) not in {None, row["centre_id"]}:
            yield f"attempt {key} is on a unit that belongs to centre {owner}"
    for visit, attempt in ledger.rows("visit_attempt"):
        if visits[visit]["centre_id"] != attempts[attempt]["centre_id"]:
            yield f"visit {visit} names attempt {attempt} of another centre"
    qualifications = ledger.rows("qualification")
    for key, row in registrations.items():
        chosen = qualifications.get(row["qualification_id"])
        if chosen and chosen["owner_centre_id"] not in {None, row["centre_id"]}:
            yield f"registration {key} is for a qualification of centre {chosen['owner_centre_id']}"


@invariant(26, "everyone named at a centre holds a role there")
def find_people_without_role(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each row that names a person without a role at the centre. docs/integrity.md, invariant 26."""
    registrations, attempts = ledger.rows("registration"), ledger.rows("unit_attempt")
    for key, row in ledger.rows("allocation").items():
        if not _had_role(ledger, row, attempts[row["attempt_id"]]["centre_id"], row["role"]):
            yield f"allocation {key} names somebody who did not have the role at that centre"
    for key, row in ledger.rows("visit").items():
        if not _had_role(ledger, {**row, "starts_at": row["opened_at"]}, row["centre_id"], Role.EXTERNAL_VERIFIER):
            yield f"visit {key} is of somebody who was no external verifier at that centre"
    registered = {(row["candidate_id"], row["centre_id"]) for row in registrations.values()}
    for key, row in ledger.rows("evidence").items():
        if row["number"] is not None and (row["candidate_id"], row["centre_id"]) not in registered:
            yield f"evidence {key} is at a centre at which its candidate is not registered"


def _find_differing_columns(unit: Row, document: dict[str, Any]) -> list[str]:
    """Return the columns of a unit that differ from its document."""
    text = unit_from_json(document)
    expected = {name: getattr(text, name) for name in UNIT}
    expected |= {"search_text": build_search_text(text), "suites": text.metadata["suites"] or ""}
    expected["evidence_guidance"] = document.get("evidence_guidance", [])
    return [name for name, value in expected.items() if unit[name] != value]


def _list_stored_codes(ledger: LedgerSnapshot, unit_id: int) -> list[tuple[str, ...]]:
    return sorted(
        tuple(row[name] for name in CODE) for row in ledger.group_rows("unit_code", "unit_id").get(unit_id, ())
    )


def _list_expected_codes(document: dict[str, Any]) -> list[tuple[str, ...]]:
    codes = list_codes(unit_from_json(document))
    return sorted((scheme, value, normalise_code(value)) for scheme, value in codes)


def _had_role(ledger: LedgerSnapshot, row: Row, centre_id: int, role: str) -> bool:
    """Return whether a person had a role at a centre when their row began."""
    return any(
        (grant["centre_id"], grant["role"]) == (centre_id, role)
        and (grant["ends_at"] is None or row["starts_at"] < grant["ends_at"])
        for grant in ledger.group_rows("grant", "person_id").get(row["person_id"], ())
    )


def _find_differing_rows(
    description: str, ledger: LedgerSnapshot, table: str, unit_id: int, expected: list[dict[str, Any]]
) -> Iterator[str]:
    names = CRITERION if table == "criterion" else REQUIREMENT
    rows = {row["position"]: row for row in ledger.group_rows(table, "unit_id").get(unit_id, ())}
    for entry in expected:
        row = rows.pop(entry["position"], None)
        if row is None:
            yield f"{description} {entry['label']} is gone"
        elif {name: row[name] for name in names} != {name: entry[name] for name in names}:
            yield f"{description} {entry['label']} is not what the unit says"
    yield from (f"{description} {row['label']} is not of the unit" for row in rows.values())
    ordered = sorted(ledger.group_rows(table, "unit_id").get(unit_id, ()), key=lambda row: row["position"])
    for before, after in pairwise(ordered):
        if before["id"] > after["id"]:  # claims name them by id: two that were exchanged would change what is claimed
            yield f"{description} {after['label']} has another number than it was stored with"
