"""One object of each kind that belongs to a candidate or a centre, with the ids that addresses contain."""

import io
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from tests import factories
from tests.factories import add_and_flush
from tests.library.drafts import make_draft
from tests.library.unit_versions import UNITS, make_revision
from tracker import clock
from tracker.extensions import db
from tracker.library.services.guidance import attach_guidance
from tracker.library.services.loading import load_unit
from tracker.models import (
    AccountChange,
    ActionPoint,
    Assessment,
    BankQuestion,
    Centre,
    CentreEvidenceRule,
    Countersignature,
    CpdEntry,
    Evidence,
    FeedbackAnswer,
    FeedbackRemark,
    Grant,
    Guidance,
    GuidanceUnit,
    ImportRun,
    InterestDeclaration,
    JobRun,
    ListedWitness,
    Person,
    QuestionSet,
    StaffAward,
    StaffCompetence,
    UnitAttempt,
    UnitDraft,
    VersionAttachment,
    VersionMove,
    Visit,
    VisitAttempt,
)
from tracker.portfolio.record_content import AnswersContent, Question, dump_content
from tracker.portfolio.services.files import attach_file, store_file
from tracker.portfolio.services.partial_uploads import start_upload
from tracker.portfolio.set_questions import SetQuestion, dump_set
from tracker.units.evidence_rules import EvidenceRule, EvidenceRuleKind, rule_as_json
from tracker.vocabulary import (
    AccountChangeKind,
    AssessmentOutcome,
    AssessmentState,
    AwardKind,
    DraftState,
    ImportState,
    JobState,
    ListedStatus,
    RecordKind,
)


@dataclass(frozen=True)
class Staff:
    """The people who work on an attempt."""

    assessor: Person
    verifier: Person
    administrator: Person
    visitor: Person


def make_sample_objects(
    attempt: UnitAttempt, staff: Staff, invited: Person, title: str = "Complaint"
) -> dict[str, Any]:
    """Make an object of each kind for a CFACC15 attempt and its centre. Return each argument of an address by name."""
    made = {
        **make_centre_objects(attempt.centre, staff.administrator, invited, title),
        **make_candidate_objects(attempt, staff, title),
        **make_staff_objects(attempt, staff, title),
        "slug": "cfacc15", "other_slug": factories.unit("CFACC15").slug, "guidance_slug": _get_first_guidance().slug,
        "token": "no-such-token", "session_id": 999_999, "unsaved_id": 999_999, "form_id": 999_999, "role_value": "assessor",
        "number": 1, "key": "r1", "section": "texts", "sheet": "statement", "qualification_slug": "ex-svq3-cc",
    }  # fmt: skip
    factories.leave_unsealed()
    return made


def make_candidate_objects(attempt: UnitAttempt, staff: Staff, title: str) -> dict[str, int]:
    """Make evidence with a file, an assessment, an action point, a visit and a version move. Return their ids."""
    evidence, attachment = _make_submitted_evidence(attempt, title)
    assessment, action_point = _make_assessment_and_action_point(attempt, evidence, staff)
    return {
        "attempt_id": attempt.id, "registration_id": attempt.registration_id, "evidence_id": evidence.id,
        "attachment_id": attachment, "assessment_id": assessment.id, "action_point_id": action_point.id,
        "visit_id": _make_visit(attempt, staff).id, "move_id": _make_version_move(attempt, staff.administrator).id,
        **_make_record_with_file(attempt, staff.assessor, title),
        "set_id": _make_question_set(attempt, staff, title).id,
        "factor_id": factories.make_app(attempt.candidate).id,
        "countersignature_id": _make_countersignature(assessment, staff.assessor).id,
        "remark_id": _make_remark(assessment, title).id,
        "testimony_id": factories.make_testimony(attempt, staff.assessor, f"Testimony: {title}").id,
    }  # fmt: skip


def make_staff_objects(attempt: UnitAttempt, staff: Staff, title: str) -> dict[str, int]:
    """Make an entry of each kind in the assessor's staff record, and a question of the bank. Return their ids."""
    of_assessor = {"person_id": staff.assessor.id, "centre_id": attempt.centre_id}
    recorded = {**of_assessor, "recorded_at": clock.now(), "recorded_by_id": staff.administrator.id}
    award = StaffAward(**recorded, kind=AwardKind.LD9DI, title="", target_on=clock.today() + timedelta(days=90))
    competence = StaffCompetence(**recorded, unit_code="CFACC15", sector="", basis=f"Eight years, {title}")
    entry = CpdEntry(
        **of_assessor, happened_on=clock.today(), minutes=90, title=title, learning="Shorter questions", evidence="",
        recorded_at=clock.now(),
    )  # fmt: skip
    declaration = InterestDeclaration(**of_assessor, interest=f"My cousin, {title}", declared_at=clock.now())
    return {
        "staff_id": staff.assessor.id, "award_id": add_and_flush(award).id, "competence_id": add_and_flush(competence).id,
        "question_id": _make_question(attempt, staff, title).id,
        "evidence_rule_id": _make_evidence_rule(attempt, staff.administrator, title).id,
        "cpd_id": add_and_flush(entry).id, "interest_id": add_and_flush(declaration).id,
        "listed_witness_id": _make_listed_witness(attempt.centre, staff.administrator, title).id,
    }  # fmt: skip


