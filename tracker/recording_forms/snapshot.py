"""Snapshot of an attempt that a signature covers: unit, candidate, criteria, evidence and the statement signed."""

from dataclasses import dataclass

from tracker.ledger.canonical_json import canonical_json, sha256
from tracker.matrix import Matrix, MatrixRow, load_matrix
from tracker.models import UnitAttempt
from tracker.recording_forms.form_content import STATEMENT_OF_COMPETENCE

__all__ = ["STATEMENT_OF_COMPETENCE", "RoundSnapshot", "take_snapshot"]

DOMAIN = "tracker.snapshot.v1"


@dataclass(frozen=True)
class RoundSnapshot:
    """The canonical JSON of an attempt in its round, and its hash."""

    text: str
    hash: str


def take_snapshot(
    attempt: UnitAttempt, matrix: Matrix | None = None, statement: str = STATEMENT_OF_COMPETENCE
) -> RoundSnapshot:
    """Return the snapshot of an attempt in its round (docs/rules.md, Signing).

    It holds ids and hashes and no names, so the same attempt gives the same bytes to every reader. It is taken again
    under lock when somebody signs, and compared with the hash on the page they signed. `statement` is the wording
    that was signed, where it is not the current one.
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
    return RoundSnapshot(body.decode("ascii"), sha256(DOMAIN, body))


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
