"""Views of the staff register: the list, a person's record, what administrators record and what people write."""

from flask import Blueprint

staff = Blueprint("staff", __name__)

from tracker.staff.views import own_entries, printing, reading, recording  # noqa: E402, F401
