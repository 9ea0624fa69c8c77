"""What the checks of signed rounds find: signatures, the decisions behind them, and what was signed."""

import json
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from tests.integrity.given_records import ALICE, BOB, NOON, GivenSnapshot, build_event, build_snapshot
from tracker.integrity import signed_rounds
from tracker.integrity.signed_rounds import (
    find_changed_snapshots,
    find_disagreements_without_effect,
    find_duplicate_signatures,
    find_faulty_verifications,
    find_incomplete_assessed_attempts,
    find_met_without_accepted_evidence,
    find_misplaced_claims,
    find_open_action_points,
    find_signatures_out_of_order,
)
from tracker.ledger.canonical_json import sha256
from tracker.recording_forms.snapshot import DOMAIN
from tracker.vocabulary import AttemptState, CriterionState, Outcome, SignatureRole

Values = dict[str, Any]
ATTEMPT, UNIT = 7, 5
MINUTE = timedelta(minutes=1)
ASSESSOR, CANDIDATE, VERIFIER = SignatureRole.ASSESSOR, SignatureRole.CANDIDATE, SignatureRole.INTERNAL_VERIFIER
OPEN, ASSESSED, CONFIRMED = AttemptState.IN_PROGRESS, AttemptState.ASSESSED, AttemptState.CONFIRMED


def build_attempt(state: AttemptState = ASSESSED, **changes: Any) -> Values:
    attempt = {"id": ATTEMPT, "candidate_id": ALICE, "centre_id": 1, "unit_id": UNIT, "round": 1, "state": state}
    return attempt | changes


def sign(role: SignatureRole, **changes: Any) -> Values:
    """Return a signature of the first round of Alice's unit."""
    return {"attempt_id": ATTEMPT, "round": 1, "role": role, "signed_at": NOON, "snapshot": "{}"} | changes


class TestDuplicateSignatures:
    def test_two_live_signatures_in_one_role_are_named(self) -> None:
        record = build_snapshot(signature=[sign(ASSESSOR), sign(ASSESSOR), sign(CANDIDATE)])
        assert list(find_duplicate_signatures(record)) == ["attempt 7, round 1: 2 as assessor"]

    @pytest.mark.parametrize(
        "other",
        [
            sign(CANDIDATE),
            sign(ASSESSOR, round=2),
            sign(ASSESSOR, attempt_id=8),
            sign(ASSESSOR, superseded_at=NOON),
        ],
    )
    def test_others_are_not(self, other: Values) -> None:
        assert list(find_duplicate_signatures(build_snapshot(signature=[sign(ASSESSOR), other]))) == []


def find_order_faults(state: AttemptState, *signatures: Values, **tables: list[Values]) -> list[str]:
    attempts = [build_attempt(state)]
    return list(
        find_signatures_out_of_order(
            build_snapshot(**({"unit_attempt": attempts, "signature": [*signatures]} | tables))
        )
    )