def _make_question(attempt: UnitAttempt, staff: Staff, title: str) -> BankQuestion:
    """Make a question about the attempt's unit in the bank of its centre."""
    return add_and_flush(
        BankQuestion(
            centre_id=attempt.centre_id, unit_id=attempt.unit_id, number=1, text=f"Why {title}?", marks=["g"],
            guidance=f"Names {title}", written_at=clock.now(), written_by_id=staff.assessor.id,
        )
    )  # fmt: skip


def _make_evidence_rule(attempt: UnitAttempt, administrator: Person, title: str) -> CentreEvidenceRule:
    """Make a rule of evidence guidance for the attempt's unit at its centre, which the assessor checks."""
    rule = EvidenceRule(EvidenceRuleKind.ASSESSOR_CHECK, text=f"The calls of {title}")
    return add_and_flush(
        CentreEvidenceRule(
            centre_id=attempt.centre_id, unit_id=attempt.unit_id, number=1, content=rule_as_json(rule),
            written_at=clock.now(), written_by_id=administrator.id,
        )
    )  # fmt: skip


def _make_listed_witness(centre: Centre, administrator: Person, title: str) -> ListedWitness:
    return add_and_flush(
        ListedWitness(
            centre_id=centre.id, name="Olive Grant", email=f"olive.grant@{centre.number.lower()}.example",
            relationship=f"Team manager, {title}", status=ListedStatus.EXPERT, starts_on=clock.today(),
            inducted_on=clock.today(), cv="Twelve years in contact centres; in the quality folder.",
            recorded_at=clock.now(), recorded_by_id=administrator.id,
        )
    )  # fmt: skip


def make_centre_objects(centre: Centre, administrator: Person, invited: Person, title: str) -> dict[str, int]:
    """Make a draft unit, an import, attached guidance and a person with a pending invitation. Return their ids."""
    draft, run, attached = _make_library_objects(centre, administrator, title)
    invited.password_hash = None
    db.session.flush()
    grant = db.session.scalars(select(Grant.id).where(Grant.person_id == invited.id)).one()
    return {
        "centre_id": centre.id, "person_id": invited.id, "grant_id": grant, "draft_id": draft.id, "run_id": run.id,
        "attached_id": attached.id, "job_run_id": _make_job_run(centre, administrator, title).id, "change_id": _make_account_change(invited, centre, administrator).id,
    }  # fmt: skip


def _make_question_set(attempt: UnitAttempt, staff: Staff, title: str) -> QuestionSet:
    """Set a question for the attempt's candidate, which they have answered and not submitted."""
    answered = factories.make_evidence(attempt, f"Answers: {title}")
    asked = Question(question=f"Why {title}?", answer=f"Since {title}", mark="g")
    answered.record_kind, answered.content = (
        RecordKind.ANSWERS,
        dump_content(RecordKind.ANSWERS, AnswersContent((asked,))),
    )
    return add_and_flush(
        QuestionSet(
            attempt_id=attempt.id, evidence_id=answered.id, content=dump_set([SetQuestion(asked.question, asked.mark)]),
            note=f"In your own words, {title}", set_at=clock.now(), set_by_id=staff.assessor.id,
        )
    )  # fmt: skip


def _make_record_with_file(attempt: UnitAttempt, author: Person, title: str) -> dict[str, int]:
    record = factories.make_record(attempt, author, f"Observation: {title}")
    photo = attach_file(record, store_file(io.BytesIO(f"plain words, seen, {title}".encode()), f"{title}-seen.txt"))
    add_and_flush(VersionAttachment(version_id=record.versions[-1].id, attachment_id=photo.id))
    upload = start_upload(record, author.id, "sample")
    factories.make_discussion(attempt, author, f"Discussion: {title}")
    return {"record_id": record.id, "photo_id": photo.id, "upload_id": upload.id, "record_slug": "observation"}


