"""The witness of a testimony: named with the evidence, sealed with it, read by its readers, printed in the index."""

import io
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient
from pypdf import PdfReader

from tests import factories
from tests.factories import World
from tests.portfolio.conftest import ClientFor
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Evidence, EvidenceVersion
from tracker.portfolio.services.submissions import compute_content_hash, submit_evidence
from tracker.vocabulary import Method
from tracker.web.formatting import witness

WITNESS = {
    "witness_name": "Dana Shaw",
    "witness_relationship": "team manager",
    "witness_status": "12 years in contact centres",
}
WORDS = "Dana Shaw, team manager (12 years in contact centres)"


@pytest.fixture
def testimony(complaint: Evidence) -> Evidence:
    with transaction():
        complaint.method = Method.EXPERT_WITNESS
    return complaint


def save(browser: FlaskClient, evidence: Evidence, **fields: Any) -> int:
    return browser.post(f"/evidence/{evidence.id}/edit", data={"version": evidence.version, **fields}).status_code


def submit_item(evidence: Evidence, world: World) -> EvidenceVersion:
    with transaction():
        return submit_evidence(evidence, factories.make_actor(world.alice))


def test_the_form_always_has_the_fields_folded_unless_the_method_is_testimony(
    alice: FlaskClient, complaint: Evidence
) -> None:
    folded = '<details data-methods="witness_testimony expert_witness">'
    assert folded in alice.get(f"/evidence/{complaint.id}/edit").text
    with transaction():
        complaint.method = Method.WITNESS_TESTIMONY
    assert folded.replace(">", " open>") in alice.get(f"/evidence/{complaint.id}/edit").text


def test_the_witness_is_sealed_with_the_version_and_read_by_its_readers(
    world: World, client: ClientFor, alice: FlaskClient, testimony: Evidence
) -> None:
    assert save(alice, testimony, **WITNESS) == 303
    version = submit_item(testimony, world)
    assert witness(version) == WORDS
    attempt = world.cfacc15.id
    assert WORDS in alice.get(f"/evidence/{testimony.id}").text
    assert WORDS in alice.get(f"/evidence/{testimony.id}/versions/1").text
    assert WORDS in client(world.bob).get(f"/attempts/{attempt}/evidence/{testimony.id}/assess").text
    assert WORDS in client(world.carol).get(f"/attempts/{attempt}/verify?item={testimony.id}").text


def test_the_index_names_the_witness_on_screen_and_on_paper(
    world: World, client: ClientFor, alice: FlaskClient, testimony: Evidence
) -> None:
    save(alice, testimony, **WITNESS)
    submit_item(testimony, world)
    assert WORDS in alice.get("/evidence").text
    assert WORDS in client(world.bob).get(f"/registrations/{world.cfacc15.registration_id}/index").text
    paper = alice.get("/evidence/index.pdf", buffered=True).data
    printed = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(paper)).pages)
    assert f"Expert witness: {WORDS}" in " ".join(printed.split())


def test_the_page_for_submitting_warns_until_the_witness_is_entered(alice: FlaskClient, testimony: Evidence) -> None:
    path = f"/evidence/{testimony.id}/submit"
    assert "No expert witness is named with their status." in alice.get(path).text
    save(alice, testimony, witness_name="Dana Shaw", witness_status=" ")
    assert "No expert witness is named with their status." in alice.get(path).text
    save(alice, testimony, **WITNESS)
    page = alice.get(path).text
    assert "No expert witness" not in page
    assert WORDS in page


def test_another_witness_is_a_change_that_the_assessor_is_told_of(
    world: World, client: ClientFor, alice: FlaskClient, testimony: Evidence
) -> None:
    save(alice, testimony, **WITNESS)
    submit_item(testimony, world)
    save(alice, testimony, witness_name="Dana Shaw-Reid")
    submit_item(testimony, world)
    page = client(world.bob).get(f"/attempts/{world.cfacc15.id}/evidence/{testimony.id}/assess").text
    assert "Changed since version 1: witness." in " ".join(page.split())


def test_a_witness_can_be_removed_from_a_draft(alice: FlaskClient, testimony: Evidence) -> None:
    save(alice, testimony, **WITNESS)
    save(alice, testimony, **dict.fromkeys(WITNESS, ""))
    db.session.rollback()
    assert (witness(testimony), testimony.witness_name) == ("", None)


def test_each_field_is_bounded(alice: FlaskClient, testimony: Evidence) -> None:
    assert save(alice, testimony, witness_name="x" * 201) == 422
    db.session.rollback()
    assert testimony.witness_name is None


def test_older_versions_keep_their_hash() -> None:
    assert compute_content_hash({"title": "Call", **dict.fromkeys(WITNESS)}, []) == compute_content_hash(
        {"title": "Call"}, []
    )


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (("Dana Shaw", "team manager", None), "Dana Shaw, team manager"),
        (("Dana Shaw", None, "expert"), "Dana Shaw (expert)"),
        ((None, None, None), ""),
    ],
)
def test_a_witness_is_one_line(parts: tuple[str | None, str | None, str | None], words: str) -> None:
    assert witness(SimpleNamespace(**dict(zip(WITNESS, parts, strict=True)))) == words
