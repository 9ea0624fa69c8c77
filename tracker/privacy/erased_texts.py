"""Erasing texts of rows, and the salts by which a guess at an erased text could be confirmed."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import delete, select

from tracker.extensions import db
from tracker.models import Base, Event, EventText
from tracker.vocabulary import ERASED_TEXT

CHUNK_SIZE = 400
"""Ids in one SQL statement."""


def erase_texts(rows: Iterable[tuple[Any, tuple[str, ...]]]) -> list[Base]:
    """Replace every text in these columns by “Erased”, and return the rows that changed."""
    changed = []
    for row, names in rows:
        filled = [name for name in names if getattr(row, name)]
        for name in filled:
            setattr(row, name, ERASED_TEXT)
        if filled:
            changed.append(row)
    return changed


def delete_text_salts(rows: Iterable[Base]) -> None:
    """Delete the salts of the texts in all events about these rows.

    An event may hold a text that is no column of its row: the reason of a version move is recorded on the attempt,
    and the notes on evidence requirements on the signature. So the rows include those that did not change.
    """
    ids_by_table: dict[str, list[int]] = {}
    for row in rows:
        ids_by_table.setdefault(row.__tablename__, []).append(row.id)  # type: ignore[attr-defined]  # each has one
    for name, ids in ids_by_table.items():
        for chunk in split(ids):
            event_seqs = select(Event.seq).where(Event.object_type == name, Event.object_id.in_(chunk))
            db.session.execute(
                delete(EventText).where(EventText.event_seq.in_(event_seqs), EventText.field.not_like("%:%"))
            )


def split(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    """Yield the values in parts that one SQL statement can name."""
    return (values[start : start + CHUNK_SIZE] for start in range(0, len(values), CHUNK_SIZE))
