"""The competency and evidence tracker: `create_app` makes the Flask application."""

from collections.abc import Iterable, Iterator
from importlib import import_module
from threading import RLock
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, request
from flask_login import current_user
from werkzeug.routing import IntegerConverter, Map, MapAdapter, Rule

from tracker.accounts import sessions
from tracker.background import jobs
from tracker.background.lazy_commands import LazyGroup
from tracker.config import Settings
from tracker.demo import guard
from tracker.extensions import csrf, db, login_manager
from tracker.ledger import transactions
from tracker.privacy import access_log
from tracker.registrations import due_releases
from tracker.web import compression, error_pages, filters, idempotency, route_rules, security_headers, static_files
from tracker.web.requests import TrackerRequest

if TYPE_CHECKING:
    from tracker.models import UnitAttempt

BLUEPRINTS = (
    "home",
    "accounts",
    "library",
    "registrations",
    "portfolio",
    "assessment",
    "verification",
    "recording_forms",
    "integrity",
    "privacy",
)
"""The features with views: each has its blueprint, of the same name, in `tracker.<feature>.views`."""

COMMANDS = {
    "assessments": "tracker.assessment.commands:assessments_cli",
    "backup": "tracker.backups.commands:backup",
    "centres": "tracker.accounts.commands:centres_cli",
    "clock": "tracker.integrity.key_commands:clock_command",
    "confine": "tracker.integrity.commands:confine_role",
    "db": "tracker.background.migration_commands:migrations",
    "demo": "tracker.demo.commands:demo",
    "email": "tracker.accounts.commands:email_cli",
    "export-record": "tracker.integrity.commands:export_record",
    "form": "tracker.recording_forms.commands:form",
    "jobs": "tracker.background.commands:work",
    "keys": "tracker.integrity.key_commands:keys_cli",
    "people": "tracker.accounts.commands:people_cli",
    "restore": "tracker.backups.commands:restore",
    "standards": "tracker.library.commands:standards_cli",
    "storage": "tracker.backups.commands:storage_cli",
    "verify": "tracker.integrity.commands:verify",
    "verify-form": "tracker.recording_forms.commands:verify_form",
}
"""The commands of `flask`, each kept beside the feature it belongs to and imported when it runs."""


class RowId(IntegerConverter):
    """The id of a row in a URL; a number too large for the database matches no route."""

    def __init__(self, url_map: Map) -> None:
        super().__init__(url_map, max=2**31 - 1)


class LazyMap(Map):
    """The app's URL map, which has the views imported before it is first read.

    Commands serve no pages, and most of them start several times faster without the views.
    """

    app: "Tracker"

    def bind(self, *args: Any, **kwargs: Any) -> MapAdapter:
        """Return an adapter that matches and builds URLs."""
        self.app.load_views()
        return super().bind(*args, **kwargs)

    def bind_to_environ(self, *args: Any, **kwargs: Any) -> MapAdapter:
        """Return an adapter for a request."""
        self.app.load_views()
        return super().bind_to_environ(*args, **kwargs)

    def iter_rules(self, endpoint: str | None = None) -> Iterator[Rule]:
        """Iterate over the rules of all routes, or of one endpoint."""
        self.app.load_views()
        return super().iter_rules(endpoint)


class Tracker(Flask):
    """The Flask application: one commit per request, and views imported when they are first needed."""

    request_class = TrackerRequest
    url_map_class = LazyMap

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.lock = RLock()
        self.has_views = False
        super().__init__(*args, **kwargs)
        self.url_map.app = self  # type: ignore[attr-defined]  # Flask declares the map as werkzeug's own class

    def load_views(self) -> None:
        """Import the views and register their blueprints, once."""
        with self.lock:
            if not self.has_views:
                self.has_views = True  # first: registering a blueprint may read the map
                for name in BLUEPRINTS:
                    self.register_blueprint(getattr(import_module(f"tracker.{name}.views"), name))

    def dispatch_request(self) -> Response:
        """Run the view in one transaction, which ends inside the error handlers."""
        bool(current_user)  # the session is looked up in its own short transaction, before ours begins
        return transactions.perform_request(lambda: self.make_response(super(Tracker, self).dispatch_request()))

    def log_exception(self, exc_info: Any) -> None:
        """Log the endpoint and not the address, which may hold the token of a link."""
        self.logger.error("Exception on %s [%s]", request.endpoint, request.method, exc_info=exc_info)


def create_app(settings: Settings | None = None, **overrides: Any) -> Tracker:
    """Return the app with its config, extensions, request hooks, jobs and commands.

    Args:
        settings: the installation's settings; read from the environment if None.
        overrides: entries of Flask's config that replace those made from the settings.
    """
    settings = settings or Settings.from_environment()
    app = Tracker(
        __name__,
        template_folder="../templates",
        static_folder="../static",
        static_url_path="/static",
        instance_path=str(settings.instance_path),
    )
    app.config.from_mapping(settings.as_flask())
    app.config.from_mapping(overrides)
    app.url_map.converters["int"] = RowId
    settings.instance_path.mkdir(parents=True, exist_ok=True)

    static_files.init_app(app)
    compression.init_app(app)  # registered before the others, it runs after them, on the finished page
    security_headers.init_app(app)
    db.init_app(app)
    csrf.init_app(app)
    # Flask-Login's own context processor would look the session up for every template, also for the error page that
    # is shown when just that look-up has failed.
    login_manager.init_app(app, add_context_processor=False)
    app.context_processor(lambda: {"current_user": current_user})
    login_manager.request_loader(lambda _request: sessions.find_signed_in(request))
    login_manager.login_view = "accounts.sign_in"
    login_manager.login_message = None
    transactions.init_app(app)
    guard.init_app(app)
    route_rules.init_app(app)
    idempotency.init_app(app)
    filters.init_app(app)
    access_log.init_app(app)
    error_pages.init_app(app)
    due_releases.init_app(app, release_due_in)
    jobs.init_app(app, load_jobs, find_fault=guard.find_fault)
    app.cli = LazyGroup(COMMANDS)
    return app


def release_due_in(attempt: "UnitAttempt") -> None:
    """Release the attempt's due assessments, for the features that `tracker.assessment` is built on."""
    from tracker.assessment.services import releasing

    releasing.release_due_in(attempt)


def load_jobs() -> tuple[Iterable[jobs.Job], Iterable[jobs.Job]]:
    """Import and return the jobs that can be queued, and those that the worker runs once a minute."""
    from tracker.assessment.services.releasing import release_assessment_if_due, release_due_assessments
    from tracker.background import emails
    from tracker.integrity.checkpoint_emails import mail_checkpoint
    from tracker.integrity.nightly_check import check_nightly
    from tracker.ledger import checkpoints
    from tracker.library.services.importing import resume_imports, run_import
    from tracker.privacy.retention_reminders import send_retention_reminders

    every_minute = (
        release_due_assessments,
        emails.send_waiting_emails,
        resume_imports,
        checkpoints.write_due,
        mail_checkpoint,
        check_nightly,
        send_retention_reminders,
    )
    return (run_import, release_assessment_if_due), every_minute
