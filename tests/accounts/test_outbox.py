"""The outbox page of the demo."""

from flask.testing import FlaskClient

from tests.factories import World, make_actor
from tracker.accounts.services.people import invite_person
from tracker.background import emails
from tracker.ledger.transactions import transaction
from tracker.vocabulary import Role


def test_demo_shows_its_emails_with_links_newest_first(world: World, demo: None, anonymous: FlaskClient) -> None:
    assert "No emails yet." in anonymous.get("/outbox").text
    with transaction():
        invite_person("ivy@example.org", "Ivy", world.northgate, Role.CANDIDATE, make_actor(world.dan))
        emails.send("jack@example.org", "<b>Second</b>", "<script>alert(1)</script>")
    page = anonymous.get("/outbox").text
    assert '<a href="http://127.0.0.1:8000/links/' in page
    assert "To ivy@example.org" in page
    assert page.index("&lt;b&gt;Second") < page.index("Your invitation"), "the newest first"
    assert "<script>alert" not in page


def test_outbox_page_does_not_exist_outside_demo_mode(
    world: World, anonymous: FlaskClient, mail_server: object
) -> None:
    assert anonymous.get("/outbox").status_code == 404
