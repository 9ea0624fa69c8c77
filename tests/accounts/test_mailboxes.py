"""Which addresses lead to one mailbox, and whose account has it."""

import pytest

from tests import factories
from tests.factories import World
from tracker.accounts.mailboxes import find_person, is_same_mailbox
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Person


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("m.ellis@corvell.example", " M.Ellis@Corvell.example", True),
        ("m.ellis@corvell.example", "m.ellis+work@corvell.example", True),
        ("m.ellis@corvell.example", "mellis@corvell.example", False),
        ("m.ellis@gmail.com", "mellis+work@googlemail.com", True),
        ("m.ellis@corvell.example", "m.ellis@other.example", False),
        ("", "", False),
    ],
)
def test_a_tag_and_the_dots_of_gmail_make_no_difference(one: str, other: str, *, is_same: bool) -> None:
    assert is_same_mailbox(one, other) is is_same


@pytest.mark.parametrize(
    ("account", "address"),
    [
        ("m_ellis@corvell.example", "m_ellis+work@corvell.example"),
        ("m.ellis+work@corvell.example", "m.ellis@corvell.example"),
        ("m.ellis@googlemail.com", "mellis@gmail.com"),
    ],
)
def test_an_account_is_found_by_its_mailbox(world: World, account: str, address: str) -> None:
    with transaction():
        db.session.get_one(Person, world.bob.id).email = account
        factories.leave_unsealed()
    assert find_person(address) == world.bob.id
    assert find_person(f"x{address}") is None
    assert find_person("") is None
