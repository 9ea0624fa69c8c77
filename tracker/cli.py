"""The commands of `flask`, each kept beside the feature it belongs to."""

from importlib import import_module

from flask import Flask


def init_app(app: Flask) -> None:
    """TEMPORARY while features are being written: registers what exists."""
    for module, name in (
        ("accounts", "centres_cli"),
        ("accounts", "people_cli"),
        ("accounts", "mail_cli"),
        ("recording_forms", "form"),
        ("standards", "standards_cli"),
        ("assessment", "reviews_cli"),
        ("demo", "demo"),
    ):
        try:
            app.cli.add_command(getattr(import_module(f"tracker.{module}.commands"), name))
        except (ImportError, AttributeError):
            continue
