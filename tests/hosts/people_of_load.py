"""The people of a load and the addresses of their pages, printed as JSON; run as a program.

It runs with the release that is in the current folder, which may be an earlier one, and therefore imports nothing of the
tests. Each person gets a session. With `--checked` tonight's check of the record counts as done, so that the worker does
not begin the first one under the load.
"""

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path.cwd()))

from sqlalchemy import select

from tracker import clock, create_app
from tracker.accounts.sessions import get_cookie_name, start_session
from tracker.extensions import db
from tracker.ledger import events
from tracker.ledger.transactions import transaction
from tracker.models import (
    Allocation,
    Assessment,
    Claim,
    Criterion,
    Evidence,
    EvidenceVersion,
    Grant,
    IntegrityCheckRun,
    Person,
    Registration,
    UnitAttempt,
)
from tracker.vocabulary import AttemptState, Role

CANDIDATES, STAFF = 40, 8


def main() -> None:
    with create_app().app_context(), transaction():
        if "--checked" in sys.argv:
            size, _ = events.get_head()
            moment = clock.now()
            db.session.add(
                IntegrityCheckRun(checked_at=moment, finished_at=moment, events=size, violated=0, results=[])
            )
        attempts = spread(list_attempts(AttemptState.IN_PROGRESS, Role.ASSESSOR), CANDIDATES)
        confirmed = spread(list_attempts(AttemptState.CONFIRMED, Role.INTERNAL_VERIFIER), STAFF)
        people = {
            "cookie": get_cookie_name(),
            "candidates": [describe_candidate(each) for each in attempts],
            "assessors": [describe_assessor(*each) for each in spread(list_assessors(attempts), STAFF)],
            "verifiers": [describe_verifier(each) for each in confirmed],
            "administrators": describe_administrators({each.centre_id for each in attempts}),
        }
    sys.stdout.write(json.dumps(people))


def spread(found: list[Any], count: int) -> list[Any]:
    """Return at most so many of what was found, from the first to the last in equal steps."""
    step = max(1, len(found) // count)
    return found[::step][:count]


def list_attempts(state: AttemptState, role: Role) -> list[UnitAttempt]:
    """Return attempts in a state to which somebody is allocated, one for each candidate."""
    query = (
        select(UnitAttempt)
        .join(Registration, Registration.id == UnitAttempt.registration_id)
        .join(Allocation, Allocation.attempt_id == UnitAttempt.id)
        .where(
            UnitAttempt.state == state,
            Registration.withdrawn_at.is_(None),
            Allocation.role == role,
            Allocation.ends_at.is_(None),
        )
        .order_by(UnitAttempt.id)
    )
    return list({each.candidate_id: each for each in db.session.scalars(query)}.values())


def begin_session(person: int) -> dict[str, Any]:
    """Start a session, and return its token with the person's id."""
    token = start_session(db.session.get_one(Person, person), "127.0.0.1", "Chrome on Windows", proven=True)
    return {"person": person, "token": token}


def describe_candidate(attempt: UnitAttempt) -> dict[str, Any]:
    items = db.session.scalars(
        select(Evidence.id)
        .where(Evidence.candidate_id == attempt.candidate_id, Evidence.number.is_not(None))
        .limit(5)
    )
    criteria = db.session.scalars(
        select(Criterion.id).where(Criterion.unit_id == attempt.unit_id, Criterion.assessable).order_by(Criterion.id)
    )
    at = f"/attempts/{attempt.id}"
    pages = ["/", at, f"{at}?view=matrix", f"{at}?view=matrix", "/evidence", *(f"/evidence/{each}" for each in items)]
    return {
        **begin_session(attempt.candidate_id),
        "attempt": attempt.id,
        "criteria": list(criteria),
        "pages": pages,
    }


def list_assessors(attempts: list[UnitAttempt]) -> list[tuple[int, UnitAttempt]]:
    """Return each assessor of some attempts, with one of these."""
    return list({find_allocated(each, Role.ASSESSOR): each for each in attempts}.items())


def describe_assessor(person: int, attempt: UnitAttempt) -> dict[str, Any]:
    waiting = db.session.scalars(
        select(Claim.evidence_id)
        .join(EvidenceVersion, EvidenceVersion.evidence_id == Claim.evidence_id)
        .outerjoin(Assessment, Assessment.evidence_version_id == EvidenceVersion.id)
        .where(Claim.attempt_id == attempt.id, Assessment.id.is_(None))
        .limit(1)
    ).first()
    screen = [f"/attempts/{attempt.id}/evidence/{waiting}/assess"] if waiting else []
    own = select(Allocation.attempt_id).where(Allocation.person_id == person, Allocation.role == Role.ASSESSOR)
    forms = db.session.scalars(
        select(UnitAttempt.id)
        .where(
            UnitAttempt.id.in_(own.where(Allocation.ends_at.is_(None))), UnitAttempt.state == AttemptState.IN_PROGRESS
        )
        .order_by(UnitAttempt.id)
    )
    pages = ["/queue", "/candidates", f"/attempts/{attempt.id}", *screen, *screen]
    return {**begin_session(person), "forms": list(forms), "pages": pages}


def describe_verifier(attempt: UnitAttempt) -> dict[str, Any]:
    person = find_allocated(attempt, Role.INTERNAL_VERIFIER)
    at = f"/attempts/{attempt.id}"
    return {**begin_session(person), "pages": ["/verification", at, f"{at}/verify"]}


def find_allocated(attempt: UnitAttempt, role: Role) -> int:
    return db.session.scalars(
        select(Allocation.person_id).where(Allocation.attempt_id == attempt.id, Allocation.role == role).limit(1)
    ).one()


def describe_administrators(centres: set[int]) -> list[dict[str, Any]]:
    """Describe an administrator of each centre."""
    described = []
    for centre in sorted(centres):
        person = db.session.scalars(
            select(Grant.person_id)
            .where(Grant.centre_id == centre, Grant.role == Role.ADMINISTRATOR, Grant.ends_at.is_(None))
            .order_by(Grant.id)
            .limit(1)
        ).one()
        at = f"/centres/{centre}"
        described.append({**begin_session(person), "pages": ["/", f"{at}/registrations", f"{at}/people"]})
    return described


if __name__ == "__main__":
    main()
