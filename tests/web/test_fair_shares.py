"""Work that takes long runs one piece at a time for each person; beyond a few that wait, the person is told to."""

import io
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests import factories
from tests.factories import World
from tests.portfolio import files
from tests.portfolio.test_download import attach
from tracker.ledger.transactions import transaction
from tracker.models import Person
from tracker.sandbox import slots
from tracker.sandbox.slots import hold_file_lock, share_slots
from tracker.web import fair_shares
from tracker.web.fair_shares import EXPORTING, IMPORTING, OPENING, PRINTING, SEARCHING, UPLOADING, WorkKind

pytestmark = pytest.mark.one_database

WORK = {
    "job_runs.download_result": EXPORTING,
    "library.export_units": EXPORTING,
    "privacy.download_own_data": EXPORTING,
    "library.preview_import": IMPORTING,
    "registrations.import_csv": IMPORTING,
    "registrations.find_people": SEARCHING,
    **dict.fromkeys(
        (
            "portfolio.print_blank_sheet", "portfolio.print_evidence", "portfolio.print_feedback",
            "portfolio.print_index", "portfolio.print_own_evidence", "portfolio.print_own_feedback", "portfolio.print_own_index",
            "recording_forms.blank_form", "recording_forms.draft_form", "recording_forms.print_form",
            "records.print_blank", "records.print_blank_testimony", "records.print_record", "records.print_set",
            "staff.print_blank_record", "staff.print_staff_record",
            "witness_list.print_blank_witness_list", "witness_list.print_witness_list",
        ),
        PRINTING,
    ),
}  # fmt: skip
ClientFor = Callable[[Person], FlaskClient]
ROOT = Path(__file__).parents[2]
EXPORT = "/units?format=csv"
WAIT = "Nothing was changed. Wait until they are finished, then try again."


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of locks of this test's own, and no time to wait."""
    monkeypatch.setattr(slots, "_folder", None)
    monkeypatch.setattr(fair_shares, "TIMEOUT_SECONDS", 0)
    share_slots(tmp_path / "slots")
    return tmp_path / "slots"


@contextmanager
def working(kind: WorkKind, person: Person, *, waiting: int = 0) -> Iterator[None]:
    """Hold the turn of a person, with so many pieces of work that wait."""
    name, now = f"{kind.name}-{person.id}", time.monotonic()
    with ExitStack() as held:
        for _ in range(waiting + 1):
            held.enter_context(hold_file_lock(f"{name}-waiting", kind.max_waiting + 1, now))
        held.enter_context(hold_file_lock(name, 1, now))
        yield


def assert_told_to_wait(browser: FlaskClient, path: str, kind: WorkKind, **form: object) -> None:
    answer = browser.post(path, data=form) if form else browser.get(path)
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "10"
    assert f"{kind.sentence} {WAIT}" in answer.text


def test_a_second_export_of_a_person_waits_and_is_then_refused(world: World, client: ClientFor) -> None:
    alice = client(world.alice)
    with working(EXPORTING, world.alice):
        assert_told_to_wait(alice, EXPORT, EXPORTING)
        assert client(world.bob).get(EXPORT).status_code == 200, "another person's share is their own"
    assert alice.get(EXPORT).status_code == 200


def test_a_second_export_is_made_when_the_first_is_done(
    world: World, client: ClientFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fair_shares, "TIMEOUT_SECONDS", 30)
    turn = working(EXPORTING, world.alice)
    turn.__enter__()
    monkeypatch.setattr("time.sleep", lambda _seconds: turn.__exit__(None, None, None))
    assert client(world.alice).get(EXPORT).status_code == 200


def test_beyond_the_few_that_wait_an_export_is_refused_at_once(
    world: World, client: ClientFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fair_shares, "TIMEOUT_SECONDS", 3600)
    with working(EXPORTING, world.alice, waiting=EXPORTING.max_waiting):
        assert_told_to_wait(client(world.alice), EXPORT, EXPORTING)


def test_a_picture_is_made_in_turn_and_sent_without_a_turn_once_it_is_made(world: World, client: ClientFor) -> None:
    with transaction():
        evidence = factories.make_evidence(world.cfacc15, "Complaint")
    path = f"{attach(evidence, files.picture(), 'call.jpg')}?show=1"
    alice = client(world.alice)
    with working(OPENING, world.alice):
        assert_told_to_wait(alice, path, OPENING)
    assert alice.get(path).status_code == 200
    with working(OPENING, world.alice):
        assert alice.get(path).status_code == 200


