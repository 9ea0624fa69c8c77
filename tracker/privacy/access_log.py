"""Portfolio access log: who read somebody else's portfolio, recorded outside the ledger after the response."""

from collections.abc import Callable
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
        opened: OpenedPortfolio | None = g.pop("opened", None)
        if opened and request.method in transactions.SAFE_METHODS and response.status_code < 400:
            person = me()
            key = (person.session_ref, opened, day_of(now()))
            if opened.candidate_id != person.person_id and _is_due(recorded, key):
                try:
                    save_access(person.person_id, opened)
                except SQLAlchemyError:
                    recorded.pop(key, None)
                    logger.exception("an entry in the portfolio access log could not be saved")
        return response


def save_access(person_id: int, opened: OpenedPortfolio) -> None:
    """Save one row for each reader, part and day, in a short transaction of its own after the request's is over."""
    db.session.rollback()
    if read_only.is_read_only():
        return
    moment = now()
    rows = db.metadata.tables[PortfolioAccess.__tablename__]
    statement = INSERT[db.engine.dialect.name](rows).values(
        candidate_id=opened.candidate_id,
        centre_id=opened.centre_id,
        day=day_of(moment),
        person_id=person_id,
        part=opened.part,
        role=opened.role,
        first_at=moment,
        last_at=moment,
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
