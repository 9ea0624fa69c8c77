"""One of each thing that belongs to a candidate or a centre, and the numbers by which addresses name them."""

import io
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from tests import factories
from tests.factories import added
from tests.library.drafts import make_draft
from tests.library.versions import UNITS, as_revision
from tracker import clock
from tracker.extensions import db
from tracker.library.services.guidance import attach_guidance
from tracker.library.services.loading import load_unit
from tracker.models import (
    ActionPoint,
    Assessment,
    Centre,
    Evidence,
    Grant,
    Guidance,
    GuidanceUnit,
    ImportRun,
    Person,
    UnitAttempt,
    UnitDraft,
    VersionAttachment,
    VersionMove,
    Visit,
    VisitAttempt,
)
from tracker.portfolio.services.files import attach_file, store_file
from tracker.vocabulary import AssessmentOutcome, AssessmentState, DraftState, ImportState


@dataclass(frozen=True)
class Staff:
    """Who has to do with an attempt."""

    assessor: Person
    verifier: Person
    administrator: Person
    visitor: Person


def make_things(attempt: UnitAttempt, staff: Staff, invited: Person, title: str = "Complaint") -> dict[str, Any]:
    """A thing of each kind about a CFACC15 attempt and its centre; every argument of an address by name."""
    return {
        **about_centre(attempt.centre, staff.administrator, invited, title),
        **about_candidate(attempt, staff, title),
        "slug": "cfacc15", "other_slug": factories.unit("CFACC15").slug, "guidance_slug": _guidance().slug,
        "token": "no-such-token", "session_id": 999_999, "form_id": 999_999, "role_value": "assessor",
        "number": 1, "key": "r1", "section": "texts", "qualification_slug": "ex-svq3-cc",
    }  # fmt: skip


def about_candidate(attempt: UnitAttempt, staff: Staff, title: str) -> dict[str, int]:
    """Evidence with a file, an assessment, an action point, a visit and a move; the numbers by which they are named."""
    evidence, attachment = _submitted(attempt, title)
    assessment, action_point = _make_assessed(attempt, evidence, staff)
    return {
        "attempt_id": attempt.id, "registration_id": attempt.registration_id, "evidence_id": evidence.id,
        "attachment_id": attachment, "assessment_id": assessment.id, "action_point_id": action_point.id,
        "visit_id": _visit(attempt, staff).id, "move_id": _moved(attempt, staff.administrator).id,
        "factor_id": factories.make_app(attempt.candidate).id,
    }  # fmt: skip


def about_centre(centre: Centre, administrator: Person, invited: Person, title: str) -> dict[str, int]:
    """A unit being read in, an import, guidance attached, and a person who is still invited."""
    draft, run, attached = _units(centre, administrator, title)
    invited.password_hash = None
    db.session.flush()
    grant = db.session.scalars(select(Grant.id).where(Grant.person_id == invited.id)).one()
    return {
        "centre_id": centre.id, "person_id": invited.id, "grant_id": grant, "draft_id": draft.id, "run_id": run.id,
        "attached_id": attached.id,
    }  # fmt: skip


def _submitted(attempt: UnitAttempt, title: str) -> tuple[Evidence, int]:
    evidence = factories.make_evidence(attempt, title)
    attachment = attach_file(evidence, store_file(io.BytesIO(f"plain words, {title}".encode()), f"{title}.txt"))
    factories.claim(attempt, evidence, "5", "k:g")
    version = factories.submit(evidence)
    added(VersionAttachment(version_id=version.id, attachment_id=attachment.id))
    return evidence, attachment.id


def _make_assessed(attempt: UnitAttempt, evidence: Evidence, staff: Staff) -> tuple[Assessment, ActionPoint]:
    moment = clock.now()
    assessment = Assessment(
        attempt_id=attempt.id, evidence_version_id=evidence.versions[-1].id, assessor_id=staff.assessor.id,
        state=AssessmentState.DRAFT, outcome=AssessmentOutcome.RETURNED, feedback="More, please.", draft_decisions={},
        started_at=moment, saved_at=moment, release_after=moment + timedelta(hours=1),
    )  # fmt: skip
    action_point = ActionPoint(
        attempt_id=attempt.id, round=1, raised_by_id=staff.verifier.id, raised_at=moment, action="Look again",
        due_on=clock.today(),
    )  # fmt: skip
    return added(assessment), added(action_point)


def _visit(attempt: UnitAttempt, staff: Staff) -> Visit:
    moment = clock.now()
    visit = Visit(
        centre_id=attempt.centre_id, person_id=staff.visitor.id, starts_at=moment - timedelta(days=1),
        ends_at=moment + timedelta(days=1), opened_by_id=staff.administrator.id, opened_at=moment,
    )  # fmt: skip
    added(visit)
    added(VisitAttempt(visit_id=visit.id, attempt_id=attempt.id))
    return visit


def _units(centre: Centre, administrator: Person, title: str) -> tuple[UnitDraft, ImportRun, GuidanceUnit]:
    draft = make_draft(centre, administrator, body=title.encode())
    draft.state = DraftState.DRAFT
    attached = attach_guidance(_guidance(), "CFAM&LFD3", "", centre.id, factories.actor(administrator))
    run = ImportRun(
        centre_id=centre.id, format="yaml", file_name=f"{title}.yaml", sha256="0" * 64, total=0, done=0,
        state=ImportState.PREVIEWED, outcome=[], message="", started_by_id=administrator.id, started_at=clock.now(),
    )  # fmt: skip
    return draft, added(run), attached


def _moved(attempt: UnitAttempt, administrator: Person) -> VersionMove:
    """As if the attempt had been moved to the unit's newer revision, which is there then."""
    load_unit(as_revision(UNITS["CFACC15"]))
    move = VersionMove(
        attempt_id=attempt.id, from_unit_id=attempt.unit_id, to_unit_id=factories.unit("CFACC15").id,
        reason="Corrected", not_carried_over=[], moved_at=clock.now(), moved_by_id=administrator.id,
    )  # fmt: skip
    return added(move)


def _guidance() -> Guidance:
    return db.session.scalars(select(Guidance).order_by(Guidance.id)).first() or _missing()


def _missing() -> Guidance:
    raise LookupError("no guidance is loaded")
