"""The pages that are measured on bulk data, by the role of who opens them, with addresses of that data."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

from sqlalchemy import Select, func, select

from tests.bulk.loading import FIRST_UNIT
from tests.bulk.people import LoadedCentre
from tracker.extensions import db
from tracker.models import (
    Allocation,
    Assessment,
    Claim,
    Evidence,
    EvidenceVersion,
    Person,
    Registration,
    Sample,
    Submission,
    Unit,
    UnitAttempt,
)
from tracker.registrations.registration_list import LARGE_REGISTRATIONS
from tracker.vocabulary import AttemptState, Role
from tracker.web.list_positions import write_position
from tracker.web.lists import read_list_query


@dataclass(frozen=True)
class Page:
    """A page and who opens it."""

    role: Role
    person_id: int
    path: str

    @property
    def is_home(self) -> bool:
        """Whether it is the administrator's home, whose figures are counts of the centre."""
        return self.role is Role.ADMINISTRATOR and self.path == "/"


LINK = "A link or code of one person, or their own account: nobody else's rows are near it."
FILE = "It sends a file or renders a PDF of what a measured page shows."
JOB = "It shows one job run, of which the data has none."
QUESTION = "It shows one question of a bank, which does not grow with the candidates."
ENTRY = "It shows one entry of a staff record or witness list, of which the data has none."
DRAFT = "It shows one draft or import of the library, of which the data has none."
RECORD = "It shows one record of an observation or testimony, or asks for one, of which the data has none."
REDIRECT = "It leads to a measured page."
NOT_MEASURED = {
    **dict.fromkeys(
        (
            "accounts.approve_account_change", "accounts.cancel_by_link", "accounts.change_email",
            "accounts.confirm_new_browser", "accounts.confirm_own_address", "accounts.confirm_sign_in",
            "accounts.follow_link", "accounts.forgotten_password", "accounts.get_csrf_token",
            "accounts.make_recovery_codes", "accounts.remove_second_factor", "accounts.request_browser_link",
            "accounts.reset_two_step_verification", "accounts.set_up_app", "accounts.set_up_passkey",
            "accounts.sign_in", "accounts.use_recovery_code", "recording_forms.verify_form", "records.testify",
        ),
        LINK,
    ),
    **dict.fromkeys(
        (
            "library.download_source", "portfolio.download_own", "portfolio.download_sealed", "portfolio.print_blank_sheet",
            "portfolio.print_evidence", "portfolio.print_feedback", "portfolio.print_index",
            "portfolio.print_own_evidence", "portfolio.print_own_feedback", "portfolio.print_own_index", "recording_forms.blank_form", "recording_forms.draft_form",
            "recording_forms.issued_form", "recording_forms.print_form", "records.download_draft_file",
            "records.download_file", "records.print_blank", "records.print_blank_testimony", "records.print_record", "records.print_set",
            "registrations.download_import_example", "staff.print_blank_record", "staff.print_staff_record", "static",
            "witness_list.print_blank_witness_list", "witness_list.print_witness_list",
        ),
        FILE,
    ),
    **dict.fromkeys(
        (
            "library.confirm_publishing", "library.review_draft", "library.show_draft",
            "library.show_import",
        ),
        DRAFT,
    ),
    **dict.fromkeys(
        (
            "privacy.erase_listed_witness", "privacy.erase_staff_record", "staff.answer_interest",
            "staff.confirm_award", "staff.end_interest", "staff.remove_award",
            "staff.remove_competence", "staff.remove_cpd", "witness_list.remove_witness",
        ),
        ENTRY,
    ),
    **dict.fromkeys(
        (
            "records.answer_testimony", "records.ask_witness", "records.choose_questions", "records.finish", "records.show_record",
            "records.show_testimonies", "records.write",
            "records.answer_questions", "records.set_for_candidate", "records.show_set",
        ),
        RECORD,
    ),
    **dict.fromkeys(("records.change_question", "records.show_question"), QUESTION),
    **dict.fromkeys(("job_runs.download_result", "job_runs.get_job_progress", "job_runs.show_job"), JOB),
    **dict.fromkeys(
        ("accounts.list_people", "accounts.settings", "library.choose_centre", "registrations.list_registrations",
         "records.list_own_questions", "staff.list_own_staff", "witness_list.list_own_witnesses"),
        REDIRECT,
    ),
    **dict.fromkeys(
        ("assessment.countersign", "assessment.countersign_unit"),
        "It shows one item or unit to countersign, of which the data has none.",
    ),
    "accounts.outbox": "Only a demonstration has it.",
    "doctor.show_health": "A probe of a balancer, which reads no rows of the record.",
    "doctor.show_readiness": "A probe of a balancer, which reads no rows of the record.",
    "metrics.show_metrics": "Read by a program. tests/metrics holds that it reads a few rows by their keys.",
    "assessment.move_attempts": "It needs two versions of a unit, of which the data has none.",
    "portfolio.show_past_version": "It needs two versions of a unit, of which the data has none.",
    "library.attach_guidance": "The library does not grow with the candidates.",
    **dict.fromkeys(
        ("library.add_evidence_rule", "library.change_evidence_rule", "library.list_evidence_rules"),
        "Rules of a unit do not grow with the candidates.",
    ),
    "library.edit_guidance": "The library does not grow with the candidates.",
    "library.show_guidance": "The library does not grow with the candidates.",
}  # fmt: skip
"""Endpoints of pages that are not measured, each with the reason."""


