"""`flask derive`."""

import click
from flask.cli import with_appcontext

from tracker.web.formatting import counted


@click.command("derive")
@with_appcontext
def derive() -> None:
    """Derive the rows that lists are found by again, where they differ from the records."""
    from tracker.extensions import db
    from tracker.ledger.transactions import transaction
    from tracker.registrations.derived_rows import DERIVED, derive_again

    corrected = 0
    for table in DERIVED:  # one lock at a time, so that no act waits for one table while it has written to another
        with transaction():
            corrected += derive_again(db.session.connection(), table)
    click.echo(f"{counted(corrected, 'record')} corrected." if corrected else "Every derived row is right.")
