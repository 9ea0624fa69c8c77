"""The commands of `flask`, each kept beside the feature it belongs to."""

from flask import Flask

from tracker.accounts.commands import centres_cli, mail_cli, people_cli
from tracker.assessment.commands import reviews_cli
from tracker.demo.commands import demo
from tracker.recording_forms.commands import form
from tracker.standards.commands import standards_cli


def init_app(app: Flask) -> None:
    for command in (standards_cli, form, centres_cli, people_cli, reviews_cli, mail_cli, demo):
        app.cli.add_command(command)
