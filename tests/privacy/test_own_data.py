"""Export of a person's own data: everything about them, and nothing about anybody else."""

import io
import json
import re
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests import factories
from tests.assessment import workflow
from tests.factories import PASSWORD, World
from tests.stored_files import stored_path
from tracker import clock
from tracker.accounts.services.names import change_name
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import ActionPoint, Assessment, Attachment, Decision, IssuedForm, Person
from tracker.portfolio.services.files import attach_file, store_file
from tracker.privacy.anonymisation import NameReplacer
from tracker.recording_forms.snapshot import take_snapshot
from tracker.storage import file_store
from tracker.storage.zip_names import make_safe_name
from tracker.verification.services.signing import sign_verification
from tracker.vocabulary import AssessmentState, Outcome

Browser = Callable[[Person], FlaskClient]


@pytest.fixture
def assessed_world(world: World) -> World:
    """The people, after Alice submitted evidence with a file and Bob returned it; Frank did the same at another centre."""
    with transaction():
        evidence = factories.make_evidence(world.cfacc15, "Complaint", narrative="ALICE-WROTE-THIS about my manager.")
        attach_file(evidence, store_file(io.BytesIO(b"the words of Alice"), "../../call notes.txt"))
        claims = factories.claim(world.cfacc15, evidence, "5")
        version = factories.submit(evidence)
        assessment = factories.accept(world.cfacc15, version, world.bob, {claims[0]: Outcome.MET})
        assessment.feedback = "Well done, Alice. See Bob Archer (bob.archer@example.org) about the rest. SAID-OF-HER"
        draft = Assessment(
            attempt_id=world.inscc004.id, evidence_version_id=version.id, assessor_id=world.bob.id,
            state=AssessmentState.DRAFT, feedback="NOT-YET-SAID", draft_decisions={}, started_at=factories.LONG_AGO, saved_at=factories.LONG_AGO,
        )  # fmt: skip
        action_point = ActionPoint(
            attempt_id=world.cfacc15.id, round=1, raised_by_id=world.carol.id, raised_at=factories.LONG_AGO,
            action="CAROL-ASKED-THIS of Bob", due_on=factories.LONG_AGO.date(),
        )  # fmt: skip
        franks = factories.make_evidence(world.franks_attempt, "FRANKS-TITLE", narrative="FRANKS-WORDS")
        attach_file(franks, store_file(io.BytesIO(b"FRANKS-FILE"), "FRANKS-NAME.txt"))
        factories.submit(franks)
        db.session.add_all([draft, action_point])
    return world


def take(browser: FlaskClient) -> zipfile.ZipFile:
    answer = browser.post("/account/data", data={"password": PASSWORD})
    assert answer.status_code == 200
    assert answer.mimetype == "application/zip"
    with answer:
        return zipfile.ZipFile(io.BytesIO(answer.data))


def load_data(archive: zipfile.ZipFile) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(archive.read("data.json"))
    return data


def everything(archive: zipfile.ZipFile) -> str:
    return "\n".join(
        [*archive.namelist(), *(archive.read(name).decode(errors="replace") for name in archive.namelist())]
    )


def test_account_page_links_to_the_data_export(world: World, client: Browser) -> None:
    assert "/account/data" in client(world.alice).get("/account").text
    assert "Download my data" in client(world.alice).get("/account/data").text


def test_candidate_gets_all_their_data(
    assessed_world: World, client: Browser, recorded_acts: Callable[[], list[str]]
) -> None:
    archive = take(client(assessed_world.alice))
    data = load_data(archive)
    assert data["account"]["email"] == "alice.moran@example.org"
    assert data["account"]["email_confirmed_at"].startswith("2026-09-01T")
    assert [each["role"] for each in data["roles"]] == ["Candidate"]
    portfolio = data["as_a_candidate"]
    assert portfolio["registrations"][0]["centre"] == "Northgate Skills"
    assert {each["unit"] for each in portfolio["units"]} == {"CFACC15", "INSCC004"}
    item = portfolio["evidence"][0]
    assert item["narrative"] == item["versions"][0]["narrative"] == "ALICE-WROTE-THIS about my manager."
    assert item["versions"][0]["declaration"] == "This is my own work."
    assert item["claims"][0]["decisions"][0] | {"decided_at": ""} == {
        "by": "your assessor", "outcome": "Met", "decided_at": "", "superseded_at": None, "comment": "",
    }  # fmt: skip
    assert "SAID-OF-HER" in portfolio["units"][0]["assessments"][0]["feedback"]
    place = item["files"][0]["in_this_zip"]
    assert archive.read(place) == b"the words of Alice"
    assert data["browsers"][0]["browser"] == "Chrome on Windows"
    assert re.search(r"about Alice Moran on \d+ \w+ \d{4}, \d\d:\d\d\.", archive.read("README.txt").decode())
    assert recorded_acts()[-1] == "data_exported"


