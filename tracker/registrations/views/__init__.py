"""Views of registrations, allocations and visits, for a centre's administrators."""

from flask import Blueprint

registrations = Blueprint("registrations", __name__)

from tracker.registrations.views import allocations, candidates, imports, person_fields, registration_changes, visits  # noqa: E402 - their routes need the blueprint

__all__ = [
    "allocations",
    "candidates",
    "imports",
    "person_fields",
    "registration_changes",
    "registrations",
    "visits",
]
