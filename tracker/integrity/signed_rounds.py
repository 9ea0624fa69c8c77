"""Checks of signed rounds: the order of signatures, the decisions behind them, and the snapshots."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tracker.clock import day_of
from tracker.extensions import db
from tracker.integrity.first_events import SIGNING_ACTS
from tracker.integrity.invariants import invariant
from tracker.integrity.ledger_snapshot import LedgerSnapshot, Row
from tracker.ledger.canonical_json import sha256
from tracker.matrix import Matrix, load_matrix
from tracker.models import UnitAttempt
from tracker.recording_forms.snapshot import DOMAIN, take_snapshot
from tracker.vocabulary import AttemptState, CriterionState, Outcome, SignatureRole

SIGNED_STATES = {
    AttemptState.ASSESSED,
    AttemptState.CONFIRMED,
    AttemptState.VERIFIED,
    AttemptState.CERTIFICATE_CLAIMED,
}
SIGNING_ORDER = (
    SignatureRole.ASSESSOR,
    SignatureRole.COUNTERSIGNER,
    SignatureRole.CANDIDATE,
    SignatureRole.INTERNAL_VERIFIER,
)
SIGNATURES_OF_STATE = {
    AttemptState.ASSESSED: SIGNING_ORDER[:1],
    AttemptState.CONFIRMED: (SIGNING_ORDER[0], SIGNING_ORDER[2]),
    AttemptState.VERIFIED: (SIGNING_ORDER[0], SIGNING_ORDER[2], SIGNING_ORDER[3]),
    AttemptState.CERTIFICATE_CLAIMED: (SIGNING_ORDER[0], SIGNING_ORDER[2], SIGNING_ORDER[3]),
}


@invariant(8, "each role has at most one live signature in a round")
def find_duplicate_signatures(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each round with two live signatures in one role. docs/integrity.md, invariant 8."""
    live = Counter(
        (row["attempt_id"], row["round"], row["role"])
        for row in ledger.rows("signature").values()
        if row["superseded_at"] is None
    )
    yield from (f"attempt {key[0]}, round {key[1]}: {times} as {key[2]}" for key, times in live.items() if times > 1)


