"""`flask keys`: the keys that the installation signs with."""

import click
from flask.cli import AppGroup

keys_cli = AppGroup("keys", help="The keys that checkpoints, codes and seals are made with.")


@keys_cli.command("make")
def make_first() -> None:
    """Make the first key; nothing is done where there is one."""
    from tracker import checkpoints, keys
    from tracker.transactions import transaction

    found = keys.find_current()
    if found:
        click.echo(f"There is a key: {found.name}. Nothing was made.")
        return
    with transaction():
        name = keys.make_key().name
    checkpoints.write_due(at_once=True)
    click.echo(f"Made {name}. Its files are in {keys.path_of(name).parent}: copy them to a safe place that is not")
    click.echo("with the backups of the data. Whoever has both could sign another past.")


@keys_cli.command("rotate")
def rotate() -> None:
    """Make the next key, for which the one before it vouches."""
    from tracker import checkpoints, keys
    from tracker.errors import TrackerError
    from tracker.transactions import transaction

    if keys.find_current() is None:
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
    from tracker import keys

    for each in keys.list_keys():
        click.echo(f"{each.name}  since {each.made_at:%Y-%m-%d %H:%M} UTC  ed25519 {each.public_key}")
