"""Rows that wait to be loaded in bulk: tuples in the order of the columns named here, with ids given in advance."""

from datetime import date, datetime

EVIDENCE = (
    "title", "method", "happened_from", "occasion", "customers", "narrative",
    "workplace_location", "workplace_holder", "workplace_seen_by",
)  # fmt: skip
COLUMNS: dict[str, tuple[str, ...]] = {
    "centre": ("id", "name", "number", "terms", "created_at"),
    "person": ("id", "name", "email", "password_hash", "email_confirmed_at", "created_at"),
    "grant": ("id", "person_id", "centre_id", "role", "starts_at", "ends_at", "granted_by_id", "granted_at"),
    "registration": (
        "id", "centre_id", "candidate_id", "candidate_number", "awarding_body_number", "awarding_body_date",
        "registered_at", "registered_by_id", "withdrawn_at", "withdrawn_reason",
    ),
    "unit_attempt": (
        "id", "registration_id", "centre_id", "candidate_id", "unit_id", "state", "round", "version", "started_at",
        "assessed_at", "closing_comment", "void_reason",
    ),
    "allocation": ("id", "attempt_id", "person_id", "role", "starts_at", "ends_at", "reason", "allocated_by_id"),
    "evidence": ("id", "centre_id", "candidate_id", "number", "version", "created_at", "updated_at", *EVIDENCE),
    "evidence_version": ("id", "evidence_id", "number", "content_hash", "sealed_at", *EVIDENCE),
    "submission": (
        "id", "evidence_version_id", "declaration", "submitted_at", "submitted_by_id", "address_confirmed",
        "withdrawn_at",
    ),
    "attachment": ("id", "evidence_id", "name", "media_type", "size", "sha256", "uploaded_at", "position"),
    "version_attachment": ("version_id", "attachment_id", "position"),
    "claim": ("id", "attempt_id", "evidence_id", "criterion_id", "locator", "claimed_at", "claimed_by_id"),
    "assessment": (
        "id", "attempt_id", "evidence_version_id", "assessor_id", "state", "outcome", "valid", "authentic", "current",
        "sufficient", "feedback", "draft_decisions", "started_at", "saved_at", "released_at",
    ),
    "decision": (
        "id", "attempt_id", "claim_id", "evidence_version_id", "assessment_id", "outcome", "comment", "decided_at",
        "decided_by_id",
    ),
    "requirement_confirmation": (
        "id", "attempt_id", "round", "requirement_id", "note", "confirmed_at", "confirmed_by_id",
    ),
    "signature": (
        "id", "attempt_id", "round", "role", "person_id", "signed_at", "statement", "comment", "snapshot",
        "snapshot_hash", "reauthenticated_at", "session_ref", "date_sampled", "unsampled_reason", "address_confirmed",
    ),
    "sample": ("id", "attempt_id", "round", "verifier_id", "sampled_at", "is_interim", "comment"),
    "sample_item": ("id", "sample_id", "evidence_version_id", "criterion_id", "agrees", "comment"),
    "action_point": (
        "id", "attempt_id", "round", "raised_by_id", "raised_at", "action", "due_on", "response", "responded_by_id",
        "responded_at", "closed_at", "closed_by_id",
    ),
    "visit": ("id", "centre_id", "person_id", "starts_at", "ends_at", "opened_by_id", "opened_at"),
    "visit_attempt": ("visit_id", "attempt_id", "seen_at"),
    "issued_form": (
        "id", "number", "attempt_id", "round", "issued_at", "issued_by_id", "sha256", "size", "snapshot_hash",
        "ledger_size", "ledger_head", "key",
    ),
    "retention_hold": ("id", "registration_id", "reason", "set_at", "set_by_id"),
    "portfolio_access": ("candidate_id", "centre_id", "day", "person_id", "part", "role", "first_at", "last_at"),
    "sign_in": ("id", "person_id", "at", "outcome", "address", "browser", "is_recorded"),
    "event": (
        "seq", "at", "actor_id", "grant_id", "act", "object_type", "object_id", "body", "prev", "hash",
    ),
}  # fmt: skip
"""The tables that are filled, each after those it refers to, and the columns that get a value."""
YES, NO = True, False
"""The values of columns that say whether something is so."""


def at(moment: datetime) -> str:
    """Return a moment in UTC as SQLite stores it and PostgreSQL reads it."""
    return moment.isoformat(" ", "microseconds")


def on(moment: datetime) -> str:
    return date.isoformat(moment.date())


class Rows:
    """The rows of a batch by table, with the next id of each."""

    def __init__(self, next_ids: dict[str, int]) -> None:
        self.next_ids = next_ids
        self.by_table: dict[str, list[tuple[object, ...]]] = {table: [] for table in COLUMNS}

    def add(self, table: str, *values: object) -> int:
        """Add a row without its id, which is returned."""
        key = self.next_ids[table]
        self.next_ids[table] = key + 1
        self.by_table[table].append((key, *values))
        return key

    def add_whole(self, table: str, *values: object) -> None:
        """Add a row with all of its columns."""
        self.by_table[table].append(values)

    def clear(self) -> None:
        for rows in self.by_table.values():
            rows.clear()
