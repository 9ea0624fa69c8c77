"""Adding a unit: an upload or pasted text becomes a draft, is refused with a message, or is offered as guidance."""

import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from tests.factories import World
from tests.library.drafts import make_draft, make_read_document
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.library.services import publishing
from tracker.models import Guidance, UnitDraft
from tracker.unit_reader.document_model import NoUnit, Unreadable
from tracker.units.documents import GuidanceDocument, Provenance

ClientFor = Callable[..., FlaskClient]
SEEDS = Path(__file__).parents[1] / "seeds"
GUIDANCE = GuidanceDocument(
    slug="calls", title="About calls", synopsis="How calls go.", key_concepts=("tone",), tips=("Listen.", "Wait."),
    misconceptions=(), marking_points=("Says who called.",), units=(), provenance=Provenance("calls.txt", "Read by machine."),
)  # fmt: skip


class Reader:
    """A replacement of the reader that keeps the file it was called with."""

    def __init__(self) -> None:
        self.documents: list[tuple[str, bytes]] = []
        self.refusal: Exception | None = None
        self.in_transaction: list[bool] = []

    def __call__(self, name: str, body: bytes) -> publishing.ReadDocument:
        self.documents.append((name, body))
        self.in_transaction.append(db.session().in_transaction())
        if self.refusal:
            raise self.refusal
        return make_read_document(body=body)


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Reader:
    stand_in = Reader()
    monkeypatch.setattr(publishing, "read_uploaded_document", stand_in)
    return stand_in


def address(world: World) -> str:
    return f"/centres/{world.northgate.id}/units/add"


def drafts() -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(UnitDraft)) or 0


def test_document_becomes_a_draft_with_its_source(world: World, client: ClientFor, reader: Reader) -> None:
    dan = client(world.dan)
    answer = dan.post(address(world), data={"document": (BytesIO(b"bytes"), "units/calls.pdf"), "text": ""})
    assert answer.status_code == 303
    assert reader.documents == [("calls.pdf", b"bytes")]
    page = dan.get(answer.location).text
    assert "The document was read. 2 points to check." in page
    assert "find out what was promised last time" in page
    with dan.get(answer.location + "/source") as source:
        assert source.data == b"bytes"


def test_no_transaction_is_open_during_reading(world: World, client: ClientFor, reader: Reader) -> None:
    client(world.dan).post(address(world), data={"text": "Some unit"})
    assert reader.in_transaction == [False]


def test_pasted_text_is_read_as_text(world: World, client: ClientFor, reader: Reader) -> None:
    assert client(world.dan).post(address(world), data={"text": "Überschrift\n1. do it"}).status_code == 303
    assert reader.documents == [("Pasted text.txt", "Überschrift\n1. do it".encode())]


def test_unreadable_document_is_refused_and_pasted_text_stays(
    world: World, client: ClientFor, reader: Reader
) -> None:
    reader.refusal = Unreadable("This file is a scan without text. Use one with text.")
    answer = client(world.dan).post(address(world), data={"text": "typed with care"})
    assert answer.status_code == 422
    assert "This file is a scan without text." in answer.text
    assert re.search(r"<textarea[^>]*>\s*typed with care</textarea>", answer.text)
    assert drafts() == 0
    answer = client(world.dan).post(address(world), data={"document": (BytesIO(b"x"), "scan.pdf")})
    assert 'id="document-error"' in answer.text


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "Upload a document or paste its text."),
        ({"text": "  \n"}, "Upload a document or paste its text."),
        ({"text": "x", "document": (BytesIO(b"y"), "y.pdf")}, "not both"),
        ({"text": "x" * 1_000_001}, "too long to paste"),
    ],
)
def test_either_upload_or_text_is_required(
    world: World, client: ClientFor, reader: Reader, data: dict[str, object], message: str
) -> None:
    answer = client(world.dan).post(address(world), data=data)
    assert answer.status_code == 422
    assert message in answer.text
    assert reader.documents == []


def test_document_without_unit_is_refused(world: World, client: ClientFor, reader: Reader) -> None:
    reader.refusal = NoUnit("This is a course page. It has no criteria.")
    answer = client(world.dan).post(address(world), data={"text": "Enrol now"})
    assert answer.status_code == 422
    assert "It has no criteria." in answer.text
    assert "Enrol now" in answer.text


def test_guidance_is_offered_and_can_be_saved(world: World, client: ClientFor, reader: Reader) -> None:
    reader.refusal = NoUnit("It is guidance.", GUIDANCE)
    dan = client(world.dan)
    page = dan.post(address(world), data={"text": "Tips"}).text
    assert "This is not a unit" in page
    assert "Listen.\nWait." in page
    fields = {"title": "About calls", "synopsis": "How calls go.", "tips": "Listen.\nWait.", "source": "calls.txt"}
    answer = dan.post(f"/centres/{world.northgate.id}/guidance/new", data=fields)
    assert answer.location == "/guidance/about-calls"
    saved = db.session.scalars(select(Guidance).where(Guidance.slug == "about-calls")).one()
    assert saved.owner_centre_id == world.northgate.id


def test_real_reader_reads_the_document(world: World, client: ClientFor) -> None:
    dan = client(world.dan)
    body = BytesIO((SEEDS / "INSCC004.txt").read_bytes())
    page = dan.get(dan.post(address(world), data={"document": (body, "INSCC004.txt")}).location).text
    assert "38 statements" in page
    assert "is among numbered statements" in page
    guidance = BytesIO((SEEDS / "guidance-customer-service-procedures.txt").read_bytes())
    answer = dan.post(address(world), data={"document": (guidance, "guidance.txt")})
    assert answer.status_code == 422
    assert "Save guidance" in answer.text


def test_administrator_of_another_centre_cannot_add(world: World, client: ClientFor, reader: Reader) -> None:
    assert client(world.heidi).get(address(world)).status_code == 404
    assert client(world.heidi).post(address(world), data={"text": "x"}).status_code == 404
    assert reader.documents == []


def test_drafts_are_listed_on_the_page_and_at_home(world: World, client: ClientFor) -> None:
    with transaction():
        make_draft(world.northgate, world.dan)
    for path in (address(world), "/"):
        assert "Answer difficult calls" in client(world.dan).get(path).text
    assert "Answer difficult calls" not in client(world.heidi).get("/").text


def test_short_address_leads_to_own_centre(world: World, client: ClientFor) -> None:
    assert client(world.heidi).get("/units/add").location == f"/centres/{world.southbank.id}/units/add"
