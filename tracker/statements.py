"""SQL statements that are built once, when their module is imported, and whose results are read as rows.

Building a statement takes SQLAlchemy several times as long as running it (docs/performance.md, Findings). So the
statements of the pages that are opened most are constants with bind parameters. Their rows are read through the
connection, since the session takes about twice as long for a statement (docs/architecture.md, Conventions).
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


def fetch_rows_in_own_transaction(statement: Executable, **values: Any) -> Sequence[Row[*tuple[Any, ...]]]:
    """Return the rows of a statement that runs in its own transaction, not in that of the request."""
    with db.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            # In autocommit mode a single statement needs no BEGIN and ROLLBACK.
            connection.execution_options(isolation_level="AUTOCOMMIT")
        return connection.execute(statement, values).all()


def moment_of_reading(*, minus: timedelta = timedelta(0)) -> BindParameter[Any]:
    """Return a bind parameter for the present time, less `minus`, at each run of its statement."""
    return bindparam(None, callable_=lambda: now() - minus)


def ids(name: str) -> BindParameter[Any]:
    """Return a bind parameter for the list of ids, or other values, of an `IN` condition."""
    return bindparam(name, expanding=True)