class TestOrderOfSignatures:
    def test_assessor_candidate_and_internal_verifier_sign_one_after_the_other(self) -> None:
        signed = (
            sign(ASSESSOR),
            sign(CANDIDATE, signed_at=NOON + MINUTE),
            sign(VERIFIER, signed_at=NOON + 2 * MINUTE),
        )
        assert find_order_faults(AttemptState.VERIFIED, *signed) == []
        assert find_order_faults(CONFIRMED, *signed[:2]) == []
        assert find_order_faults(ASSESSED, *signed[:1]) == []

    def test_of_signatures_at_the_same_time_the_first_was_made_first(self) -> None:
        assert find_order_faults(CONFIRMED, sign(CANDIDATE, id=2), sign(ASSESSOR, id=1)) == []
        assert find_order_faults(CONFIRMED, sign(CANDIDATE, id=1), sign(ASSESSOR, id=2)) == [
            "attempt 7, round 1: signed as candidate, then assessor"
        ]

    def test_a_candidate_who_signed_before_the_assessor_is_named(self) -> None:
        assert find_order_faults(CONFIRMED, sign(ASSESSOR), sign(CANDIDATE, signed_at=NOON - MINUTE)) == [
            "attempt 7, round 1: signed as candidate, then assessor"
        ]

    @pytest.mark.parametrize(
        ("state", "roles", "named"),
        [
            (OPEN, [], None),
            (OPEN, [ASSESSOR], "assessor"),
            (ASSESSED, [], "nobody"),
            (ASSESSED, [ASSESSOR, CANDIDATE], "assessor, candidate"),
            (CONFIRMED, [ASSESSOR], "assessor"),
            (AttemptState.VERIFIED, [ASSESSOR, CANDIDATE], "assessor, candidate"),
            (AttemptState.CERTIFICATE_CLAIMED, [ASSESSOR, CANDIDATE, VERIFIER], None),
            (AttemptState.CERTIFICATE_CLAIMED, [ASSESSOR, VERIFIER], "assessor, internal_verifier"),
            (AttemptState.VOID, [ASSESSOR], None),
            (AttemptState.VOID, [], None),
        ],
    )
    def test_each_state_has_its_signatures(
        self, state: AttemptState, roles: list[SignatureRole], named: str | None
    ) -> None:
        fault = f"attempt 7 is {state}, and has live signatures as {named}"
        assert find_order_faults(state, *map(sign, roles)) == ([fault] if named else [])

    def test_superseded_signatures_do_not_count(self) -> None:
        assert find_order_faults(OPEN, sign(ASSESSOR, superseded_at=NOON)) == []

    def test_a_live_signature_is_of_the_present_round(self) -> None:
        attempts = [build_attempt(OPEN, round=2)]
        fault = "signature 1 is live, but its round has ended"
        assert find_order_faults(OPEN, sign(ASSESSOR), unit_attempt=attempts) == [fault]
        assert find_order_faults(OPEN, sign(ASSESSOR, superseded_at=NOON), unit_attempt=attempts) == []
        assert find_order_faults(OPEN, sign(ASSESSOR), unit_attempt=[]) == []


class TestDeclarations:
    """What candidates submit is declared their own before it is assessed."""

    def find_faults(self, submitted_at: Any, *, snapshot: str, **changes: list[Values]) -> list[str]:
        later = sign(CANDIDATE, signed_at=NOON + 2 * MINUTE)
        tables: dict[str, list[Values]] = {
            "evidence": [{"candidate_id": BOB}, {"candidate_id": ALICE}],
            "evidence_version": [
                {"evidence_id": 1, "content_hash": "0a"},
                {"evidence_id": 2, "content_hash": "0a"},
                {"evidence_id": 2, "content_hash": "0b"},
            ],
            "submission": [
                {"evidence_version_id": 1, "submitted_at": NOON + MINUTE},
                {"evidence_version_id": 2, "submitted_at": submitted_at},
                {"evidence_version_id": 3, "submitted_at": NOON + MINUTE},
            ],
        }
        return find_order_faults(CONFIRMED, sign(ASSESSOR, snapshot=snapshot), later, **(tables | changes))

    def test_a_submission_after_the_first_signature_is_named(self) -> None:
        signed = json.dumps({"evidence": [{"sha256": "0a"}]})
        fault = "attempt 7, round 1: submission 2 was declared after it was assessed"
        assert self.find_faults(NOON + MINUTE, snapshot=signed) == [fault]
        assert self.find_faults(NOON, snapshot=signed) == []

    @pytest.mark.parametrize("snapshot", ["{}", "no JSON", "[]"])
    def test_a_snapshot_that_names_no_evidence_needs_none(self, snapshot: str) -> None:
        assert self.find_faults(NOON + MINUTE, snapshot=snapshot) == []

    def test_a_missing_unit_has_no_evidence(self) -> None:
        signed = json.dumps({"evidence": [{"sha256": "0a"}]})
        assert self.find_faults(NOON + MINUTE, snapshot=signed, unit_attempt=[]) == []


def build_status(label: str, state: CriterionState) -> SimpleNamespace:
    return SimpleNamespace(column=SimpleNamespace(label=label), state=state)


def assess(record: GivenSnapshot, *states: CriterionState, undecided: tuple[bool, ...] = (False,)) -> GivenSnapshot:
    """Give Alice's signed unit a matrix with criteria in these states, and rows with or without undecided claims."""
    statuses = [build_status(label, state) for label, state in zip("abc", states, strict=False)]
    matrix = SimpleNamespace(statuses=statuses, rows=[SimpleNamespace(undecided=each) for each in undecided])
    attempt = SimpleNamespace(id=ATTEMPT, round=1, unit_id=UNIT, state=ASSESSED)
    record.kept["signed attempts"] = {ATTEMPT: (attempt, matrix)}
    return record


