"""The competency and evidence tracker: `create_app` makes the Flask application.

Importing a module of the package imports this one first, so it imports nothing heavy itself: a sandboxed subprocess,
a command or a test of plain functions starts without Flask and the database.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from tracker.background.jobs import Job
    from tracker.config import Settings
    from tracker.job_runs.kinds import JobKind
    from tracker.ledger.events import Actor
    from tracker.models import UnitAttempt
    from tracker.vocabulary import CountersignatureEnd
    from tracker.web.application import Tracker

BLUEPRINTS = (
    "home",
    "accounts",
    "library",
    "registrations",
    "portfolio",
    "assessment",
    "records",
    "staff",
    "witness_list",
    "verification",
    "recording_forms",
    "job_runs",
    "integrity",
    "privacy",
    "doctor",
    "metrics",
)
"""The features with views: each has its blueprint, of the same name, in `tracker.<feature>.views`."""

COMMANDS = {
    "assessments": "tracker.assessment.commands:assessments_cli",
    "backup": "tracker.backups.commands:backup",
    "centres": "tracker.accounts.commands:centres_cli",
    "checkpoints": "tracker.integrity.key_commands:checkpoints_cli",
    "clock": "tracker.integrity.key_commands:clock_command",
    "confine": "tracker.integrity.commands:confine_role",
    "db": "tracker.background.migration_commands:migrations",
    "demo": "tracker.demo.commands:demo",
    "derive": "tracker.registrations.commands:derive",
    "doctor": "tracker.doctor.commands:doctor",
    "email": "tracker.accounts.commands:email_cli",
    "export-ledger": "tracker.integrity.commands:export_ledger",
    "form": "tracker.recording_forms.commands:form",
    "job-runs": "tracker.job_runs.commands:job_runs_cli",
    "jobs": "tracker.background.commands:work",
    "keys": "tracker.integrity.key_commands:keys_cli",
    "people": "tracker.accounts.commands:people_cli",
    "previews": "tracker.portfolio.commands:previews_cli",
    "questions": "tracker.records.commands:questions_cli",
    "restore": "tracker.backups.commands:restore",
    "standards": "tracker.library.commands.standards:standards_cli",
    "storage": "tracker.backups.commands:storage_cli",
    "verify": "tracker.integrity.commands:verify",
    "verify-form": "tracker.recording_forms.commands:verify_form",
}
"""The commands of `flask`, each kept beside the feature it belongs to and imported when it runs."""


def create_app(settings: "Settings | None" = None, **overrides: Any) -> "Tracker":
    """Return the app with its config, extensions, request hooks, jobs and commands.

    Args:
        settings: the installation's settings; read from the environment if None.
        overrides: entries of Flask's config that replace those made from the settings.
    """
    from tracker.background import jobs
    from tracker.background.lazy_commands import LazyGroup
    from tracker.config import Settings
    from tracker.counters import share_counters
    from tracker.demo import guard
    from tracker.job_runs import kinds
    from tracker.registrations import due_releases
    from tracker.sandbox.slots import share_slots
    from tracker.web.application import Tracker

    settings = settings or Settings.from_environment()
    app = Tracker(
        BLUEPRINTS,
        template_folder="../templates",
        static_folder="../static",
        static_url_path="/static",
        instance_path=str(settings.instance_path),
    )
    app.config.from_mapping(settings.as_flask())
    app.config.from_mapping(overrides)
    settings.instance_path.mkdir(parents=True, exist_ok=True)
    share_slots(settings.instance_path / "slots")
    share_counters(settings.instance_path / "metrics")
    init_every_request(app)
    init_requests_with_database(app)
    due_releases.init_app(app, release_due_in, end_countersignatures)
    jobs.init_app(app, load_jobs, find_fault=guard.find_mismatch)
    kinds.init_app(app, load_job_kinds)
    app.extensions["create_app"] = create_app  # for processes that a feature starts
    app.cli = LazyGroup(COMMANDS)
    return app


def init_every_request(app: "Tracker") -> None:
    """Register what every request needs, also one for a static file: logs, headers, compression.

    What runs before a request runs in this order, and what runs after it in the reverse order.
    """
    from tracker import log_output, security_log
    from tracker.web import (
        compression,
        measurements,
        refusal_log,
        request_log,
        security_headers,
        static_files,
        trusted_proxies,
    )

    static_files.init_app(app)
    trusted_proxies.init_app(app)
    measurements.init_app(
        app, (request_log.write, measurements.count_for_metrics)
    )  # first, to measure the others too
    compression.init_app(app)  # early, so that after a request it compresses the finished page
    log_output.init_app(app)
    security_log.init_app()
    request_log.init_app(app)
    refusal_log.init_app(app)
    security_headers.init_app(app)


def init_requests_with_database(app: "Tracker") -> None:
    """Register the database, and what requests do with it: find who is signed in, check access, show errors."""
    from tracker.accounts import unsaved_forms
    from tracker.demo import guard
    from tracker.extensions import csrf, db
    from tracker.ledger import transactions
    from tracker.privacy import access_log
    from tracker.web import error_pages, filters, idempotency, measurements, route_rules, save_confirmation

    db.init_app(app)
    csrf.init_app(app)
    init_sign_in(app)
    transactions.init_app(app)
    measurements.count_statements(app)
    guard.init_app(app)
    unsaved_forms.init_app(app)  # after the CSRF check, and before the rule that sends to the sign-in page
    route_rules.init_app(app)
    save_confirmation.init_app(app)
    idempotency.init_app(app)
    filters.init_app(app)
    access_log.init_app(app)
    error_pages.init_app(app)


def init_sign_in(app: "Tracker") -> None:
    """Let Flask-Login find who is signed in from the session in the database."""
    from flask_login import current_user

    from tracker.accounts import sessions
    from tracker.extensions import login_manager

    # Flask-Login's own context processor would look the session up for every template, also for the error page that
    # is shown when just that look-up has failed.
    login_manager.init_app(app, add_context_processor=False)
    app.context_processor(lambda: {"current_user": current_user})
    login_manager.request_loader(lambda request: sessions.find_signed_in(request))  # noqa: PLW0108 - tests replace it
    login_manager.login_view = "accounts.sign_in"
    login_manager.login_message = None


def release_due_in(attempts: "Collection[UnitAttempt]") -> None:
    """Release the due assessments of attempts, for the features that `tracker.assessment` is built on."""
    from tracker.assessment.services import releasing

    releasing.release_due_in(*attempts)


def end_countersignatures(
    attempts: "Collection[UnitAttempt]",
    because: "CountersignatureEnd",
    actor: "Actor",
    *,
    evidence_id: int | None = None,
) -> None:
    """End what waits for a countersigner, for the features that `tracker.assessment` is built on."""
    from tracker.assessment.services import countersigning

    countersigning.end_countersignatures(attempts, because, actor, evidence_id=evidence_id)


def load_jobs() -> "tuple[Iterable[Job], Iterable[Job]]":
    """Import and return the jobs that can be queued, and those that the worker runs once a minute."""
    from tracker.accounts.services.account_changes import apply_due_changes
    from tracker.accounts.services.attempt_limits import delete_expired_attempts
    from tracker.accounts.services.link_requests import send_requested_link, send_requested_links
    from tracker.accounts.services.sign_in_records import record_failed_sign_ins
    from tracker.accounts.services.unsaved_texts import delete_expired_unsaved_texts
    from tracker.assessment.services.releasing import release_assessment_if_due, release_due_assessments
    from tracker.background import outbox
    from tracker.integrity.checkpoint_emails import email_checkpoint
    from tracker.integrity.nightly_check import check_nightly
    from tracker.integrity.timestamping import timestamp_newest_checkpoint
    from tracker.job_runs.files import delete_expired_job_files
    from tracker.job_runs.running import resume_job_runs, run_job
    from tracker.ledger import checkpoints
    from tracker.library.services.imports import add_missing_jobs
    from tracker.metrics.stored_bytes import measure_stored_bytes
    from tracker.portfolio.services.partial_uploads import delete_abandoned_uploads
    from tracker.privacy.retention_reminders import send_retention_reminders
    from tracker.records.services.testimony_erasure import erase_ended_requests
    from tracker.records.services.testimony_reminders import follow_up_requests

    every_minute = (
        release_due_assessments,
        outbox.send_waiting_emails,
        add_missing_jobs,
        resume_job_runs,
        delete_expired_job_files,
        delete_abandoned_uploads,
        checkpoints.write_due,
        email_checkpoint,
        timestamp_newest_checkpoint,
        check_nightly,
        send_retention_reminders,
        delete_expired_unsaved_texts,
        delete_expired_attempts,
        erase_ended_requests,
        follow_up_requests,
        record_failed_sign_ins,
        apply_due_changes,
        send_requested_links,
        measure_stored_bytes,
    )
    return (run_job, release_assessment_if_due, send_requested_link), every_minute


def load_job_kinds() -> "Iterable[JobKind]":
    """Import and return the kinds of long jobs, each kept beside the feature it belongs to."""
    from tracker.library.services.import_job import UNIT_IMPORT
    from tracker.recording_forms.cohort_printing import COHORT_PRINTING
    from tracker.recording_forms.form_job import FORM_PRINTING
    from tracker.recording_forms.issue_job import FORM_ISSUING

    return (COHORT_PRINTING, FORM_ISSUING, FORM_PRINTING, UNIT_IMPORT)