def test_searches_and_exports_of_lists_run_in_turn(world: World, client: ClientFor) -> None:
    alice = client(world.alice)
    with working(SEARCHING, world.alice), working(EXPORTING, world.alice):
        assert_told_to_wait(alice, "/units?q=customer", SEARCHING)
        assert_told_to_wait(alice, "/units?format=csv", EXPORTING)
        assert alice.get("/units").status_code == 200


def test_forms_and_records_are_printed_in_turn(world: World, client: ClientFor) -> None:
    bob = client(world.bob)
    with working(PRINTING, world.bob):
        assert_told_to_wait(bob, f"/attempts/{world.cfacc15.id}/form.pdf", PRINTING)
        assert_told_to_wait(bob, f"/attempts/{world.cfacc15.id}/records/observation.pdf", PRINTING)
        assert bob.get(f"/attempts/{world.cfacc15.id}/form").status_code == 200


def test_imports_run_in_turn(world: World, client: ClientFor) -> None:
    dan = client(world.dan)
    with working(IMPORTING, world.dan):
        file = (io.BytesIO(b"code: X1"), "unit.yaml")
        assert_told_to_wait(dan, f"/centres/{world.northgate.id}/units/import", IMPORTING, file=file)
        assert_told_to_wait(dan, f"/centres/{world.northgate.id}/people/import", IMPORTING, text="name,email")


def test_each_view_of_work_that_takes_long_has_its_share(app: Flask) -> None:
    """Views that take their turn inside have tests of their own."""
    app.load_views()  # type: ignore[attr-defined]
    kinds = {
        endpoint: kind
        for endpoint, view in app.view_functions.items()
        if (kind := getattr(view, "work_kind", None)) is not None
    }
    assert kinds == WORK


def test_a_document_is_read_in_turn_and_pasted_text_is_kept(world: World, client: ClientFor) -> None:
    with working(IMPORTING, world.dan):
        answer = client(world.dan).post(f"/centres/{world.northgate.id}/units/add", data={"text": "Unit X1: Calls"})
    assert answer.status_code == 422
    assert f"{IMPORTING.sentence} {WAIT}" in answer.text
    assert "Unit X1: Calls" in answer.text


def test_people_are_searched_in_turn(world: World, client: ClientFor) -> None:
    with working(SEARCHING, world.dan):
        path = f"/centres/{world.northgate.id}/people/choices/assessor?q=bob"
        assert_told_to_wait(client(world.dan), path, SEARCHING)


def test_a_file_is_checked_in_turn(world: World, client: ClientFor) -> None:
    with transaction():
        evidence = factories.make_evidence(world.cfacc15, "Complaint")
    with working(UPLOADING, world.alice):
        file = (io.BytesIO(b"What was said."), "call.txt")
        assert_told_to_wait(client(world.alice), f"/evidence/{evidence.id}/files", UPLOADING, file=file)


def test_what_was_typed_is_saved_although_its_file_has_to_wait(world: World, client: ClientFor) -> None:
    alice = client(world.alice)
    with working(UPLOADING, world.alice):
        file = (io.BytesIO(b"What was said."), "call.txt")
        saved = alice.post("/evidence/new", data={"title": "Complaint", "files": file, "act": "draft"})
    assert saved.status_code == 303
    page = alice.get(saved.location).text
    assert "“call.txt” was not added: Files of yours are being checked already. Upload it again in a minute." in page
    assert "Complaint" in page


def test_a_turn_is_held_against_other_processes_and_free_when_they_are_killed(
    world: World, client: ClientFor, folder: Path
) -> None:
    name = f"{EXPORTING.name}-{world.alice.id}"
    script = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from pathlib import Path; "
        "from tracker.sandbox.slots import hold_file_lock, share_slots; "
        f"share_slots(Path({str(folder)!r})); held = hold_file_lock({name!r}, 1, 0); held.__enter__(); "
        "print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout
        assert other.stdout.readline() == b"held\n"
        assert_told_to_wait(client(world.alice), EXPORT, EXPORTING)
        other.kill()
    assert client(world.alice).get(EXPORT).status_code == 200
