"""The commands of `flask`, each kept beside the feature it belongs to."""

from flask import Flask


def init_app(app: Flask) -> None:
    """Register what exists; a command imports what it needs when it runs."""
    from tracker.accounts.commands import centres_cli, people_cli
    from tracker.recording_forms.commands import form
    from tracker.standards.commands import standards_cli

    for command in (standards_cli, centres_cli, people_cli, form):
        app.cli.add_command(command)
