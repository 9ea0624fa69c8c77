"""`flask keys` and `flask clock`: what the installation signs with, and by which time."""

import sys
from datetime import timedelta

import click
from flask.cli import AppGroup

keys_cli = AppGroup("keys", help="The keys that checkpoints, codes and seals are made with.")


@keys_cli.command("make")
def make_first() -> None:
    """Make the first key; nothing is done where there is one."""
    from tracker.ledger import checkpoints, keys
    from tracker.ledger.transactions import transaction

    found = keys.find_current_key()
    if found:
        click.echo(f"There is a key: {found.name}. Nothing was made.")
        return
    with transaction():
        name = keys.make_key().name
    checkpoints.write_due(at_once=True)
    click.echo(
        f"Made {name}. Its files are in {keys.get_key_path(name).parent}: copy them to a safe place that is not"
    )
    click.echo("with the backups of the data. Whoever has both could sign another past.")


@keys_cli.command("rotate")
def rotate() -> None:
    """Make the next key, for which the one before it vouches."""
    from tracker.errors import TrackerError
    from tracker.ledger import checkpoints, keys
    from tracker.ledger.transactions import transaction

    if keys.find_current_key() is None:
        raise click.ClickException("There is no key yet. Nothing was made; `flask keys make` makes the first.")
    try:
        with transaction():
            name = keys.make_key().name
    except TrackerError as error:
        raise click.ClickException(str(error)) from error
    checkpoints.write_due(at_once=True)
    click.echo(
        f"Made {name}, which signs from now on. The files of the one before stay: what it signed is still ours."
    )


@keys_cli.command("list")
def show_keys() -> None:
    """Every key, the newest last, and the public half to hand to others."""
    from tracker.ledger import keys

    for each in keys.list_keys():
        click.echo(f"{each.name}  since {each.made_at:%Y-%m-%d %H:%M} UTC  ed25519 {each.public_key}")


@click.command("clock")
@click.option("--accept", is_flag=True, help="Confirm that the clock is right now, and accept events again.")
def clock_command(accept: bool) -> None:
    """Show the clock and the ledger's last event. While the clock is behind that, no event is accepted."""
    from tracker import clock
    from tracker.ledger import events, keys
    from tracker.ledger.transactions import transaction

    now, last = clock.now(), events.find_last_time()
    behind = last - now if last else timedelta(0)
    click.echo(f"The clock says {now:%Y-%m-%d %H:%M:%S} UTC.")
    click.echo(f"The last entry is of {last:%Y-%m-%d %H:%M:%S} UTC." if last else "The record has no entry yet.")
    if behind <= events.MAX_CLOCK_DIFFERENCE:
        click.echo("Entries are taken.")
        return
    if not accept:
        click.echo("No entry is taken before that. Set the clock right; if it is right now: flask clock --accept")
        sys.exit(1)
    key = keys.find_current_key()
    if key is None:
        raise click.ClickException("There is no key yet. Nothing was changed; `flask keys make` makes the first.")
    with transaction():
        events.record(events.CLOCK_ACCEPTED, key, events.OPERATOR, behind=int(behind.total_seconds()))
    click.echo("Accepted, and entered in the record. Entries are taken again.")
