"""Views of recording forms: single forms, the forms of many candidates, and the check of a form."""

from flask import Blueprint

recording_forms = Blueprint("recording_forms", __name__)

from tracker.recording_forms.views import cohort, forms  # noqa: E402 - their routes need the blueprint

__all__ = ["cohort", "forms", "recording_forms"]