class TestIncompleteUnits:
    MET, CLAIMED = CriterionState.MET, CriterionState.CLAIMED

    def test_each_criterion_of_an_assessed_unit_is_met(self) -> None:
        record = build_snapshot(unit_attempt=[build_attempt()])
        assert list(find_incomplete_assessed_attempts(assess(record, self.MET, self.MET))) == []
        assert list(find_incomplete_assessed_attempts(assess(record, self.MET, self.CLAIMED))) == [
            "attempt 7 is assessed, but its criterion b is not met"
        ]

    def test_each_claim_is_decided(self) -> None:
        record = assess(build_snapshot(unit_attempt=[build_attempt()]), self.MET, undecided=(False, True))
        assert list(find_incomplete_assessed_attempts(record)) == [
            "attempt 7 is assessed, but has claims that nobody decided"
        ]

    @pytest.mark.parametrize(
        ("changes", "is_confirmed"),
        [
            ({}, True),
            ({"removed_at": NOON}, False),
            ({"round": 2}, False),
            ({"attempt_id": 8}, False),
            ({"requirement_id": 9}, False),
        ],
    )
    def test_each_requirement_is_confirmed_in_the_round(self, changes: Values, is_confirmed: bool) -> None:
        confirmation = {"attempt_id": ATTEMPT, "round": 1, "requirement_id": 3} | changes
        record = build_snapshot(
            unit_attempt=[build_attempt()],
            evidence_requirement=[{"id": 3, "unit_id": UNIT, "label": "A"}, {"id": 4, "unit_id": 6, "label": "B"}],
            requirement_confirmation=[confirmation],
        )
        fault = "attempt 7 is assessed, but its requirement A is not confirmed"
        faults = list(find_incomplete_assessed_attempts(assess(record, self.MET)))
        assert faults == ([] if is_confirmed else [fault])

    def test_a_claim_has_one_live_decision(self) -> None:
        decisions = [{"claim_id": 4}, {"claim_id": 4}, {"claim_id": 5}, {"claim_id": 5, "superseded_at": NOON}]
        assert list(find_incomplete_assessed_attempts(build_snapshot(decision=decisions))) == [
            "claim 4 has 2 live decisions"
        ]


class TestSignedUnits:
    def test_only_units_in_a_signed_state_are_loaded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        loaded = {1: SimpleNamespace(id=1, round=1, unit_id=UNIT, state=ASSESSED), 2: None, 3: None}
        matrix = SimpleNamespace(statuses=[build_status("a", CriterionState.CLAIMED)], rows=[])
        session = SimpleNamespace(get=lambda _, key: loaded.pop(key))
        monkeypatch.setattr(signed_rounds, "db", SimpleNamespace(session=session))
        monkeypatch.setattr(signed_rounds, "load_matrix", lambda _: matrix)
        states = [(1, ASSESSED), (2, AttemptState.VERIFIED), (3, OPEN)]
        record = build_snapshot(unit_attempt=[build_attempt(state, id=key) for key, state in states])
        assert list(find_incomplete_assessed_attempts(record)) == [
            "attempt 1 is assessed, but its criterion a is not met"
        ]
        assert list(loaded) == [3]


class TestMetCriteria:
    ASSESSMENT: Values = {
        "id": 1, "attempt_id": ATTEMPT, "evidence_version_id": 3, "state": "released", "outcome": "accepted",
    }  # fmt: skip
    DECISION: Values = {"attempt_id": ATTEMPT, "evidence_version_id": 3, "assessment_id": 1, "outcome": Outcome.MET}
    UNACCEPTED = "decision 1 says met on evidence that was not accepted"

    def find_faults(self, assessment: Values, decision: Values, *others: Values) -> list[str]:
        assessments = [self.ASSESSMENT | assessment, *others]
        record = build_snapshot(assessment=assessments, decision=[self.DECISION | decision])
        return list(find_met_without_accepted_evidence(record))

    @pytest.mark.parametrize(
        "changes",
        [{"state": "draft"}, {"outcome": "returned"}, {"evidence_version_id": 4}],
    )
    def test_each_rests_on_evidence_that_was_accepted_in_the_unit(self, changes: Values) -> None:
        assert self.find_faults({}, {}) == []
        assert self.find_faults(changes, {}) == [self.UNACCEPTED]
        assert self.find_faults(changes, {"outcome": Outcome.NOT_MET}) == []
        assert self.find_faults(changes, {"superseded_at": NOON}) == []

    def test_the_decision_is_of_an_assessment_of_the_same_unit(self) -> None:
        other = self.ASSESSMENT | {"id": 2, "attempt_id": 8}
        assert self.find_faults({}, {"assessment_id": 2}, other) == [
            "decision 1 belongs to an assessment of another attempt"
        ]
        assert self.find_faults({}, {"assessment_id": None}) == []