def test_export_lists_the_persons_own_events_with_hashes(assessed_world: World, client: Browser) -> None:
    alice = client(assessed_world.alice)
    take(alice)
    acts = load_data(take(alice))["what_you_did"]
    assert [each["act"] for each in acts] == ["data_exported"]
    assert len(acts[0]["hash"]) == 64


def test_export_contains_nothing_about_other_people(assessed_world: World, client: Browser) -> None:
    text = everything(take(client(assessed_world.alice)))
    for canary in (
        "FRANKS",
        "Frank",
        "Osei",
        "Bob",
        "Archer",
        "Carol",
        "Hughes",
        "Dan",
        "Price",
        "CAROL-ASKED",
        "NOT-YET-SAID",
    ):
        assert canary not in text, canary
    assert text.count("@example.org") == text.count("alice.moran@example.org") == 1
    assert "your assessor" in text


def test_exports_hold_ones_own_earlier_name_and_no_earlier_name_of_others(
    assessed_world: World, client: Browser
) -> None:
    world = assessed_world
    with transaction():
        for person, name in ((world.alice, "Ada Moss"), (world.bob, "Rob Fletcher")):
            change_name(person, world.northgate, name, factories.make_actor(world.dan))
    own, assessors = take(client(world.alice)), take(client(world.bob))
    assert [each["name"] for each in load_data(own)["earlier_names"]] == ["Alice Moran"]
    for canary in ("Bob", "Archer", "Rob", "Fletcher"):
        assert canary not in everything(own), canary
    for canary in ("Alice", "Moran", "Ada", "Moss"):
        assert canary not in everything(assessors), canary


def test_assessors_export_names_no_candidate(assessed_world: World, client: Browser) -> None:
    archive = take(client(assessed_world.bob))
    work = load_data(archive)["as_staff"]
    assert {each["unit"] for each in work["allocations"]} == {"CFACC15", "INSCC004"}
    assert "SAID-OF-HER" in work["assessments"][0]["feedback"]
    assert work["assessments"][0]["feedback"].startswith("Well done, the candidate.")
    assert work["assessments"][1]["feedback"] == "NOT-YET-SAID", "he wrote it"
    assert [each["outcome"] for each in work["decisions"]] == ["Met"]
    text = everything(archive)
    for canary in ("Alice", "Moran", "ALICE-WROTE", "the words of Alice", "FRANKS", "CAROL-ASKED"):
        assert canary not in text, canary


def test_verifiers_export_contains_their_action_points(assessed_world: World, client: Browser) -> None:
    assert load_data(take(client(assessed_world.carol)))["as_staff"]["action_points_raised"][0]["action"].startswith(
        "CAROL-ASKED-THIS"
    )


@pytest.mark.parametrize("name", ["dan", "eve", "frank", "heidi"])
def test_export_of_others_contains_nothing_of_the_candidate(
    assessed_world: World, client: Browser, name: str
) -> None:
    text = everything(take(client(getattr(assessed_world, name))))
    assert "ALICE-WROTE" not in text
    assert "Moran" not in text


def test_export_contains_issued_forms(assessed_world: World, client: Browser) -> None:
    with transaction():
        stored_file = file_store.save(io.BytesIO(b"%PDF sealed"))
        db.session.add(
            IssuedForm(
                number="f" * 32,
                attempt_id=assessed_world.cfacc15.id,
                round=1,
                issued_at=factories.LONG_AGO,
                issued_by_id=assessed_world.dan.id,
                sha256=stored_file.sha256,
                size=stored_file.size,
                snapshot_hash="0" * 64,
                ledger_size=0,
                ledger_head="0" * 64,
                key="k",
            )
        )
    archive = take(client(assessed_world.alice))
    place = next(name for name in archive.namelist() if name.startswith("forms/cfacc15-round-1-"))
    assert archive.read(place) == b"%PDF sealed"
    assert not any(name.startswith("forms/") for name in take(client(assessed_world.bob)).namelist())


