"""All checks, gathered: importing the modules that hold them is what lists them."""

from collections.abc import Iterator

from tracker.extensions import db
from tracker.integrity import (
    chain,
    contents,
    database,
    duties,
    erasures,
    files,
    issued_forms,
    outside,
    replay,
    rounds,
    seals,
)
from tracker.integrity.checking import CHECKS, Result, run_checks
from tracker.integrity.record import Record

__all__ = ["CHECKS", "verify_record"]
MODULES = (chain, contents, database, duties, erasures, files, issued_forms, outside, replay, rounds, seals)


def verify_record() -> Iterator[Result]:
    """Every check against the database as it stands now. Reads only; ends its transaction."""
    db.session.rollback()
    if db.session.get_bind().dialect.name == "postgresql":  # SQLite reads one moment in any transaction
        db.session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    try:
        yield from run_checks(Record(), CHECKS)
    finally:
        db.session.rollback()
