"""Forged events that their act permits, on what was signed or assessed: the fuzzer found that they were not named."""

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.integrity.tampering import list_violations, tampering_transaction
from tests.integrity.test_permitted_writes import act_as, append_event, find_first, list_faults_of_rows
from tracker.clock import now
from tracker.models import Claim, Evidence, EvidenceVersion, RequirementConfirmation, Submission, UnitAttempt
from tracker.vocabulary import AttemptState, Role


@pytest.fixture(autouse=True)
def tampering(demonstration: Flask) -> Iterator[None]:
    with tampering_transaction():
        yield


def find_verified() -> UnitAttempt:
    attempt: UnitAttempt = find_first(UnitAttempt, UnitAttempt.state == AttemptState.VERIFIED)
    return attempt


def test_a_confirmed_requirement_withdrawn_from_a_verified_unit_is_named() -> None:
    attempt = find_verified()
    row = find_first(RequirementConfirmation, RequirementConfirmation.attempt_id == attempt.id)
    row.removed_at = now()
    append_event("requirement_unconfirmed", row, act_as(Role.ASSESSOR), attempt=attempt.id)
    assert any(
        each.endswith(f"wrote to attempt {attempt.id}, which was not in progress") for each in list_violations()
    )


def test_a_reason_put_into_a_claim_of_a_verified_unit_is_named() -> None:
    attempt = find_verified()
    claim = find_first(Claim, Claim.attempt_id == attempt.id)
    claim.removed_reason = "Entered twice."
    append_event("claim_removed", claim, act_as(Role.ASSESSOR), attempt=attempt.id)
    assert any(
        each.endswith(f"wrote to attempt {attempt.id}, which was not in progress") for each in list_violations()
    )


def test_a_claim_located_in_a_unit_in_progress_is_not_named() -> None:
    attempt = find_first(UnitAttempt, UnitAttempt.state == AttemptState.IN_PROGRESS)
    claim = find_first(Claim, Claim.attempt_id == attempt.id)
    claim.locator = "page 2"
    evidence = find_first(Evidence, Evidence.id == claim.evidence_id)
    candidate = act_as(Role.CANDIDATE)
    append_event("claims_changed", evidence, candidate, claims={"added": [], "removed": [], "located": [claim.id]})
    assert not any(each.startswith("5: ") for each in list_violations())


def test_a_submission_withdrawn_after_its_assessment_is_named() -> None:
    submission = find_first(Submission)
    submission.withdrawn_at = now()
    version = find_first(EvidenceVersion, EvidenceVersion.id == submission.evidence_version_id)
    append_event("submission_withdrawn", version, act_as(Role.CANDIDATE), evidence=version.evidence_id)
    expected = f"18: submission {submission.id} was withdrawn, but an assessor had begun to assess it"
    assert expected in list_violations()


def test_a_submission_withdrawn_by_the_event_of_another_version_is_named() -> None:
    submission = find_first(Submission)
    submission.withdrawn_at = now()
    other = find_first(EvidenceVersion, EvidenceVersion.id != submission.evidence_version_id)
    append_event("submission_withdrawn", other, act_as(Role.CANDIDATE), evidence=other.evidence_id)
    assert list_faults_of_rows()[0].endswith("which is about another version of evidence")


def test_submitted_evidence_discarded_as_a_draft_is_named() -> None:
    item = find_first(Evidence, Evidence.number.is_not(None))
    item.discarded_at = now()
    append_event("draft_discarded", item, act_as(Role.CANDIDATE))
    assert "(draft_discarded), which may not change discarded_at" in list_faults_of_rows()[0]
