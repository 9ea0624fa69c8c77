"""Searches for people by their names and email addresses."""

from sqlalchemy import ColumnElement, select, true

from tracker.models import Grant, Person, PersonWord
from tracker.web.list_pages import is_among
from tracker.web.word_search import select_found


def is_person_found(words: str, centre_id: int) -> ColumnElement[bool]:
    """Return as SQL whether each word begins a word of the name, or the address, of a person with a role at a centre.

    The role may have ended. All people are found by no words; others by one SQL statement, which this runs.
    """
    if not words:
        return true()
    role = select(Grant.id).where(Grant.person_id == PersonWord.person_id, Grant.centre_id == centre_id)
    has_role = role.limit(1).scalar_subquery().is_not(None)  # looked up for each person; EXISTS would read all roles
    return is_among(Person.id, select_found(PersonWord.person_id, words, has_role))
