"""Forms that jobs print: what a step prints, and how its file is stored so that an erasure finds it."""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

from sqlalchemy import ScalarSelect, func, select
from sqlalchemy.orm import joinedload

from tracker.config import MEGABYTE
from tracker.errors import FormNotRendered, NotFound, Refused
from tracker.extensions import db
from tracker.job_runs.files import keep_step_file, save_file
from tracker.job_runs.kinds import RunFacts
from tracker.models import Erasure, JobRun, JobStep, UnitAttempt
from tracker.recording_forms.form_content import FormContent
from tracker.recording_forms.issuing import find_current_form
from tracker.recording_forms.pdf_renderer import render_pdf
from tracker.recording_forms.queries import build_form_content
from tracker.storage import file_store
from tracker.vocabulary import FormOutcome

MAX_BYTES = 200 * MEGABYTE
"""The most bytes of the forms of one job together."""
TOO_LARGE = (
    f"The forms are larger than {MAX_BYTES // MEGABYTE} MB together. No file was made. Cancel this job, and print "
    "fewer candidates, or one unit, at a time."
)


@dataclass(frozen=True)
class PlannedForm:
    """What a step prints."""

    attempt_id: int
    candidate_id: int
    registration_id: int
    erasure_id: int | None
    """The last erasure of the candidate's records before it was read. If there is another later, it is read again."""
    outcome: FormOutcome = FormOutcome.PRINTED
    """Why nothing is printed, or that something is."""
    issued_sha256: str = ""
    """The stored file, of a form that was issued."""
    content: FormContent | None = None
    """What to render, of any other."""


def load_attempt(attempt_id: int, centre_id: int) -> UnitAttempt:
    """Return an attempt of the job run's centre with its registration, read anew.

    Raises:
        NotFound: the job run names an attempt of another centre, or none.
    """
    attempt = db.session.scalars(
        select(UnitAttempt)
        .where(UnitAttempt.id == attempt_id, UnitAttempt.centre_id == centre_id)
        .options(joinedload(UnitAttempt.registration))
        .execution_options(populate_existing=True)
    ).one_or_none()
    if attempt is None:
        raise NotFound(f"The centre of this job has no unit {attempt_id}. Nothing more is done.")
    return attempt


def plan_form(
    attempt_id: int, centre_id: int, find_reason: Callable[[UnitAttempt], FormOutcome | None] = lambda _attempt: None
) -> PlannedForm:
    """Read what is printed of an attempt now: the issued form, or else as it is; nothing if there is a reason.

    The last erasure is read before anything else. On PostgreSQL each statement sees what was committed before it, so
    an erasure may come between two of them: then `store_form` finds one that was not known here.

    Args:
        attempt_id: the attempt.
        centre_id: the centre of the job run.
        find_reason: returns why the attempt is left out, or None.
    """
    erasure_id = _find_last_erasure(
        select(UnitAttempt.registration_id).where(UnitAttempt.id == attempt_id).scalar_subquery()
    )
    attempt = load_attempt(attempt_id, centre_id)
    left_out = find_reason(attempt)
    issued = None if left_out else find_current_form(attempt)
    return PlannedForm(
        attempt.id,
        attempt.candidate_id,
        attempt.registration_id,
        erasure_id,
        left_out or FormOutcome.PRINTED,
        issued.sha256 if issued else "",
        None if left_out or issued else build_form_content(attempt),
    )


def print_planned(run: RunFacts, planned: PlannedForm) -> file_store.StoredFile | None:
    """Render a form and save it, or find the file of one that was issued; None for one that is left out.

    No transaction is open. Raises `FormNotRendered` also if the issued file is missing or damaged.
    """
    if planned.issued_sha256:
        try:
            with file_store.local(planned.issued_sha256) as path:
                return file_store.StoredFile(planned.issued_sha256, path.stat().st_size)
        except (FileNotFoundError, file_store.DamagedFile) as error:
            raise FormNotRendered("the issued file is missing or damaged") from error
    if planned.content is None:
        return None
    assert run.actor.person_id is not None  # noqa: S101 - people start job runs
    return save_file(run, BytesIO(render_pdf(planned.content, run.actor.person_id)))


def store_form(run: JobRun, planned: PlannedForm, outcome: FormOutcome, stored: file_store.StoredFile | None) -> int:
    """Store the step of a form, and return 1; return 0 if records of the candidate were erased since it was planned.

    The caller has locked the attempt and the job run. Raises `Refused` when the forms are too large together.
    """
    if _find_last_erasure(planned.registration_id) != planned.erasure_id:
        return 0
    if stored and _measure_steps(run.id) + stored.size > MAX_BYTES:
        raise Refused(TOO_LARGE)
    step = JobStep(
        run_id=run.id,
        number=run.done,
        candidate_id=planned.candidate_id,
        attempt_id=planned.attempt_id,
        outcome=outcome.value,
        size=stored.size if stored else 0,
    )
    db.session.add(step)
    if stored:
        keep_step_file(run, step, stored.sha256)
    db.session.flush()
    return 1


def _find_last_erasure(registration_id: int | ScalarSelect[int]) -> int | None:
    return db.session.scalar(select(func.max(Erasure.id)).where(Erasure.registration_id == registration_id))


def _measure_steps(run_id: int) -> int:
    return db.session.scalar(select(func.coalesce(func.sum(JobStep.size), 0)).where(JobStep.run_id == run_id)) or 0
