"""Statements that are built once, when their module is imported, and read as rows.

Building a statement takes SQLAlchemy several times as long as running it. So the statements of the pages that are
opened most are constants with bind parameters, and their rows are read through the connection, since what the session
does besides for each statement costs as much again (docs/architecture.md, Conventions).
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import BindParameter, Executable, Row, bindparam

from tracker.clock import now
from tracker.extensions import db


def fetch_rows(statement: Executable, **values: Any) -> Sequence[Row[*tuple[Any, ...]]]:
    """Return the rows of a statement for these values of its bind parameters.

    Reads in the transaction of the request, after the changes of the session are flushed as before any query.
    """
    session = db.session()
    session.flush()
    return session.connection().execute(statement, values).all()


def fetch_rows_apart(statement: Executable, **values: Any) -> Sequence[Row[*tuple[Any, ...]]]:
    """Return the rows of a statement in a transaction of its own, which holds nothing open beside the request's."""
    with db.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            # One statement is a transaction by itself there, without BEGIN and ROLLBACK before and after it.
            connection.execution_options(isolation_level="AUTOCOMMIT")
        return connection.execute(statement, values).all()


def moment_of_reading(*, minus: timedelta = timedelta(0)) -> BindParameter[Any]:
    """Return a bind parameter that is the present moment, less a time, whenever its statement is run."""
    return bindparam(None, callable_=lambda: now() - minus)


def ids(name: str) -> BindParameter[Any]:
    """Return a bind parameter for the ids, or other values, of an `IN`."""
    return bindparam(name, expanding=True)