def list_pages(centre: LoadedCentre) -> list[Page]:
    """List every page of the kind that lists or looks up, for one person of each role."""
    verified = find_verified_attempt(centre)
    confirmed = _find(
        select(UnitAttempt).where(UnitAttempt.centre_id == centre.id, UnitAttempt.state == AttemptState.CONFIRMED)
    )
    candidate, open_attempt = find_candidate(centre)
    signed = _find(
        select(UnitAttempt).where(UnitAttempt.centre_id == centre.id, UnitAttempt.state == AttemptState.ASSESSED)
    )
    return [
        Page(Role.CANDIDATE, signed.candidate_id, f"/attempts/{signed.id}/confirm"),
        *_list_candidate_pages(candidate, open_attempt),
        *_list_assessor_pages(open_attempt),
        *_list_verifier_pages(confirmed, verified),
        *(
            Page(Role.EXTERNAL_VERIFIER, centre.external_verifier.person_id, path)
            for path in ("/visit", f"/attempts/{verified.id}/visit")
        ),
        *_list_administrator_pages(centre, open_attempt, verified),
    ]


def find_candidate(centre: LoadedCentre, but: Collection[int] = ()) -> tuple[int, UnitAttempt]:
    """Return the first candidate, of all but these, with an item that waits for an assessor, and its attempt."""
    attempt = _find(
        select(UnitAttempt)
        .join(Registration, Registration.id == UnitAttempt.registration_id)
        .join(Allocation, Allocation.attempt_id == UnitAttempt.id)
        .where(
            UnitAttempt.centre_id == centre.id,
            UnitAttempt.state == AttemptState.IN_PROGRESS,
            Registration.withdrawn_at.is_(None),
            UnitAttempt.candidate_id.not_in(but),
            Allocation.role == Role.ASSESSOR,
            _select_waiting(Claim.id)
            .where(Claim.attempt_id == UnitAttempt.id)
            .limit(1)
            .scalar_subquery()
            .is_not(None),
        )
    )
    return attempt.candidate_id, attempt


def _select_waiting(column: Any) -> Select[Any]:
    """Select a column of the claims on submitted versions that nobody has assessed."""
    return (
        select(column)
        .select_from(Claim)
        .join(EvidenceVersion, EvidenceVersion.evidence_id == Claim.evidence_id)
        .join(Submission, Submission.evidence_version_id == EvidenceVersion.id)
        .outerjoin(Assessment, Assessment.evidence_version_id == EvidenceVersion.id)
        .where(Assessment.id.is_(None), Submission.withdrawn_at.is_(None))
    )


def find_verified_attempt(centre: LoadedCentre) -> UnitAttempt:
    """Return the first attempt that was sampled and verified."""
    return _find(
        select(UnitAttempt)
        .join(Sample, Sample.attempt_id == UnitAttempt.id)
        .where(UnitAttempt.centre_id == centre.id, UnitAttempt.state == AttemptState.VERIFIED)
    )


