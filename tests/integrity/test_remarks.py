"""Invariant 44: each remark on evidence belongs to its assessment, and each answer to its remark."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.integrity.given_records import ALICE, BOB, CAROL, NOON, build_snapshot
from tracker.integrity.remarks import find_faulty_answers, find_faulty_remarks
from tracker.vocabulary import AssessmentState

LATER = NOON + timedelta(hours=1)
ASSESSMENT = {
    "attempt_id": 1,
    "evidence_version_id": 1,
    "assessor_id": BOB,
    "state": AssessmentState.RELEASED,
    "released_at": NOON,
}
REMARK = {"assessment_id": 1, "evidence_version_id": 1, "attachment_id": 7, "written_by_id": BOB, "released_at": NOON}
ANSWER = {"remark_id": 1, "answered_at": LATER, "answered_by_id": ALICE}
CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "is of no assessment": ({"assessment_id": 9}, {}, {}),
    "is on another version": ({"evidence_version_id": 2}, {}, {}),
    "was written by somebody else": ({"written_by_id": CAROL}, {}, {}),
    "was not released as its assessment was": ({"released_at": LATER}, {}, {}),
    "is on a file that is not in its version": ({"attachment_id": 8}, {}, {}),
    "was settled before it was released": ({"settled_at": NOON - timedelta(hours=1)}, {}, {}),
    "is to no remark": ({}, {}, {"remark_id": 9}),
    "was given by somebody else": ({}, {}, {"answered_by_id": BOB}),
    "was given before its remark was released": ({}, {}, {"answered_at": NOON - timedelta(hours=1)}),
    "was given after its remark was settled": ({"settled_at": NOON}, {}, {}),
}


def list_faults(
    remark: dict[str, Any] | None = None,
    assessment: dict[str, Any] | None = None,
    answer: dict[str, Any] | None = None,
) -> list[str]:
    ledger = build_snapshot(
        feedback_remark=[REMARK | (remark or {})],
        assessment=[ASSESSMENT | (assessment or {})],
        feedback_answer=[ANSWER | (answer or {})],
        unit_attempt=[{"candidate_id": ALICE}],
        version_attachment=[{"version_id": 1, "attachment_id": 7}],
    )
    checks: tuple[Callable[..., Any], ...] = (find_faulty_remarks, find_faulty_answers)
    return [fault for check in checks for fault in check(ledger)]


def test_remarks_and_answers_as_they_were_given_have_no_fault() -> None:
    assert list_faults() == []
    draft = {"released_at": None}
    assert not [each for each in list_faults(draft, draft | {"state": AssessmentState.DRAFT}) if "remark 1" in each]


@pytest.mark.parametrize("fault", CHANGES)
def test_each_fault_is_named(fault: str) -> None:
    assert any(fault in each for each in list_faults(*CHANGES[fault])), list_faults(*CHANGES[fault])


def test_a_remark_left_out_of_its_release_is_named() -> None:
    assert any("was not released" in each for each in list_faults({"released_at": None}))
    removed = {"released_at": None, "removed_at": NOON}
    assert not [each for each in list_faults(removed) if "was not released" in each]
