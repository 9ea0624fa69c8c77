"""What only the installation's operator does: centres, resets, closing accounts, mail that waits."""

import click
from flask.cli import AppGroup

from tracker.errors import TrackerError

centres_cli = AppGroup("centres", help="Centres and their first administrator.")
people_cli = AppGroup("people", help="What only the installation's operator does to people.")
email_cli = AppGroup("email", help="Emails that wait in the outbox.")


@centres_cli.command("create")
@click.argument("name")
@click.option("--number", required=True, help="The centre's number at the awarding body.")
@click.option("--admin", required=True, metavar="EMAIL", help="The first administrator's address.")
@click.option("--admin-name", default="Centre administrator", help="Their name.")
def create_centre(name: str, number: str, admin: str, admin_name: str) -> None:
    """Create a centre and print its first administrator's one-time invitation."""
    from tracker.accounts.services import account_links, people
    from tracker.background import emails
    from tracker.ledger.events import OPERATOR
    from tracker.ledger.transactions import transaction
    from tracker.vocabulary import LinkPurpose

    try:
        with transaction():
            centre, person = people.create_centre(name, number, admin, admin_name)
            known = person.password_hash is not None
            path = "" if known else account_links.issue_link(person, LinkPurpose.INVITATION, OPERATOR)
    except TrackerError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{centre.name} ({centre.number}) is created.")
    if known:
        click.echo(f"{person.email} has an account already and is its administrator from now on.")
    else:
        click.echo(f"Give this link to {person.email} alone; it works once, within 14 days:")
        click.echo(emails.build_url(path))


@people_cli.command("reset")
@click.argument("email")
def reset_password(email: str) -> None:
    """Print a one-time link by which a person sets a new password, or takes up their invitation."""
    from tracker.accounts.services import account_links, people
    from tracker.background import emails
    from tracker.ledger.events import OPERATOR
    from tracker.ledger.transactions import transaction
    from tracker.vocabulary import LinkPurpose

    with transaction():
        person = people.find_person(email)
        if person is None or person.deactivated_at:
            raise click.ClickException(f"{email} has no open account here. Nothing was changed.")
        purpose = LinkPurpose.RESET if person.password_hash else LinkPurpose.INVITATION
        path = account_links.issue_link(person, purpose, OPERATOR)
        emails.notify(
            person,
            "link_issued",
            "A link to set your password",
            "The operator of the evidence tracker has made you a link to set a password, and will give it to you.",
        )
    lasts = "an hour" if purpose is LinkPurpose.RESET else "14 days"
    click.echo(f"Give this link to {person.email} alone; it works once, within {lasts}:")
    click.echo(emails.build_url(path))


@people_cli.command("deactivate")
@click.argument("email")
def deactivate_person(email: str) -> None:
    """Close an account at once; its sessions end."""
    from tracker.accounts.services import people
    from tracker.ledger.transactions import transaction

    try:
        with transaction():
            person = people.find_person(email)
            if person is None:
                raise click.ClickException(f"{email} has no account here. Nothing was changed.")
            people.deactivate_person(person)
    except TrackerError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{email} is closed, and signed out everywhere.")


@people_cli.command("reset-two-step-verification")
@click.argument("email")
def reset_two_step_verification(email: str) -> None:
    """Remove a person's second factors and recovery codes, for who lost them all; their sessions end."""
    from tracker.accounts.services import people, two_step_verification
    from tracker.ledger.transactions import transaction

    try:
        with transaction():
            person = people.find_person(email)
            if person is None:
                raise click.ClickException(f"{email} has no account here. Nothing was changed.")
            two_step_verification.reset_two_step_verification(person)
    except TrackerError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{person.email} is signed out everywhere, and has no second factor.")
    click.echo("If their role needs one, they set it up when they sign in next: be sure that it is they who asked.")


@email_cli.command("send")
def send_emails() -> None:
    """Send the emails that wait in the outbox."""
    from tracker.background import emails

    if not emails.uses_smtp():
        raise click.ClickException("No mail leaves this installation: set MAIL_HOST, without DEMO. Nothing was sent.")
    sent = [emails.send_from_outbox(path, emails.get_settings()) for path in emails.list_outbox_paths()]
    click.echo(f"{sum(sent)} sent, {len(sent) - sum(sent)} still waiting.")
