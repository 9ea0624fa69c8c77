"""Which tables and columns `flask verify` protects, and which it does not, with the reason.

Each check says what it covers (`@invariant(…, covers)`). Every other column is in `NOT_COVERED`, in one entry.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tracker.extensions import db
from tracker.integrity.invariants import Check

WHOLE = ""
"""In place of columns: every column of the table."""


@dataclass(frozen=True)
class NotCovered:
    """Columns of which no check notices a change, and why."""

    reason: str
    tables: Mapping[str, str]
    """The columns by table, separated by spaces; `WHOLE` for all."""

    def list_columns(self, table: str) -> list[str]:
        """Return the columns of a table that this entry names; none if it does not name the table."""
        if table not in self.tables:
            return []
        return self.tables[table].split() or [column.name for column in db.metadata.tables[table].columns]


NOT_COVERED = (
    NotCovered(
        "What people sign in with is secret, and much of it changes at each use. Invariant 33 names an open session "
        "without the event of its sign-in and a password that was set with a link that no event issued, and not "
        "other changes of these columns: unused links, ended sessions, and how often something was used.",
        {
            "account_link": WHOLE,
            "account_change": "token_hash",
            "user_session": WHOLE,
            "second_factor": "name last_step sign_count created_at last_used_at",
            "recovery_code": "id created_at used_at",
            "counted_attempt": WHOLE,
            "known_browser": WHOLE,
        },
    ),
    NotCovered(
        "Drafts change without an event until they are submitted, released or signed. What was submitted, "
        "released or signed is a row or a text of its own, which is covered.",
        {
            "evidence": "title method happened_from happened_until occasion customers narrative workplace_location "
            "workplace_holder workplace_seen_by response witness_name witness_relationship witness_status content",
            "attachment": "removed_at position",
            "unit_attempt": "closing_comment warnings_reason simulation_reason",
            "unit_draft": WHOLE,
            "unsaved_text": WHOLE,
        },
    ),
    NotCovered(
        "Counters and times of the last change keep two people from overwriting each other's work. They are "
        "no part of the record.",
        {"evidence": "version updated_at", "unit_attempt": "version"},
    ),
    NotCovered(
        "A number by which other rows name this one. If they do, a change leaves them without their row, "
        "which is named. A row that nothing names can be added or removed.",
        {
            "unit": "id",
            "criterion": "id",
            "evidence_requirement": "id",
            "unit_code": "id",
            "qualification": "id",
            "guidance": "id",
            "guidance_unit": "id",
            "installation": "id",
        },
    ),
    NotCovered(
        "Links propose what can be carried over between units. What was carried over is recorded with each "
        "claim, and assessors see it.",
        {"criterion_link": WHOLE},
    ),
    NotCovered("The time when guidance was attached is in the event.", {"guidance_unit": "attached_at"}),
    NotCovered(
        "The salts of texts that the ledger holds as hashes. The texts are covered where they are stored.",
        {"event_text": WHOLE},
    ),
    NotCovered(
        "What is found again from a stored file, which is covered: its number of pages, a remark, and the hashes of "
        "its pictures, pages and text. A changed file or hash is named (invariant 32), and made anew before it is "
        "shown; both changed to fit each other are not named.",
        {"file_detail": WHOLE, "derived_file": WHOLE},
    ),
    NotCovered(
        "What was asked of a witness, until they sign. What they signed is covered, and the events name who asked, "
        "withdrew and declined, and when.",
        {
            "witness_testimony": "asked_at criterion_ids token_hash expires_at code code_sent_at reminded_at "
            "asker_told_at withdrawn_at declined_at decline_reason",
        },
    ),
    NotCovered(
        "Parts of recordings that are being uploaded, for some days. The recording that they become is covered as "
        "every file is.",
        {"partial_upload": WHOLE, "upload_part": WHOLE},
    ),
    NotCovered(
        "Candidates mark for themselves which remarks on their evidence they have read.",
        {"feedback_remark": "read_at"},
    ),
    NotCovered("External verifiers mark for themselves what they have seen.", {"visit_attempt": "seen_at"}),
    NotCovered(
        "What people read of their own sign-ins, for 90 days. Each is in an event too.",
        {"sign_in": WHOLE},
    ),
    NotCovered(
        "Who opened a portfolio is noted beside the ledger, once for each reader, part and day.",
        {"portfolio_access": WHOLE},
    ),
    NotCovered(
        "The work of the server and worker, which can be done again: imports and other jobs, emails, repeated "
        "requests, and what earlier checks found. What an import published is covered. A job is done only in a role "
        "that may start it and for its centre, and its file and those of its steps are used only if the product "
        "stored them for that job; results of checks are signed.",
        {
            "import_run": WHOLE,
            "job_run": WHOLE,
            "job_step": WHOLE,
            "notification": WHOLE,
            "link_request": WHOLE,
            "delivery_failure": WHOLE,
            "idempotency_key": WHOLE,
            "integrity_check_run": WHOLE,
        },
    ),
)


def list_covered_columns(checks: Iterable[Check]) -> dict[str, list[str]]:
    """Return the columns that some check protects, by table."""
    columns: dict[str, set[str]] = {}
    for check in checks:
        for table, names in check.covers.items():
            columns.setdefault(table, set()).update(names)
    return {table: sorted(columns[table]) for table in sorted(columns)}


def list_uncovered_columns() -> Iterator[tuple[str, list[str], str]]:
    """Yield table, columns and reason of all that no check protects, by table."""
    for table in sorted(db.metadata.tables):
        for entry in NOT_COVERED:
            if columns := entry.list_columns(table):
                yield table, columns, entry.reason
