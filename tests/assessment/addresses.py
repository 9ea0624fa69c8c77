"""People whose email address is not confirmed, and its confirmation with a link."""

from tracker.accounts.services.account_links import issue_link
from tracker.accounts.services.email_confirmation import confirm_address
from tracker.ledger.events import Actor
from tracker.ledger.transactions import transaction
from tracker.models import Person
from tracker.vocabulary import LinkPurpose


def unconfirm(*people: Person) -> None:
    """Make the addresses of these people as if they had never confirmed them."""
    with transaction():
        for person in people:
            person.email_confirmed_at = None


def confirm_by_link(person: Person) -> None:
    """Confirm a person's address with a link that was emailed to it."""
    with transaction():
        path = issue_link(person, LinkPurpose.CONFIRM_ADDRESS, Actor(person.id), is_emailed=True)
        confirm_address(path.rpartition("/")[2], Actor(person.id))
