"""Texts of the emails about verification: each function returns a subject and a body."""

from tracker.background.emails import build_url
from tracker.models import UnitAttempt
from tracker.vocabulary import use_terms


def build_unit_verified_email(attempt: UnitAttempt) -> tuple[str, str]:
    """Return the email that tells the candidate that a unit is verified."""
    body = (
        f"{attempt.unit.code}, {attempt.unit.title}, is verified. "
        f"See your recording form: {build_url(f'/attempts/{attempt.id}/form')}"
    )
    return f"{attempt.unit.code} is verified", body


def build_action_point_raised_email(attempt: UnitAttempt) -> tuple[str, str]:
    """Return the email that asks the assessor to answer an action point."""
    verifier = use_terms("internal verifier", attempt.centre.terms)
    body = (
        f"The {verifier} returned {attempt.unit.code} of {attempt.candidate.name} with an action point. "
        f"Write your response: {build_url(f'/attempts/{attempt.id}/sign')}"
    )
    return f"Action point on {attempt.unit.code}", body