def test_missing_file_is_reported_in_the_export(assessed_world: World, client: Browser) -> None:
    attachment = db.session.query(Attachment).filter_by(name="call notes.txt").one()
    stored_path(attachment.sha256).unlink()
    archive = take(client(assessed_world.alice))
    assert load_data(archive)["as_a_candidate"]["evidence"][0]["files"][0]["in_this_zip"] is None
    assert "Missing files: 1." in archive.read("README.txt").decode()


@pytest.mark.parametrize("password", ["", "wrong horse battery"])
def test_export_needs_the_password(
    assessed_world: World, client: Browser, recorded_acts: Callable[[], list[str]], password: str
) -> None:
    answer = client(assessed_world.alice).post("/account/data", data={"password": password})
    assert answer.status_code == 422
    assert answer.mimetype == "text/html"
    assert "data_exported" not in recorded_acts()


def test_export_needs_sign_in(world: World, anonymous: FlaskClient) -> None:
    assert anonymous.get("/account/data").status_code == 302
    assert anonymous.post("/account/data", data={"password": PASSWORD}).status_code == 302


def test_export_lists_portfolio_accesses_by_role(assessed_world: World, client: Browser) -> None:
    client(assessed_world.bob).get(f"/attempts/{assessed_world.cfacc15.id}")
    opened = load_data(take(client(assessed_world.alice)))["as_a_candidate"]["access_log"]
    assert [(each["by"], each["part"]) for each in opened] == [("your assessor", "Units and forms")]


def test_export_contains_signatures(world: World, client: Browser) -> None:
    workflow.sign(world, world.cfacc15, "A steady record, says Bob.")
    workflow.confirm(world.cfacc15)
    unit = load_data(take(client(world.alice)))["as_a_candidate"]["units"][0]
    assert [each["by"] for each in unit["signatures"]] == ["your assessor", "you"]
    assert unit["signatures"][0]["comment"] == "A steady record, says your assessor."
    assert load_data(take(client(world.bob)))["as_staff"]["signatures"][0]["comment"] == "A steady record, says Bob."


def test_export_contains_the_reason_for_releasing_without_sampling(world: World, client: Browser) -> None:
    workflow.sign(world, world.cfacc15)
    workflow.confirm(world.cfacc15)
    with transaction():
        snapshot_hash, carol = take_snapshot(world.cfacc15).hash, factories.make_actor(world.carol)
        reason = "I sampled two other units of Bob Archer."
        sign_verification(world.cfacc15, snapshot_hash, carol, clock.now(), unsampled_reason=reason)
    unit = load_data(take(client(world.alice)))["as_a_candidate"]["units"][0]
    reasons = [each["unsampled_reason"] for each in unit["signatures"]]
    assert reasons == [None, None, "I sampled two other units of your assessor."]


def test_export_takes_few_statements_however_many_items(
    assessed_world: World, client: Browser, count_statements: Callable[..., Any]
) -> None:
    alice = client(assessed_world.alice)
    counts = []
    for _ in range(2):
        with count_statements() as statements:
            take(alice)
        counts.append(len(statements))
        for number in range(8):
            evidence, version, claims = workflow.submit_item(assessed_world.cfacc15, f"Item {number}", "1", "2")
            with transaction():
                factories.accept(
                    assessed_world.cfacc15, version, assessed_world.bob, dict.fromkeys(claims, Outcome.MET)
                )
            assert evidence.number
    assert counts[1] <= counts[0]
    assert db.session.query(Decision).count() > 10


class TestNames:
    def test_name_is_replaced_by_the_role(self) -> None:
        names = NameReplacer({("Bob Archer", "bob@example.org"): "your assessor"})
        assert (
            names.replace_names("Ask Bob, BOB ARCHER or bob@example.org")
            == "Ask your assessor, your assessor or your assessor"
        )

    def test_word_that_contains_a_name_is_not_replaced(self) -> None:
        assert (
            NameReplacer({("Dan Li", ""): "them"}).replace_names("Dangerous, Danish; Li ate a lime")
            == "Dangerous, Danish; Li ate a lime"
        )

    def test_text_without_names_is_unchanged(self) -> None:
        assert NameReplacer({}).replace_names("Nobody") == "Nobody"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("../../etc/passwd", "-..-etc-passwd"),
        ("", "file"),
        ("a\\b:c.txt", "a-b-c.txt"),
        ("x" * 300 + ".pdf", "x" * 96 + ".pdf"),
    ],
)
def test_file_name_cannot_lead_out_of_the_zip(name: str, expected: str) -> None:
    assert make_safe_name(name) == expected