class TestClaims:
    def find_faults(self, claim: Values | None = None, **changes: list[Values]) -> list[str]:
        tables: dict[str, list[Values]] = {
            "unit_attempt": [build_attempt()],
            "evidence": [
                {"candidate_id": ALICE, "centre_id": 1},
                {"candidate_id": ALICE, "centre_id": 2},
                {"candidate_id": BOB, "centre_id": 1},
            ],
            "criterion": [{"unit_id": UNIT}, {"unit_id": 6}],
            "claim": [{"attempt_id": ATTEMPT, "evidence_id": 1, "criterion_id": 1} | (claim or {})],
            "evidence_version": [{"evidence_id": 1}, {"evidence_id": 2}],
        }
        return list(find_misplaced_claims(build_snapshot(**(tables | changes))))

    def test_a_claim_cites_its_candidates_own_evidence_at_the_centre(self) -> None:
        assert self.find_faults() == []
        fault = "claim 1 cites evidence that is not its candidate's at that centre"
        for claim in ({"evidence_id": 2}, {"evidence_id": 3}, {"evidence_id": 99}, {"attempt_id": 99}):
            assert self.find_faults(claim) == [fault]

    def test_a_claim_cites_a_criterion_of_the_unit_until_it_is_removed(self) -> None:
        for criterion in (2, 99):
            fault = "claim 1 cites a criterion of another unit"
            assert self.find_faults({"criterion_id": criterion}) == [fault]
            assert self.find_faults({"criterion_id": criterion, "removed_at": NOON}) == []

    def test_a_decision_is_on_a_version_of_the_claims_evidence(self) -> None:
        decision = {"claim_id": 1, "evidence_version_id": 1}
        assert self.find_faults(decision=[decision]) == []
        for change in ({"evidence_version_id": 2}, {"evidence_version_id": 99}, {"claim_id": 99}):
            assert self.find_faults(decision=[decision | change]) == [
                "decision 1 is on a version of other evidence than its claim"
            ]


class TestSnapshots:
    TEXT = json.dumps({"statement": "I am competent."})

    def find_faults(self, signature: Values, stored: str = "I am competent.", named: str | None = None) -> list[str]:
        """Return the faults of a signature whose unit is now stored with this statement and in an event with a hash."""
        event = build_event("unit_signed", ("signature", 1), snapshot=named or sha256(DOMAIN, self.TEXT.encode()))
        row = sign(ASSESSOR, snapshot=self.TEXT, snapshot_hash=sha256(DOMAIN, self.TEXT.encode())) | signature
        record = assess(build_snapshot(event, unit_attempt=[build_attempt()], signature=[row]))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                signed_rounds,
                "take_snapshot",
                lambda _attempt, _matrix, statement: SimpleNamespace(
                    hash=sha256(DOMAIN, self.TEXT.encode()) if statement == stored else "other"
                ),
            )
            return list(find_changed_snapshots(record))

    def test_what_was_signed_is_what_is_stored(self) -> None:
        assert self.find_faults({}) == []
        assert self.find_faults({}, stored="Another statement.") == [
            "signature 1: attempt 7 is no longer what was signed"
        ]

    @pytest.mark.parametrize("changes", [{"superseded_at": NOON}, {"round": 2}, {"attempt_id": 8}])
    def test_a_signature_that_is_not_live_is_compared_with_its_own_hash_only(self, changes: Values) -> None:
        assert self.find_faults(changes, stored="Another statement.") == []

    def test_a_snapshot_has_its_hash(self) -> None:
        other = sha256(DOMAIN, b"other")
        assert "signature 1: its snapshot does not match its hash" in self.find_faults({"snapshot": "{}"})
        assert self.find_faults({"superseded_at": NOON, "snapshot_hash": other}, named=other) == [
            "signature 1: its snapshot does not match its hash"
        ]

    def test_the_event_names_the_snapshot(self) -> None:
        assert self.find_faults({}, named="0a") == ["signature 1: event 1 (unit_signed) records another snapshot"]

    def test_a_signature_without_an_event_is_named_by_another_check(self) -> None:
        assert self.find_faults({"id": 2}) == []


