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


def build_action_points_raised_email(attempt: UnitAttempt, count: int) -> tuple[str, str]:
    """Return the email that asks the assessor to respond to the action points of one act of the verifier."""
    verifier = use_terms("internal verifier", attempt.centre.terms)
    action_points = "an action point" if count == 1 else f"{count} action points"
    responses = "response" if count == 1 else "responses"
    body = (
        f"The {verifier} has raised {action_points} on {attempt.unit.code} of {attempt.candidate.name}. "
        f"Write your {responses}: {build_url(f'/attempts/{attempt.id}/sign')}"
    )
    return f"{'Action point' if count == 1 else 'Action points'} on {attempt.unit.code}", body


def build_verified_unit_reopened_email(attempt: UnitAttempt) -> tuple[str, str]:
    """Return the email that asks the assessor to assess the criteria of a reopened unit again."""
    verifier = use_terms("internal verifier", attempt.centre.terms)
    body = (
        f"The {verifier} has reopened {attempt.unit.code} of {attempt.candidate.name}, which was verified. "
        f"Read the reason and which criteria need more evidence: {build_url(f'/attempts/{attempt.id}')}"
    )
    return f"{attempt.unit.code} of {attempt.candidate.name} is reopened", body
