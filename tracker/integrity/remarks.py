"""Checks of remarks on evidence: whose they are, where they lie, when they were released, answered and settled."""

from collections.abc import Iterator

from tracker.integrity.invariants import invariant
from tracker.integrity.ledger_snapshot import LedgerSnapshot, Row
from tracker.vocabulary import AssessmentState


@invariant(44, "each remark on evidence was released with its assessment, and lies in the version that was assessed")
def find_faulty_remarks(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each remark that does not belong to its assessment. docs/integrity.md, invariant 44."""
    for key, row in ledger.rows("feedback_remark").items():
        assessment = ledger.rows("assessment").get(row["assessment_id"])
        if assessment is None:
            yield f"remark {key} is of no assessment"
            continue
        if row["evidence_version_id"] != assessment["evidence_version_id"]:
            yield f"remark {key} is on another version than the one that was assessed"
        if row["written_by_id"] != assessment["assessor_id"]:
            yield f"remark {key} was written by somebody else than the assessor"
        if not _is_released_with(row, assessment):
            yield f"remark {key} was not released as its assessment was"
        if row["attachment_id"] is not None and not _is_sealed_in(ledger, row):
            yield f"remark {key} is on a file that is not in its version"
        if row["settled_at"] is not None and (row["released_at"] is None or row["settled_at"] < row["released_at"]):
            yield f"remark {key} was settled before it was released"


@invariant(44, "each answer to a remark is the candidate's, who had the remark")
def find_faulty_answers(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each answer that its remark does not explain. docs/integrity.md, invariant 44."""
    for key, row in ledger.rows("feedback_answer").items():
        remark = ledger.rows("feedback_remark").get(row["remark_id"])
        assessment = ledger.rows("assessment").get(remark["assessment_id"]) if remark else None
        attempt = ledger.rows("unit_attempt").get(assessment["attempt_id"]) if assessment else None
        if remark is None or attempt is None:
            yield f"answer {key} is to no remark"
            continue
        if row["answered_by_id"] != attempt["candidate_id"]:
            yield f"answer {key} was given by somebody else than the candidate"
        if remark["released_at"] is None or row["answered_at"] < remark["released_at"]:
            yield f"answer {key} was given before its remark was released"
        if remark["settled_at"] is not None and row["answered_at"] > remark["settled_at"]:
            yield f"answer {key} was given after its remark was settled"


@invariant(44, "the event that released an assessment names its remarks")
def find_unnamed_remarks(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each release whose event names other remarks than it released. docs/integrity.md, invariant 44."""
    by_assessment = ledger.group_rows("feedback_remark", "assessment_id")
    for event in ledger.list_events("assessment_released"):
        if not ledger.is_own("assessment", event.object_id):
            continue
        released = {row["id"] for row in by_assessment.get(event.object_id, ()) if row["released_at"] is not None}
        if set(event.data.get("remarks", ())) != released:
            yield f"{event.name} names other remarks than its assessment has"


def _is_released_with(remark: Row, assessment: Row) -> bool:
    """Return whether a remark was released in the moment of its assessment, or both were not."""
    if assessment["state"] != AssessmentState.RELEASED:
        return remark["released_at"] is None
    if remark["removed_at"] is not None:
        return True
    return bool(remark["released_at"] == assessment["released_at"])


def _is_sealed_in(ledger: LedgerSnapshot, remark: Row) -> bool:
    sealed = ledger.group_rows("version_attachment", "version_id").get(remark["evidence_version_id"], ())
    return any(row["attachment_id"] == remark["attachment_id"] for row in sealed)
