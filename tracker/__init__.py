"""The competency and evidence tracker."""

from typing import Any

from flask import Flask, Response, request
from flask_login import current_user
from werkzeug.routing import IntegerConverter, Map

from tracker import cli
from tracker.accounts import sessions
from tracker.background import emails, jobs
from tracker.config import Settings
from tracker.demo import guard
from tracker.extensions import csrf, db, login_manager, migrate
from tracker.ledger import checkpoints, transactions
from tracker.privacy import access_log
from tracker.web import compression, error_pages, filters, idempotency, route_rules, security_headers, static_files
from tracker.web.requests import TrackerRequest


class Id(IntegerConverter):
    """A row’s number in an address; one that no database could hold leads nowhere, like any that is not there."""

    def __init__(self, url_map: Map) -> None:
        super().__init__(url_map, max=2**31 - 1)


class Tracker(Flask):
    request_class = TrackerRequest

    def dispatch_request(self) -> Response:
        """Every view runs here, so that there is one commit, in one place, inside the error handlers."""
        bool(current_user)  # the session is looked up in its own short transaction, before ours begins
        return transactions.perform_request(lambda: self.make_response(super(Tracker, self).dispatch_request()))

    def log_exception(self, exc_info: Any) -> None:
        """By its endpoint, not its address: that may hold the token of a link."""
        self.logger.error("Exception on %s [%s]", request.endpoint, request.method, exc_info=exc_info)


def create_app(settings: Settings | None = None, **overrides: Any) -> Flask:
    """The app: config, extensions, blueprints, error pages, commands, in that order."""
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
    app.url_map.converters["int"] = Id
    settings.instance_path.mkdir(parents=True, exist_ok=True)

    static_files.init_app(app)
    compression.init_app(app)  # registered before the others, it runs after them, on the finished page
    security_headers.init_app(app)
    db.init_app(app)
    migrate.init_app(app, db)
    csrf.init_app(app)
    # Flask-Login's own would look the session up for every template, an error page's too when just that has failed.
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

    register_blueprints(app)
    register_jobs(app)
    error_pages.init_app(app)
    cli.init_app(app)
    return app


def register_blueprints(app: Flask) -> None:
    from tracker.accounts.views import accounts
    from tracker.assessment.views import assessment
    from tracker.home.views import home
    from tracker.integrity.views import integrity
    from tracker.library.views import library
    from tracker.portfolio.views import portfolio
    from tracker.privacy.views import privacy
    from tracker.recording_forms.views import recording_forms
    from tracker.registrations.views import registrations
    from tracker.verification.views import verification

    for blueprint in (
        home,
        accounts,
        library,
        registrations,
        portfolio,
        assessment,
        verification,
        recording_forms,
        integrity,
        privacy,
    ):
        app.register_blueprint(blueprint)


def register_jobs(app: Flask) -> None:
    """What the worker does: what is queued, and what is looked for every minute."""
    from tracker.assessment.services.assessments import release_due_assessments
    from tracker.integrity.mailing import mail_checkpoint
    from tracker.integrity.nightly import check_nightly
    from tracker.library.services.importing import resume_imports, run_import
    from tracker.privacy.retention_reminders import send_retention_reminders

    jobs.init_app(
        app,
        (run_import,),
        every_minute=(
            release_due_assessments,
            emails.send_waiting_emails,
            resume_imports,
            checkpoints.write_due,
            mail_checkpoint,
            check_nightly,
            send_retention_reminders,
        ),
        find_fault=guard.find_fault,
    )