def find_waiting_item(attempt: UnitAttempt) -> int:
    """Return the first item of an attempt that waits for its assessor."""
    return min(db.session.scalars(_select_waiting(Claim.evidence_id).where(Claim.attempt_id == attempt.id)))


def _find(query: Select[UnitAttempt]) -> UnitAttempt:
    """Return the first attempt at the unit that everybody attempts, so that pages of any size show as many criteria."""
    query = query.join(Unit, Unit.id == UnitAttempt.unit_id).where(Unit.code == FIRST_UNIT)
    return db.session.scalars(query.order_by(UnitAttempt.id).limit(1)).one()


def _allocated_to(attempt: UnitAttempt, role: Role) -> int:
    return db.session.scalars(
        select(Allocation.person_id).where(Allocation.attempt_id == attempt.id, Allocation.role == role)
    ).one()


def _list_candidate_pages(candidate: int, attempt: UnitAttempt) -> list[Page]:
    items = list(
        db.session.scalars(
            select(Evidence.id)
            .where(Evidence.candidate_id == candidate, Evidence.number.is_not(None))
            .order_by(Evidence.id)
        )
    )
    item, at = items[0], f"/attempts/{attempt.id}"
    paths = [
        "/", "/evidence", "/evidence?show=waiting", "/evidence?show=unlinked", "/evidence?q=complaint", "/evidence?sort=title", "/evidence/new",
        f"/evidence/{item}", f"/evidence/{item}/edit", f"/evidence/{item}/criteria", f"/evidence/{item}/submit", f"/evidence/{item}/versions/1",
        at, f"{at}?view=matrix", f"{at}?show=gaps", f"{at}/form",
        "/account", "/account/data", "/account/access-log", "/account/sign-ins", "/account/signatures", "/account/unsaved-text",
        "/account/two-step-verification", "/units", "/units?q=complaint", "/units/cfacc15", "/qualifications", "/guidance",
    ]  # fmt: skip
    return [Page(Role.CANDIDATE, candidate, path) for path in paths]


def _list_assessor_pages(attempt: UnitAttempt) -> list[Page]:
    waiting = find_waiting_item(attempt)
    at, registration = f"/attempts/{attempt.id}", f"/registrations/{attempt.registration_id}"
    paths = [
        "/queue", "/countersigning", "/countersigning?show=own", "/queue?q=complaint", "/candidates", "/candidates?q=a&show=to-assess", "/candidates?sort=last-activity",
        at, f"{at}?view=matrix", f"{at}/sign", f"{at}/evidence/{waiting}", f"{at}/evidence/{waiting}/assess", f"{at}/form", f"{at}/sign",
        f"{registration}/index", f"{registration}/index?show=accepted", "/account", "/account/signatures",
    ]  # fmt: skip
    assessor = _allocated_to(attempt, Role.ASSESSOR)
    paths += [f"/centres/{attempt.centre_id}/staff/{assessor}/{part}" for part in ("cpd/add", "interests/add")]
    return [Page(Role.ASSESSOR, assessor, path) for path in paths]


def _list_verifier_pages(confirmed: UnitAttempt, verified: UnitAttempt) -> list[Page]:
    at = f"/attempts/{confirmed.id}/verify"
    paths = [
        "/verification", "/verification?q=a", "/verification/coverage", "/verification/coverage/methods",
        "/verification/other-units", "/action-points", "/action-points?state=all", at,
        *(f"{at}/{part}" for part in ("action-points", "form", "history", "requirements", "sign")),
        f"/attempts/{confirmed.id}/return", f"/attempts/{confirmed.id}",
    ]  # fmt: skip
    later = [
        f"/attempts/{verified.id}/verify",
        f"/attempts/{verified.id}/reopen",
        f"/attempts/{verified.id}/verify/history",
    ]
    return [
        *(Page(Role.INTERNAL_VERIFIER, _allocated_to(confirmed, Role.INTERNAL_VERIFIER), path) for path in paths),
        *(Page(Role.INTERNAL_VERIFIER, _allocated_to(verified, Role.INTERNAL_VERIFIER), path) for path in later),
    ]


