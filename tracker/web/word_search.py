"""Searches by the beginnings of words, which an index finds at any size.

Triggers keep the words of names and numbers (`tracker/models/derived.py`), in lower case and with a straight
apostrophe. A search for "jo smi" finds Smith, John; it does not look inside words.
"""

from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, aliased

MAX_WORDS = 8
"""How many words count of those that are searched for, the longest first."""
LAST_CHARACTER = "\U0010ffff"


def select_found(key: InstrumentedAttribute[int], words: str, *conditions: ColumnElement[bool]) -> Select[int]:
    """Select the persons or registrations of which each word that is searched for begins a word.

    Args:
        key: the column of `PersonWord` or `RegistrationWord` with what is selected.
        words: what was typed; not empty.
        conditions: what else holds of the row.
    """
    table: Any = key.class_
    first, *others = split_search(words)
    query = select(key).where(_begins(table.word, first), *conditions)
    for each in others:
        other: Any = aliased(table)
        query = query.where(exists().where(getattr(other, key.key) == key, _begins(other.word, each)))
    return query


def split_search(words: str) -> list[str]:
    """Return the words that are searched for, each once, the longest and so the rarest first."""
    found = dict.fromkeys(words.replace("’", "'").split())
    return sorted(found, key=len, reverse=True)[:MAX_WORDS]


def _begins(word: Any, beginning: str) -> ColumnElement[bool]:
    """Return as SQL whether a word begins with a text, as ranges of the index.

    SQLite changes only the letters of ASCII to lower case, so another text is sought in each usual spelling: élodie
    is found as Élodie and as ÉLODIE.
    """
    spellings = [beginning]
    if not beginning.isascii():
        spellings = [beginning, beginning.lower(), beginning.capitalize(), beginning.upper()]
    return or_(
        *(
            and_(word >= func.lower(each), word < func.lower(each + LAST_CHARACTER))
            for each in dict.fromkeys(spellings)
        )
    )
