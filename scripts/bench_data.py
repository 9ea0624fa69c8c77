"""Candidates loaded in bulk for `scripts/bench`, and the ids and sessions with which their pages are asked for.

Run by itself it fills the database of `DATABASE_URL`, which is migrated and has the standards:
`bench_data.py M 50` loads size M at 50 centres.
"""

import os
import sys
import time
from pathlib import Path
from typing import Any

from sqlalchemy import select

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.bulk.loading import load_in_bulk
from tests.bulk.sizes import SIZES
from tracker.accounts.sessions import start_session
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Allocation, Claim, Evidence, Person, Unit, UnitAttempt
from tracker.vocabulary import AttemptState, Role

NARROW, WIDE = "CFACC15", "DELIVERCC"


def enlarge(size: str) -> dict[str, Any]:
    """Load candidates. Return ids for the pages: of one who has a draft and works on 24 and on 53 criteria."""
    load_in_bulk(db.engine.url.render_as_string(hide_password=False), SIZES[size])
    with transaction():
        narrow, wide, draft = _find_portfolio()
        items = db.session.scalars(
            select(Evidence.id)
            .join(Claim, Claim.evidence_id == Evidence.id)
            .where(Claim.attempt_id == narrow.id, Evidence.number.is_not(None))
            .distinct()
            .order_by(Evidence.id)
        ).all()
        assessor = db.session.scalars(
            select(Person)
            .join(Allocation, Allocation.person_id == Person.id)
            .where(Allocation.attempt_id == narrow.id, Allocation.role == Role.ASSESSOR)
        ).one()
        criterion = db.session.scalars(select(Claim.criterion_id).where(Claim.attempt_id == narrow.id)).first()
        return {
            "attempt": narrow.id,
            "wide_attempt": wide.id,
            "evidence": items[0],
            "submitted": items[-1],
            "draft": draft,
            "criterion": criterion,
            "candidate_token": start_session(narrow.candidate, "127.0.0.1", "bench", proven=True),
            "assessor_token": start_session(assessor, "127.0.0.1", "bench", proven=True),
        }


def _find_portfolio() -> tuple[UnitAttempt, UnitAttempt, int]:
    """Return the two attempts of a candidate who has both in progress, and the id of their draft."""
    drafts: dict[int, int] = dict(
        db.session.execute(select(Evidence.candidate_id, Evidence.id).where(Evidence.number.is_(None))).all()
    )
    attempts = db.session.execute(
        select(UnitAttempt, Unit.code)
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .join(Allocation, Allocation.attempt_id == UnitAttempt.id)
        .where(
            UnitAttempt.candidate_id.in_(drafts),
            UnitAttempt.state == AttemptState.IN_PROGRESS,
            Allocation.role == Role.ASSESSOR,
        )
        .order_by(UnitAttempt.id)
    )
    found: dict[int, dict[str, UnitAttempt]] = {}
    for attempt, code in attempts:
        own = found.setdefault(attempt.candidate_id, {})
        own[code] = attempt
        if own.keys() >= {NARROW, WIDE}:
            return own[NARROW], own[WIDE], drafts[attempt.candidate_id]
    raise SystemExit("Nobody has a draft and both units in progress.")


def main() -> None:
    import dataclasses

    size = dataclasses.replace(SIZES[sys.argv[1]], centres=int(sys.argv[2]) if sys.argv[2:] else 1)
    start = time.perf_counter()
    load_in_bulk(os.environ["DATABASE_URL"], size)
    print(f"Size {sys.argv[1]} at {size.centres} centres: {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
