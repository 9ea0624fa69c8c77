"""Searches for registrations by the candidate's name and numbers."""

from sqlalchemy import ColumnElement, SQLColumnExpression, select, true, union

from tracker.models import PersonWord, Registration, RegistrationWord
from tracker.web.list_pages import is_among
from tracker.web.word_search import select_found


def is_registration_found(
    words: str, centre_id: int, registration_id: SQLColumnExpression[int] = Registration.id
) -> ColumnElement[bool]:
    """Return as SQL whether each word begins a word of the candidate's name, or of their numbers at a centre.

    All registrations are found by no words; others by one SQL statement, which this runs.

    Args:
        words: what is searched for.
        centre_id: the centre whose registrations are found.
        registration_id: the column by which a statement's rows are found.
    """
    if not words:
        return true()
    by_name = select(Registration.id).where(
        Registration.centre_id == centre_id,
        Registration.candidate_id.in_(select_found(PersonWord.person_id, words)),
    )
    by_number = select_found(RegistrationWord.registration_id, words, RegistrationWord.centre_id == centre_id)
    return is_among(registration_id, union(by_name, by_number))