def _make_submitted_evidence(attempt: UnitAttempt, title: str) -> tuple[Evidence, int]:
    evidence = factories.make_evidence(attempt, title)
    attachment = attach_file(evidence, store_file(io.BytesIO(f"plain words, {title}".encode()), f"{title}.txt"))
    factories.claim(attempt, evidence, "5", "k:g")
    version = factories.submit(evidence)
    add_and_flush(VersionAttachment(version_id=version.id, attachment_id=attachment.id))
    return evidence, attachment.id


def _make_assessment_and_action_point(
    attempt: UnitAttempt, evidence: Evidence, staff: Staff
) -> tuple[Assessment, ActionPoint]:
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
    return add_and_flush(assessment), add_and_flush(action_point)


def _make_countersignature(assessment: Assessment, person: Person) -> Countersignature:
    return add_and_flush(
        Countersignature(
            attempt_id=assessment.attempt_id, assessment_id=assessment.id, person_id=person.id, asked_at=clock.now()
        )
    )


def _make_remark(assessment: Assessment, title: str) -> FeedbackRemark:
    """Make a released remark on the version that was assessed, and an answer to it."""
    remark = add_and_flush(
        FeedbackRemark(
            assessment_id=assessment.id, evidence_version_id=assessment.evidence_version_id, paragraph=1,
            text=f"Which day was this, {title}?", written_at=clock.now(), written_by_id=assessment.assessor_id,
            released_at=clock.now(),
        )
    )  # fmt: skip
    candidate_id = assessment.attempt.candidate_id
    add_and_flush(
        FeedbackAnswer(
            remark_id=remark.id, text=f"Friday, {title}", answered_at=clock.now(), answered_by_id=candidate_id
        )
    )
    return remark


def _make_visit(attempt: UnitAttempt, staff: Staff) -> Visit:
    moment = clock.now()
    visit = Visit(
        centre_id=attempt.centre_id, person_id=staff.visitor.id, starts_at=moment - timedelta(days=1),
        ends_at=moment + timedelta(days=1), opened_by_id=staff.administrator.id, opened_at=moment,
    )  # fmt: skip
    add_and_flush(visit)
    add_and_flush(VisitAttempt(visit_id=visit.id, attempt_id=attempt.id))
    return visit


def _make_library_objects(
    centre: Centre, administrator: Person, title: str
) -> tuple[UnitDraft, ImportRun, GuidanceUnit]:
    draft = make_draft(centre, administrator, body=title.encode())
    draft.state = DraftState.DRAFT
    attached = attach_guidance(_get_first_guidance(), "CFAM&LFD3", "", centre.id, factories.make_actor(administrator))
    run = ImportRun(
        centre_id=centre.id, format="yaml", file_name=f"{title}.yaml", sha256="0" * 64, total=0, done=0,
        state=ImportState.PREVIEWED, outcome=[], message="", started_by_id=administrator.id, started_at=clock.now(),
    )  # fmt: skip
    return draft, add_and_flush(run), attached


def _make_job_run(centre: Centre, administrator: Person, title: str) -> JobRun:
    """Make a job run of the administrator's that has failed."""
    actor, moment = factories.make_actor(administrator), clock.now()
    run = JobRun(
        kind="form_print", centre_id=centre.id, title=title, parameters={"attempts": []}, state=JobState.FAILED, total=0,
        done=0, attempts=0, message="The disk was full.", started_by_id=administrator.id, grant_id=actor.grant_id,
        started_at=moment, progressed_at=moment, ended_at=moment, result_name="", result_size=0,
    )  # fmt: skip
    return add_and_flush(run)


def _make_account_change(person: Person, centre: Centre, administrator: Person) -> AccountChange:
    """Make a change of an address that waits, asked for by the administrator."""
    change = AccountChange(
            person_id=person.id, centre_id=centre.id, kind=AccountChangeKind.EMAIL, old_email=person.email,
            new_email=f"new.{person.email}", requested_at=clock.now(), requested_by_id=administrator.id,
            takes_effect_at=clock.now() + timedelta(hours=24),
    )  # fmt: skip
    return add_and_flush(change)


def _make_version_move(attempt: UnitAttempt, administrator: Person) -> VersionMove:
    """Load a newer revision of the unit and record a move of the attempt to it."""
    load_unit(make_revision(UNITS["CFACC15"]))
    move = VersionMove(
        attempt_id=attempt.id, from_unit_id=attempt.unit_id, to_unit_id=factories.unit("CFACC15").id,
        reason="Corrected", not_carried_over=[], moved_at=clock.now(), moved_by_id=administrator.id,
    )  # fmt: skip
    return add_and_flush(move)


def _get_first_guidance() -> Guidance:
    return db.session.scalars(select(Guidance).order_by(Guidance.id)).first() or _raise_missing_guidance()


def _raise_missing_guidance() -> Guidance:
    raise LookupError("no guidance is loaded")