@invariant(
    9, "signatures follow their order: candidate's declaration, assessor, countersigner, candidate, internal verifier"
)
def find_signatures_out_of_order(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each round signed out of order. docs/integrity.md, invariant 9."""
    for (attempt, number), rows in ledger.signatures_by_round.items():
        signatures = sorted(rows, key=lambda row: (row["signed_at"], row["id"]))
        places = [SIGNING_ORDER.index(SignatureRole(row["role"])) for row in signatures]
        if places != sorted(places):
            yield f"attempt {attempt}, round {number}: signed as {', then '.join(row['role'] for row in signatures)}"
        if late := [
            submission
            for submission in _list_submissions(ledger, signatures[0])
            if submission["submitted_at"] > signatures[0]["signed_at"]
        ]:
            yield f"attempt {attempt}, round {number}: submission {late[0]['id']} was declared after it was assessed"
    for key, row in ledger.rows("signature").items():
        attempt_row = ledger.find_row("unit_attempt", row["attempt_id"])
        if _is_live(row) and attempt_row and row["round"] != attempt_row["round"]:
            yield f"signature {key} is live, but its round has ended"
    for key, row in ledger.rows("unit_attempt").items():
        expected = set(SIGNATURES_OF_STATE.get(row["state"], ()))
        if _is_countersigned(ledger, key, row):
            expected.add(SignatureRole.COUNTERSIGNER)
        actual = {
            signature["role"]
            for signature in ledger.signatures_by_round.get((key, row["round"]), ())
            if _is_live(signature)
        }
        if actual != expected and row["state"] != AttemptState.VOID:
            roles = ", ".join(sorted(actual)) or "nobody"
            yield f"attempt {key} is {row['state']}, and has live signatures as {roles}"


@invariant(10, "every assessed unit attempt has all criteria met, all requirements confirmed and all claims decided")
def find_incomplete_assessed_attempts(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield what an assessed attempt still lacks. docs/integrity.md, invariant 10."""
    confirmed = {
        (row["attempt_id"], row["round"], row["requirement_id"])
        for row in ledger.rows("requirement_confirmation").values()
        if row["removed_at"] is None
    }
    for attempt, matrix in _list_signed_attempts(ledger):
        for status in matrix.statuses:
            if status.state is not CriterionState.MET:
                yield f"attempt {attempt.id} is {attempt.state}, but its criterion {status.column.label} is not met"
        if any(row.undecided for row in matrix.rows):
            yield f"attempt {attempt.id} is {attempt.state}, but has claims that nobody decided"
        for row in ledger.group_rows("evidence_requirement", "unit_id").get(attempt.unit_id, ()):
            if (attempt.id, attempt.round, row["id"]) not in confirmed:
                yield f"attempt {attempt.id} is {attempt.state}, but its requirement {row['label']} is not confirmed"
    for claim, decisions in ledger.group_rows("decision", "claim_id").items():
        if (times := sum(map(_is_live, decisions))) > 1:
            yield f"claim {claim} has {times} live decisions"


@invariant(11, "every criterion met rests on evidence accepted in that unit attempt")
def find_met_without_accepted_evidence(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each `met` on evidence that was not accepted. docs/integrity.md, invariant 11."""
    accepted = {
        (row["attempt_id"], row["evidence_version_id"])
        for row in ledger.rows("assessment").values()
        if row["state"] == "released" and row["outcome"] == "accepted"
    }
    assessments = ledger.rows("assessment")
    for key, row in ledger.rows("decision").items():
        if row["outcome"] != Outcome.MET or row["superseded_at"] is not None:
            continue
        assessment = assessments.get(row["assessment_id"])
        if (row["attempt_id"], row["evidence_version_id"]) not in accepted:
            yield f"decision {key} says met on evidence that was not accepted"
        elif assessment and assessment["attempt_id"] != row["attempt_id"]:
            yield f"decision {key} belongs to an assessment of another attempt"


@invariant(12, "claims use the candidate's own evidence and criteria of the right unit version")
def find_misplaced_claims(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each claim on other people's evidence or another unit's criteria. docs/integrity.md, invariant 12."""
    attempts, items, criteria = (ledger.rows(name) for name in ("unit_attempt", "evidence", "criterion"))
    for key, claim in ledger.rows("claim").items():
        attempt, item = attempts.get(claim["attempt_id"]), items.get(claim["evidence_id"])
        if (
            not attempt
            or not item
            or (item["candidate_id"], item["centre_id"])
            != (
                attempt["candidate_id"],
                attempt["centre_id"],
            )
        ):
            yield f"claim {key} cites evidence that is not its candidate's at that centre"
            continue
        criterion = criteria.get(claim["criterion_id"])
        if claim["removed_at"] is None and (criterion is None or criterion["unit_id"] != attempt["unit_id"]):
            yield f"claim {key} cites a criterion of another unit"
    versions, claims = ledger.rows("evidence_version"), ledger.rows("claim")
    for key, decision in ledger.rows("decision").items():
        version, claim_ = versions.get(decision["evidence_version_id"]), claims.get(decision["claim_id"])
        if not version or not claim_ or version["evidence_id"] != claim_["evidence_id"]:
            yield f"decision {key} is on a version of other evidence than its claim"


@invariant(
    13,
    "what was signed equals what is stored now",
    {"signature": ("snapshot", "snapshot_hash"), "criterion": ("label",)},
)
def find_changed_snapshots(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each signature whose snapshot differs from what is stored now. docs/integrity.md, invariant 13."""
    events = {event.object_id: event for event in ledger.list_events(*SIGNING_ACTS)}
    signatures = ledger.rows("signature")
    for key, row in signatures.items():
        if sha256(DOMAIN, row["snapshot"].encode()) != row["snapshot_hash"]:
            yield f"signature {key}: its snapshot does not match its hash"
        if key in events and events[key].data["snapshot"] != row["snapshot_hash"]:
            yield f"signature {key}: {events[key].name} records another snapshot"
    for attempt, matrix in _list_signed_attempts(ledger):
        live = [row for row in ledger.signatures_by_round.get((attempt.id, attempt.round), ()) if _is_live(row)]
        current_hashes = {
            statement: take_snapshot(attempt, matrix, statement).hash for statement in map(_get_statement, live)
        }
        for row in live:
            if row["snapshot_hash"] != current_hashes[_get_statement(row)]:
                yield f"signature {row['id']}: attempt {attempt.id} is no longer what was signed"


@invariant(19, "every verified unit attempt was sampled or released with a reason")
def find_faulty_verifications(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each verifier's signature without a sample of its round or a reason. docs/integrity.md, invariant 19."""
    samples = ledger.group_rows("sample", "attempt_id")
    for key, row in ledger.rows("signature").items():
        if row["role"] != SignatureRole.INTERNAL_VERIFIER:
            continue
        sampled_at = [
            sample["sampled_at"]
            for sample in samples.get(row["attempt_id"], ())
            if sample["round"] == row["round"] and sample["sampled_at"] <= row["signed_at"]
        ]
        if row["date_sampled"] is None and not row["unsampled_reason"]:
            yield f"signature {key} has neither a date sampled nor a reason for no sample"
        elif row["date_sampled"] is not None and row["unsampled_reason"]:
            yield f"signature {key} has both a date sampled and a reason for no sample"
        elif row["date_sampled"] is not None and not sampled_at:
            yield f"signature {key} has a date sampled, but that round has no sample"
        elif row["date_sampled"] is not None and row["date_sampled"] != day_of(max(sampled_at)):
            yield f"signature {key} has a date sampled that is not the day of the round's latest sample"


@invariant(19, "no signed unit attempt has an open action point")
def find_open_action_points(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each open action point of an attempt that is signed. docs/integrity.md, invariant 19."""
    attempts = ledger.rows("unit_attempt")
    for key, row in ledger.rows("action_point").items():
        attempt = attempts.get(row["attempt_id"])
        if row["closed_at"] is None and attempt and attempt["state"] in SIGNED_STATES:
            yield f"attempt {row['attempt_id']} is {attempt['state']}, but action point {key} is open"


@invariant(19, "every disagreement of a verifier raised an action point and superseded the decision")
def find_disagreements_without_effect(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each sampled decision that was disagreed with and stood. docs/integrity.md, invariant 19."""
    action_points = ledger.group_rows("action_point", "sample_item_id")
    decisions = ledger.group_rows("decision", "sample_item_id")
    for key, row in ledger.rows("sample_item").items():
        if row["agrees"]:
            if key in action_points or key in decisions:
                yield f"sample item {key} agrees, but a decision or an action point rests on its disagreement"
            continue
        if key not in action_points:
            yield f"sample item {key} disagrees, but raised no action point"
        if not any(decision["outcome"] == Outcome.NEEDS_MORE for decision in decisions.get(key, ())):
            yield f"sample item {key} disagrees, but no decision says that more is needed"


def _list_signed_attempts(ledger: LedgerSnapshot) -> Iterator[tuple[UnitAttempt, Matrix]]:
    """Yield each attempt whose round is signed, with its matrix as pages load it. Several checks need them."""
    kept: dict[int, tuple[UnitAttempt, Matrix]] = ledger.kept.setdefault("signed attempts", {})
    for key, row in ledger.rows("unit_attempt").items():
        if key not in kept and row["state"] in SIGNED_STATES and (attempt := db.session.get(UnitAttempt, key)):
            kept[key] = attempt, load_matrix(attempt)
        if key in kept:
            yield kept[key]


def _is_countersigned(ledger: LedgerSnapshot, attempt: int, row: Row) -> bool:
    """Return whether an attempt has to have a countersigner's signature: from `confirmed` on, or once they agreed.

    Only where the assessor's live signature needed one.
    """
    asked = [
        each
        for signature in ledger.signatures_by_round.get((attempt, row["round"]), ())
        if _is_live(signature) and signature["role"] == SignatureRole.ASSESSOR
        for each in ledger.group_rows("countersignature", "signature_id").get(signature["id"], ())
    ]
    is_due = bool(asked) and row["state"] in SIGNED_STATES - {AttemptState.ASSESSED}
    return is_due or any(each["agrees"] for each in asked)


def _is_live(row: Row) -> bool:
    return row["superseded_at"] is None


def _list_submissions(ledger: LedgerSnapshot, signature: Row) -> list[Row]:
    """Return the submissions of the evidence in a signature's snapshot."""
    signed = {item["sha256"] for item in _parse_snapshot(signature).get("evidence", ())}
    return [
        submission
        for item in ledger.group_rows("evidence", "candidate_id").get(_get_candidate_id(ledger, signature), ())
        for version in ledger.group_rows("evidence_version", "evidence_id").get(item["id"], ())
        if version["content_hash"] in signed
        for submission in ledger.group_rows("submission", "evidence_version_id").get(version["id"], ())
    ]


def _get_candidate_id(ledger: LedgerSnapshot, signature: Row) -> int | None:
    attempt = ledger.rows("unit_attempt").get(signature["attempt_id"])
    return attempt["candidate_id"] if attempt else None


def _get_statement(signature: Row) -> str:
    """Return the statement as it was signed, which may differ from the current wording."""
    return str(_parse_snapshot(signature).get("statement"))


def _parse_snapshot(signature: Row) -> dict[str, Any]:
    try:
        content = json.loads(signature["snapshot"])
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
