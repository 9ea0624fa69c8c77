"""Portfolio access log: who read somebody else's portfolio, recorded outside the ledger after the response."""

from collections.abc import Callable, Collection
from datetime import timedelta
from logging import getLogger
from typing import Any

from flask import Flask, Response, g, request
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from tracker.clock import day_of, now
from tracker.extensions import db
from tracker.ledger import read_only, transactions
from tracker.models import PortfolioAccess
from tracker.web.authorise import OpenedPortfolio
from tracker.web.current_user import me

RECORD_INTERVAL = timedelta(hours=1)
"""The shortest time between two records of the same reader, part and day."""
MAX_REMEMBERED = 10_000
INSERT: dict[str, Callable[..., Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
logger = getLogger(__name__)


def init_app(app: Flask) -> None:
    """Record in the access log every page that shows somebody else's portfolio."""
    recorded = app.extensions["access_recorded"] = {}

    @app.after_request
    def record_access(response: Response) -> Response:
        """Record that a portfolio was read; the reader gets the page even if recording fails."""
        opened: tuple[OpenedPortfolio, ...] = g.pop("opened", ())
        if opened and request.method in transactions.SAFE_METHODS and response.status_code < 400:
            person = me()
            keys = {
                (person.session_ref, each, day_of(now())): each
                for each in opened
                if each.candidate_id != person.person_id
            }
            due = {key: each for key, each in keys.items() if _is_due(recorded, key)}
            if due:
                try:
                    save_accesses(person.person_id, list(due.values()))
                except SQLAlchemyError:
                    for key in due:
                        recorded.pop(key, None)
                    logger.exception("entries in the portfolio access log could not be saved")
        return response


def save_accesses(person_id: int, opened: Collection[OpenedPortfolio]) -> None:
    """Save one row for each reader, portfolio, part and day, in a transaction of its own after the request's is over.

    One statement, also for a file with the forms of many candidates.
    """
    db.session.rollback()
    if read_only.is_read_only():
        return
    moment = now()
    rows = db.metadata.tables[PortfolioAccess.__tablename__]
    statement = INSERT[db.engine.dialect.name](rows).values(
        [
            {
                "candidate_id": each.candidate_id,
                "centre_id": each.centre_id,
                "day": day_of(moment),
                "person_id": person_id,
                "part": each.part,
                "role": each.role,
                "first_at": moment,
                "last_at": moment,
            }
            for each in opened
        ]
    )
    later = {"last_at": statement.excluded.last_at, "role": statement.excluded.role}
    statement = statement.on_conflict_do_update(index_elements=list(rows.primary_key), set_=later)
    with transactions.writing(), Session(db.engine) as session, session.begin():
        session.execute(statement)


def _is_due(recorded: dict[Any, Any], key: Any) -> bool:
    """Return whether this was last recorded an hour ago or more, and remember it as recorded now."""
    moment = now()
    if key in recorded and timedelta(0) <= moment - recorded[key] < RECORD_INTERVAL:
        return False
    if len(recorded) >= MAX_REMEMBERED:
        recorded.clear()
    recorded[key] = moment
    return True