class TestVerifications:
    SAMPLED_ON = date(2026, 11, 23)

    def find_faults(self, signature: Values, *samples: Values) -> list[str]:
        sample = {"attempt_id": ATTEMPT, "round": 1, "sampled_at": NOON}
        record = build_snapshot(
            signature=[sign(VERIFIER) | signature], sample=[sample | changes for changes in samples]
        )
        return list(find_faulty_verifications(record))

    def test_a_verified_round_was_sampled_or_has_a_reason(self) -> None:
        assert self.find_faults({"date_sampled": self.SAMPLED_ON}, {}) == []
        assert self.find_faults({"unsampled_reason": "Experienced assessor"}) == []
        assert self.find_faults({}) == ["signature 1 has neither a date sampled nor a reason for no sample"]
        assert self.find_faults({"role": ASSESSOR}) == []

    def test_it_has_not_both(self) -> None:
        both = {"date_sampled": self.SAMPLED_ON, "unsampled_reason": "Experienced assessor"}
        assert self.find_faults(both, {}) == ["signature 1 has both a date sampled and a reason for no sample"]

    @pytest.mark.parametrize("changes", [{"round": 2}, {"attempt_id": 8}, {"sampled_at": NOON + MINUTE}])
    def test_the_sample_is_of_that_round_and_not_later_than_the_signature(self, changes: Values) -> None:
        assert self.find_faults({"date_sampled": self.SAMPLED_ON}, changes) == [
            "signature 1 has a date sampled, but that round has no sample"
        ]

    def test_the_date_is_that_of_the_latest_sample(self) -> None:
        before = {"sampled_at": NOON - timedelta(days=1)}
        assert self.find_faults({"date_sampled": self.SAMPLED_ON}, before, {}) == []
        assert self.find_faults({"date_sampled": self.SAMPLED_ON}, before) == [
            "signature 1 has a date sampled that is not the day of the round's latest sample"
        ]


class TestActionPoints:
    @pytest.mark.parametrize(
        ("state", "changes", "is_named"),
        [
            (ASSESSED, {}, True),
            (AttemptState.VERIFIED, {}, True),
            (OPEN, {}, False),
            (ASSESSED, {"closed_at": NOON}, False),
            (ASSESSED, {"attempt_id": 99}, False),
        ],
    )
    def test_none_is_open_on_a_signed_unit(self, state: AttemptState, changes: Values, is_named: bool) -> None:
        record = build_snapshot(unit_attempt=[build_attempt(state)], action_point=[{"attempt_id": ATTEMPT} | changes])
        fault = f"attempt 7 is {state}, but action point 1 is open"
        assert list(find_open_action_points(record)) == ([fault] if is_named else [])


class TestDisagreements:
    def find_faults(self, *, agrees: bool, **tables: list[Values]) -> list[str]:
        return list(find_disagreements_without_effect(build_snapshot(sample_item=[{"agrees": agrees}], **tables)))

    def test_a_disagreement_raises_an_action_point_and_needs_more(self) -> None:
        raised, decided = [{"sample_item_id": 1}], [{"sample_item_id": 1, "outcome": Outcome.NEEDS_MORE}]
        assert self.find_faults(agrees=False, action_point=raised, decision=decided) == []
        assert self.find_faults(agrees=False, decision=decided) == [
            "sample item 1 disagrees, but raised no action point"
        ]
        unmet = [{"sample_item_id": 1, "outcome": Outcome.NOT_MET}]
        for decisions in ([], unmet):
            assert self.find_faults(agrees=False, action_point=raised, decision=decisions) == [
                "sample item 1 disagrees, but no decision says that more is needed"
            ]

    def test_an_agreement_has_no_effect(self) -> None:
        fault = "sample item 1 agrees, but a decision or an action point rests on its disagreement"
        assert self.find_faults(agrees=True) == []
        assert self.find_faults(agrees=True, action_point=[{"sample_item_id": 1}]) == [fault]
        assert self.find_faults(agrees=True, decision=[{"sample_item_id": 1, "outcome": Outcome.MET}]) == [fault]
