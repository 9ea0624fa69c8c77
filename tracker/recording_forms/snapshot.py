"""Exactly what is signed: the unit and its hash, the candidate, each outcome, each item, the statement's words."""

from dataclasses import dataclass

from tracker.ledger.canonical_json import canonical_json, sha256
from tracker.matrix import Matrix, MatrixRow, load_matrix
from tracker.models import UnitAttempt
from tracker.recording_forms.form_content import STATEMENT_OF_COMPETENCE

__all__ = ["STATEMENT_OF_COMPETENCE", "Snapshot", "snapshot_of"]

DOMAIN = "tracker.snapshot.v1"


@dataclass(frozen=True)
class Snapshot:
    text: str
    hash: str


def snapshot_of(
    attempt: UnitAttempt, matrix: Matrix | None = None, statement: str = STATEMENT_OF_COMPETENCE
) -> Snapshot:
    """The facts of an attempt in its round as canonical JSON, and their hash.

    Ids and hashes only, no names: the same facts give the same bytes, whoever reads them. Taken again under
    lock when somebody signs, and compared with the hash of the page they signed. `statement` is another wording than
    today's, for what was signed under it.
    """
    matrix = matrix or load_matrix(attempt)
    unit = attempt.unit
    body = canonical_json(
        {
            "v": 1,
            "attempt": attempt.id,
            "round": attempt.round,
            "unit": {
                "code": unit.code,
                "version": unit.version,
                "revision": unit.revision,
                "sha256": unit.content_hash,
            },
            "candidate": attempt.candidate_id,
            "criteria": [
                {"position": each.column.position, "label": each.column.label, "state": each.state.value}
                for each in matrix.statuses
            ],
            "evidence": [_item(row) for row in matrix.claiming_rows],
            "statement": statement,
        }
    )
    return Snapshot(body.decode("ascii"), sha256(DOMAIN, body))


def _item(row: MatrixRow) -> dict[str, object]:
    return {
        "number": row.number,
        "version": row.version_number,
        "sha256": row.content_hash,
        "claims": [
            {
                "claim": cell.claim_id,
                "criterion": cell.criterion_id,
                "locator": cell.locator,
                "outcome": cell.outcome.value if cell.outcome else None,
            }
            for cell in row.cells.values()
        ],
    }
