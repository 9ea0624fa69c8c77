"""What an erasure leaves, for the tests that look for what it should not."""

from sqlalchemy import select

from tests.conftest import STANDARDS
from tests.integrity.tampering import offences
from tracker.extensions import db
from tracker.models import Base


def everything_written() -> str:
    """Every value of every row but the published standards', as text."""
    db.session.rollback()
    rows = []
    for table in Base.metadata.sorted_tables:
        if table.name not in STANDARDS:
            rows += [repr(dict(row)) for row in db.session.execute(select(table)).mappings()]
    return "\n".join(rows)


def but_for_late() -> list[str]:
    """What `flask verify` says, but for checkpoints that no worker wrote meanwhile, and what else is due by then."""
    return [each for each in offences() if "checkpoint" not in each and "thirty days" not in each]
