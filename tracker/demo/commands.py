"""The command `flask demo`, which fills an empty database with invented people and evidence. It needs DEMO=1."""

import click
from flask import current_app


@click.command("demo")
@click.option("--if-empty", is_flag=True, help="Do nothing if the demonstration is there already.")
@click.option(
    "--check-version", is_flag=True, help="Only check that this version can use the database; exit 1 if not."
)
def demo(if_empty: bool, check_version: bool) -> None:
    """Fill an empty database with the demonstration."""
    from sqlalchemy import select

    from tracker.accounts.demo_password import DEMO_PASSWORD
    from tracker.demo.guard import has_unknown_revision, is_demo_database
    from tracker.demo.scenario import fill_database, make_key
    from tracker.extensions import db
    from tracker.ledger.events import find_last_time
    from tracker.models import Person

    if not current_app.config["DEMO"]:
        raise click.ClickException(
            "Set DEMO=1 to fill a demonstration. It keeps invented people apart from real ones. Nothing was written."
        )
    if check_version:
        if has_unknown_revision():
            raise click.ClickException(
                "This demonstration was made by an older version, whose tables had other names. It cannot be upgraded."
            )
        return
    with current_app.app_context():
        has_people = db.session.scalar(select(Person.id).limit(1)) is not None
        if has_people and if_empty and is_demo_database():
            return
        if has_people:
            raise click.ClickException("There are people in this database already. Nothing was written.")
        if find_last_time():
            raise click.ClickException(
                "The ledger has entries already, such as a signing key. The demonstration must be older than all entries. "
                "Nothing was written. Start with a new database: the key is made with the demonstration."
            )
        db.session.rollback()
        make_key()
        people = fill_database()
    click.echo(f"Demo users, all with the password “{DEMO_PASSWORD}”:")
    for name, email, roles in people:
        click.echo(f"  {name:<14} {email:<32} {roles}")
