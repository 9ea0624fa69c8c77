"""Who acted: in the role they held, apart from the other duties, and while they were here."""

from collections.abc import Iterator
from datetime import timedelta

from tracker.integrity.checking import invariant
from tracker.integrity.record import Record, Row, Told
from tracker.vocabulary import Role

ROLES_OF_ACT = {
    "evidence_submitted": {Role.CANDIDATE},
    "submission_withdrawn": {Role.CANDIDATE},
    "claims_changed": {Role.CANDIDATE},
    "draft_discarded": {Role.CANDIDATE},
    "unit_confirmed": {Role.CANDIDATE},
    "unit_disputed": {Role.CANDIDATE},
    "review_released": {Role.ASSESSOR},
    "claim_added": {Role.ASSESSOR},
    "claim_struck": {Role.ASSESSOR},
    "finding_answered": {Role.ASSESSOR},
    "requirement_confirmed": {Role.ASSESSOR},
    "requirement_unconfirmed": {Role.ASSESSOR},
    "unit_signed": {Role.ASSESSOR},
    "signature_retracted": {Role.ASSESSOR},
    "sample_drawn": {Role.INTERNAL_VERIFIER},
    "finding_raised": {Role.INTERNAL_VERIFIER},
    "finding_closed": {Role.INTERNAL_VERIFIER},
    "unit_verified": {Role.INTERNAL_VERIFIER},
    "attempt_reopened": {Role.CANDIDATE, Role.ASSESSOR, Role.INTERNAL_VERIFIER},
    "candidate_registered": {Role.ADMINISTRATOR},
    "candidate_withdrawn": {Role.ADMINISTRATOR},
    "attempt_started": {Role.ADMINISTRATOR},
    "attempt_voided": {Role.ADMINISTRATOR},
    "attempt_moved": {Role.ADMINISTRATOR, Role.ASSESSOR},
    "allocation_made": {Role.ADMINISTRATOR},
    "allocation_ended": {Role.ADMINISTRATOR},
    "visit_opened": {Role.ADMINISTRATOR},
    "visit_ended": {Role.ADMINISTRATOR},
    "form_issued": {Role.ASSESSOR, Role.INTERNAL_VERIFIER, Role.ADMINISTRATOR},
    "retention_set": {Role.ADMINISTRATOR},
    "hold_set": {Role.ADMINISTRATOR},
    "hold_lifted": {Role.ADMINISTRATOR},
    "portfolio_erased": {Role.ADMINISTRATOR},
    "qualification_published": {Role.ADMINISTRATOR},
    "qualification_chosen": {Role.ADMINISTRATOR},
}
"""The roles in which an act is done. Acts on people and centres may be the operator's, who holds none."""
TOLD_OF_THE_ATTEMPT = ("unit_signed", "unit_confirmed", "unit_verified", "review_released", "sample_drawn")
JUDGING, VERIFYING = "judged", "verified"
PROOF_LASTS = timedelta(minutes=5)


@invariant(6, "who acted held the role, in scope and in date")
def actors_held_their_roles(record: Record) -> Iterator[str]:
    grants, attempts = record.rows("grant"), record.rows("unit_attempt")
    for event in record.events:
        roles = ROLES_OF_ACT.get(event.act)
        if roles is None and event.grant is None:
            continue
        grant = grants.get(event.grant) if event.grant is not None else None
        if grant is None:
            yield f"{event.name} names no role that was held"
            continue
        if grant["person_id"] != event.actor:
            yield f"{event.name} names a role of somebody else"
        elif roles and grant["role"] not in roles:
            yield f"{event.name} was done as {grant['role']}"
        elif not _was_held(grant, event):
            yield f"{event.name} was done outside the dates of grant {grant['id']}"
        attempt = attempts.get(event.data.get("attempt", 0))
        if attempt and attempt["centre_id"] != grant["centre_id"]:
            yield f"{event.name} was done under a role at another centre"


@invariant(7, "nobody both judges and verifies an attempt, nor works on their own")
def duties_are_separate(record: Record) -> Iterator[str]:
    for key, people in _duties(record).items():
        attempt = record.rows("unit_attempt").get(key)
        candidate = attempt["candidate_id"] if attempt else None
        for person in people[JUDGING] & people[VERIFYING]:
            yield f"attempt {key} was judged and verified by the same person, {person}"
        for role, who in people.items():
            if candidate in who:
                yield f"attempt {key} was {role} by its candidate"


@invariant(25, "nobody acts once they are gone, and nobody gives themselves a role")
def nobody_acts_when_gone(record: Record) -> Iterator[str]:
    people = record.rows("person")
    for event in record.events:
        if event.actor is None:
            continue
        person = people.get(event.actor)
        if person is None:
            yield f"{event.name} was done by person {event.actor}, whom nobody knows"
        elif person["deactivated_at"] and event.at > person["deactivated_at"]:
            yield f"{event.name} was done by person {event.actor} after their account was closed"
    for key, grant in record.rows("grant").items():
        if grant["granted_by_id"] == grant["person_id"]:
            yield f"grant {key} was given by its own holder"


@invariant(24, "every signature was made by somebody who had just proved who they are")
def signers_proved_who_they_are(record: Record) -> Iterator[str]:
    told = {each.object_id: each for each in record.told("unit_signed", "unit_confirmed", "unit_verified")}
    for key, row in record.rows("signature").items():
        event = told.get(key)
        if not timedelta(0) <= row["signed_at"] - row["reauthenticated_at"] <= PROOF_LASTS:
            yield f"signature {key} names a proof that is not of the five minutes before it"
        elif event and (event.actor, event.session_ref or "") != (row["person_id"], row["session_ref"]):
            yield f"signature {key} and {event.name} name different people or sessions"


def _was_held(grant: Row, event: Told) -> bool:
    return bool(grant["from_at"] <= event.at and (grant["until_at"] is None or event.at < grant["until_at"]))


def _duties(record: Record) -> dict[int, dict[str, set[int]]]:
    """By attempt, over all its rounds, who judged it and who verified it."""
    found: dict[int, dict[str, set[int]]] = {}

    def note(attempt: int, duty: str, person: int) -> None:
        found.setdefault(attempt, {JUDGING: set(), VERIFYING: set()})[duty].add(person)

    for row in record.rows("review").values():
        if row["state"] == "released":
            note(row["attempt_id"], JUDGING, row["assessor_id"])
    for row in record.rows("signature").values():
        if row["role"] in {"assessor", "countersigner"}:
            note(row["attempt_id"], JUDGING, row["person_id"])
        elif row["role"] == "internal_verifier":
            note(row["attempt_id"], VERIFYING, row["person_id"])
    for row in record.rows("sample").values():
        note(row["attempt_id"], VERIFYING, row["verifier_id"])
    for row in record.rows("finding").values():
        note(row["attempt_id"], VERIFYING, row["raised_by_id"])
    return found