def find_middle_position(centre: LoadedCentre) -> str:
    """Return the position of the middle one of a centre's candidates by the day on which they were registered."""
    count = db.session.scalar(select(func.count(Registration.id)).where(Registration.centre_id == centre.id)) or 0
    row = db.session.execute(
        select(Registration.registered_at, Registration.id)
        .where(Registration.centre_id == centre.id)
        .order_by(Registration.registered_at.desc(), Registration.id.desc())
        .offset(count // 2)
        .limit(1)
    ).one()
    query = read_list_query(LARGE_REGISTRATIONS, {"sort": "-registered"})
    return write_position(LARGE_REGISTRATIONS.describe_place(query), [*row], is_before=False)


def _list_administrator_pages(centre: LoadedCentre, attempt: UnitAttempt, verified: UnitAttempt) -> list[Page]:
    at, registration = f"/centres/{centre.id}", f"/registrations/{attempt.registration_id}"
    person = f"{at}/people/{attempt.candidate_id}"
    name = db.session.scalars(select(Person.name).where(Person.id == attempt.candidate_id)).one()
    number = db.session.scalars(
        select(Registration.candidate_number).where(Registration.id == attempt.registration_id)
    ).one()
    words = quote_plus(name)
    middle = find_middle_position(centre)
    staff = f"{at}/staff/{_allocated_to(attempt, Role.ASSESSOR)}"
    paths = [
        "/", f"{at}/people?size=25", f"{at}/people?size=25&q={words}", f"{at}/people?size=25&role=assessor", f"{at}/people?size=25&account=invited", f"{at}/people?size=25&sort=-added", person,
        f"{person}/name", f"{at}/people/choices/candidate?q={words}", f"{at}/people/invite", f"{at}/people/invitation-links", f"{at}/people/import", f"{at}/settings",
        f"{at}/registrations?size=25", f"{at}/registrations?size=25&sort=-registered&after={middle}", f"{at}/registrations?size=25&q={words}", f"{at}/registrations?size=25&q={number}", f"{at}/registrations?size=25&show=to-allocate",
        f"{at}/registrations?size=25&show=not-registered", f"{at}/registrations?size=25&show=withdrawn", f"{at}/registrations?size=25&sort=-registered", f"{at}/registrations?size=25&sort=candidate", f"{at}/registrations?size=25&sort=number",
        f"{at}/forms/print?size=25", f"{at}/forms/print?size=25&q={words}", "/jobs", "/jobs?whose=centre",
        f"{at}/registrations/new", registration, f"{registration}/index", f"{registration}/withdraw", f"{registration}/access-log", f"{registration}/numbers",
        f"{registration}/qualification", f"{registration}/retention-hold", f"{registration}/erase", f"{at}/retention?size=25", f"{at}/retention?size=25&show=on-hold", f"{at}/retention?size=25&show=due",
        f"{at}/allocations?size=25", f"{at}/allocations?size=25&q={words}", f"{at}/allocations?size=25&state=confirmed", f"{at}/allocations/change?attempt={attempt.id}", f"{at}/visits",
        f"/attempts/{attempt.id}/allocate/assessor", f"/attempts/{attempt.id}/void", f"/attempts/{attempt.id}", f"/attempts/{verified.id}/form", f"/attempts/{attempt.id}/move",
        "/integrity", f"{at}/units/add", f"{at}/units/import", f"{at}/units/export", f"{at}/links", "/units/cfacc15", "/units/cfacc15/compare",
        f"{at}/guidance/new", f"{at}/qualifications/new", "/qualifications/ex-svq3-cc",
        f"{at}/staff?size=25", f"{at}/staff?size=25&show=no-award", f"{at}/staff?size=25&show=former", staff, f"{staff}/cpd", f"{staff}/awards/add", f"{staff}/competence/add",
        f"{at}/countersigning?size=25", f"{at}/countersigning/{_allocated_to(attempt, Role.ASSESSOR)}",
        f"{at}/questions", f"{at}/questions?q=customer", f"{at}/questions/new?unit=cfacc15",
        f"{at}/witnesses?size=25", f"{at}/witnesses?size=25&show=ended", f"{at}/witnesses/add",
    ]  # fmt: skip
    return [Page(Role.ADMINISTRATOR, centre.administrator.person_id, path) for path in paths]
