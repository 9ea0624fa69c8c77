"""The commands of `flask`, each kept beside the feature it belongs to."""

from flask import Flask

from tracker.accounts.commands import centres_cli, email_cli, people_cli
from tracker.assessment.commands import assessments_cli
from tracker.background.commands import work
from tracker.backups.commands import backup, restore, storage_cli
from tracker.demo.commands import demo
from tracker.integrity.commands import confine_role, export_record, verify
from tracker.integrity.key_commands import clock_command, keys_cli
from tracker.library.commands import standards_cli
from tracker.library.exchange_commands import export_units, import_units
from tracker.library.reading_command import read_document
from tracker.recording_forms.commands import form, verify_form

for each in (read_document, import_units, export_units):
    standards_cli.add_command(each)


def init_app(app: Flask) -> None:
    for command in (
        standards_cli,
        form,
        verify_form,
        centres_cli,
        people_cli,
        assessments_cli,
        email_cli,
        keys_cli,
        clock_command,
        work,
        verify,
        export_record,
        confine_role,
        backup,
        restore,
        storage_cli,
        demo,
    ):
        app.cli.add_command(command)
