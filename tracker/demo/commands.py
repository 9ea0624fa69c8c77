"""`flask demo`: the invented people and their evidence, into a database without people, with DEMO=1 alone."""

import click
from flask import current_app


@click.command("demo")
@click.option("--if-empty", is_flag=True, help="Do nothing, without a fault, when the data is there already.")
def demo(if_empty: bool) -> None:
    """Fill an empty database with the demonstration."""
    from sqlalchemy import select

    from tracker.accounts.demo_password import DEMO_PASSWORD
    from tracker.demo.guard import is_marked
    from tracker.demo.story import make_key, tell_story
    from tracker.extensions import db
    from tracker.ledger.events import last_at
    from tracker.models import Person

    if not current_app.config["DEMO"]:
        raise click.ClickException("This needs DEMO=1, so that invented people never meet real ones.")
    with current_app.app_context():
        has_people = db.session.scalar(select(Person.id).limit(1)) is not None
        if has_people and if_empty and is_marked():
            return
        if has_people:
            raise click.ClickException("There are people in this database already. Nothing was written.")
        if last_at():
            raise click.ClickException(
                "The record has entries already, such as a key's, and the story begins before them. Nothing was "
                "written. Start with a new database: the key is made with the story."
            )
        db.session.rollback()
        make_key()
        people = tell_story()
    click.echo(f"The people of the demonstration, all with the password “{DEMO_PASSWORD}”:")
    for name, email, roles in people:
        click.echo(f"  {name:<14} {email:<32} {roles}")
