"""Professional discussions: written, stamped at times of recordings, finished, read, played, answered and printed."""

import io
import re
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests import factories
from tests.factories import World
from tests.records.discussions import begin_discussion, discuss
from tests.records.observations import agree, decide, finish, object_to, withdraw
from tests.records.recordings import make_wav
from tests.records.test_finish import list_claims
from tests.records.test_pages import Browser, reload_record
from tests.records.test_print import read_pdf
from tracker.clock import today
from tracker.errors import Invalid
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Evidence
from tracker.portfolio.recording_times import RecordingTime, read_areas, read_time, split_locator
from tracker.portfolio.services.files import store_file
from tracker.records.services.discussions import read_discussion, save_discussion
from tracker.records.services.files import attach_to_record, move_in_record, remove_from_record
from tracker.vocabulary import Method, RecordKind

SCRIPT = {"Accept": "application/json"}


def edit_address(record: Evidence) -> str:
    return f"/records/{record.id}/edit"


def post_form(browser: FlaskClient, record: Evidence, **fields: Any) -> Any:
    """Send the whole form as its page shows it, with changes."""
    content = read_discussion(record)
    shown = {
        **{name: getattr(content, name) for name in ("areas", "agreed_on", "stamped_times", "transcript", "place")},
        **{name: getattr(content, name) for name in ("starts", "ends")},
        "narrative": record.narrative,
        "happened_from": record.happened_from or "",
        "version": record.version,
    }
    return browser.post(edit_address(record), data={**shown, **fields})


class TestTimes:
    """Times as people type them, and as locators."""

    @pytest.mark.parametrize(
        ("typed", "expected"),
        [
            ("0:00", RecordingTime(1, 0)),
            ("12:31", RecordingTime(1, 751)),
            ("95:02", RecordingTime(1, 5702)),
            ("1:02:31", RecordingTime(1, 3751)),
            ("2/0:45", RecordingTime(2, 45)),
            ("12:60", None),
            ("12.31", None),
            ("0/1:00", None),
            ("١:٠٠", None),
        ],
    )
    def test_a_time_is_read_as_minutes_and_seconds(self, typed: str, expected: RecordingTime | None) -> None:
        assert read_time(typed) == expected

    def test_a_time_is_written_so_that_it_is_read_again(self) -> None:
        for at in (RecordingTime(1, 5), RecordingTime(1, 3751), RecordingTime(2, 45)):
            assert read_time(at.typed) == at
            assert split_locator(at.locator) == ((at.locator, at),)

    def test_the_times_of_a_locator_are_found(self) -> None:
        found = [at for _, at in split_locator("page 3, 12:31, recording 2 at 0:45, question 1")]
        assert found == [None, RecordingTime(1, 751), None, RecordingTime(2, 45), None]
        assert split_locator("2026:10:12:11") == (("2026:10:12:11", None),)

    def test_an_area_may_begin_with_its_time(self) -> None:
        areas = read_areas("Introductions\n\n1:35 Limits of authority\n12:60 and more")
        assert [(area.title, area.at) for area in areas] == [
            ("Introductions", None),
            ("Limits of authority", RecordingTime(1, 95)),
            ("12:60 and more", None),
        ]


def test_an_assessor_begins_a_discussion_on_the_page_of_a_unit(world: World, client: Browser) -> None:
    bob = client(world.bob)
    assert "Write a professional discussion" in bob.get(f"/attempts/{world.cfacc15.id}").text
    answer = bob.post(f"/attempts/{world.cfacc15.id}/records/discussion", data={"idempotency_key": "one"})
    page = bob.get(answer.location).text
    assert "Professional discussion with Alice Moran" in page
    assert "Areas agreed" in page
    assert "0</span> of 24 stamped" in page
    assert "Professional discussion with Alice Moran</a>" in bob.get("/queue").text


def test_the_candidate_sees_the_areas_once_they_were_agreed(world: World, client: Browser) -> None:
    record = begin_discussion(world.cfacc15, world.bob, agreed_on=None)
    alice, address = client(world.alice), f"/attempts/{world.cfacc15.id}"
    assert "Areas agreed" not in alice.get(address).text
    with transaction():
        save_discussion(record, {"agreed_on": today()}, None)
    page = alice.get(address).text
    assert "Areas agreed for a professional discussion" in page
    assert "<li>Limits of authority</li>" in page
    assert "When do you refer it?" not in page, "nothing else of a draft is shown"
    assert "Areas agreed" not in alice.get(f"/attempts/{world.inscc004.id}").text
    for person in (world.bob, world.carol, world.dan):
        assert "Areas agreed for" not in client(person).get(address).text
    finish(record)
    assert "Areas agreed for" not in alice.get(address).text, "the record has them now"


def test_only_the_page_that_records_may_ask_for_the_microphone(world: World, client: Browser) -> None:
    record, bob = begin_discussion(world.cfacc15, world.bob), client(world.bob)
    assert "microphone=(self)" in bob.get(edit_address(record)).headers["Permissions-Policy"]
    for address in (f"/records/{record.id}/finish", "/queue"):
        assert "microphone=()" in bob.get(address).headers["Permissions-Policy"]


def test_what_is_typed_is_saved_as_it_is_typed(world: World, client: Browser) -> None:
    record = begin_discussion(world.cfacc15, world.bob)
    data = {
        "version": record.version,
        "changed": ["areas", "agreed_on", "starts"],
        "areas": "Briefings",
        "agreed_on": "2026-10-01",
        "starts": "25:00",
    }
    answer = client(world.bob).post(f"/records/{record.id}/draft", data=data)
    assert answer.json
    assert list(answer.json["refused"]) == ["starts"]
    saved = read_discussion(reload_record(record.id))
    assert (saved.areas, saved.agreed_on, saved.starts) == ("Briefings", "2026-10-01", "10:00")


def test_without_a_script_a_criterion_is_stamped_at_a_typed_time(world: World, client: Browser) -> None:
    record = begin_discussion(world.cfacc15, world.bob, stamped_times="")
    criterion = factories.criterion(world.cfacc15, "5")
    bob, act = client(world.bob), f"stamp-{world.cfacc15.id}-{criterion.id}"
    answer = post_form(bob, record, act=act, stamp_at="0:01", place="York")
    assert answer.location.endswith(f"#stamp-{world.cfacc15.id}-{criterion.id}")
    saved = read_discussion(reload_record(record.id))
    assert (saved.stamped_times, saved.place) == ("0:01 5\n", "York")
    assert "1</span> of 24 stamped" in bob.get(edit_address(record)).text
    refused = post_form(bob, reload_record(record.id), act=act, stamp_at="soon", place="Hull")
    assert refused.status_code == 422
    assert "Enter the time of the recording, such as 12:31" in refused.text
    assert read_discussion(reload_record(record.id)).place == "Hull", "everything else is saved"


def test_finishing_claims_what_is_stamped_with_its_times(world: World) -> None:
    record = discuss(world.cfacc15, world.bob)
    assert list_claims(record) == {"5": "0:00", "g": "0:00, 0:01"}
    version = record.versions[0]
    assert (version.record_kind, version.method) == (
        RecordKind.PROFESSIONAL_DISCUSSION,
        Method.PROFESSIONAL_DISCUSSION,
    )
    assert version.title == "Professional discussion: Limits of authority"
    assert version.submission.declaration.startswith("I declare that I held this discussion")
    stamps = read_discussion(record).stamps
    assert [(each.recording, each.second, each.label) for each in stamps] == [(1, 0, "5"), (1, 0, "g"), (1, 1, "g")]


def test_a_stamp_of_the_second_recording_says_so(world: World) -> None:
    record = discuss(world.cfacc15, world.bob, "0:01 5\n2/0:01 5", recordings=2)
    assert list_claims(record) == {"5": "0:01, recording 2 at 0:01"}


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"areas": " \n"}, "Enter the areas that you agreed beforehand."),
        ({"agreed_on": None}, "Enter the day on which you agreed the areas."),
        ({"agreed_on": today() + timedelta(days=1)}, "The areas were agreed after the discussion. Change one day."),
        ({"place": ""}, "Enter the place or medium."),
        ({"ends": "09:00"}, "The end is before the start. Change one of them."),
        ({"narrative": ""}, "Write a summary."),
        ({"stamped_times": ""}, "Stamp at least one criterion."),
        ({"stamped_times": "0:01 99"}, "Correct or remove what names no criterion that you can stamp: “0:01 99”."),
        ({"stamped_times": "soon 5"}, "Correct these lines: “soon 5”."),
        ({"stamped_times": "2/0:01 5"}, "A time names a recording that is not there. Correct it."),
        ({"areas": "2/0:01 Briefings"}, "A time names a recording that is not there. Correct it."),
    ],
)
def test_what_is_missing_is_said_before_finishing(
    world: World, client: Browser, fields: dict[str, Any], sentence: str
) -> None:
    record = begin_discussion(world.cfacc15, world.bob, **fields)
    page = client(world.bob).get(f"/records/{record.id}/finish").text
    assert sentence in page
    with pytest.raises(Invalid):
        finish(record)


def test_a_discussion_needs_a_recording(world: World, client: Browser) -> None:
    record = begin_discussion(world.cfacc15, world.bob, recordings=0)
    assert "Add a recording." in client(world.bob).get(f"/records/{record.id}/finish").text
    note = store_file(io.BytesIO(b"Alice said that she would ring back."), "note.txt")
    with pytest.raises(Invalid, match="is no recording and was not added"), transaction():
        attach_to_record(record, note)


def test_a_recording_that_times_name_is_not_removed(world: World) -> None:
    record = begin_discussion(world.cfacc15, world.bob, "2/0:01 5", recordings=2, areas="Limits")
    first, second = record.attachments
    for recording in (first, second):
        with pytest.raises(Invalid, match="Times name this recording or a later one"), transaction():
            remove_from_record(record, recording)
    with pytest.raises(Invalid, match="Times name this recording"), transaction():
        move_in_record(record, second, is_up=True)
    with transaction():
        save_discussion(record, {"stamped_times": "1:00 5"}, None)
        remove_from_record(record, second)
    assert [each.id for each in record.attachments] == [first.id]


def test_the_candidate_reads_plays_and_agrees(world: World, client: Browser) -> None:
    record = begin_discussion(world.cfacc15, world.bob)
    alice = client(world.alice)
    assert alice.get(f"/records/{record.id}").status_code == 404, "a draft is its author's"
    finish(record)
    recording = record.attachments[0]
    page = alice.get(f"/records/{record.id}").text
    assert "Bob Archer held this discussion with you and wrote this record" in page
    assert "Limits of authority" in page
    assert "Above £50." in page
    address = f"/records/{record.id}/files/{recording.id}?show=1"
    assert f'<audio controls preload="none" src="{address}"' in " ".join(page.split())
    assert f'href="{address}#t=1" data-play="1" data-play-recording="1"' in page, "without a script the link plays"
    part = alice.get(address, headers={"Range": "bytes=0-9"}, buffered=True)
    assert (part.status_code, part.mimetype, part.data) == (206, "audio/wav", make_wav(2_000)[:10])
    answer = alice.post(f"/records/{record.id}/acknowledge", data={"answer": "agreed", "version": "1"})
    assert answer.status_code == 303
    assert "Agreed by Alice" in alice.get(f"/records/{record.id}").text


def test_an_objection_is_decided_as_with_an_observation(world: World) -> None:
    record = discuss(world.cfacc15, world.bob)
    object_to(record, "The recording was cut.")
    decide(record, world.carol, is_upheld=True)
    db.session.rollback()
    assert list_claims(record) == {}


def test_a_withdrawn_version_gives_its_claims_back_to_the_one_before(world: World) -> None:
    record = discuss(world.cfacc15, world.bob)
    agree(record)
    with transaction():
        save_discussion(record, {"stamped_times": "0:01 6"}, None)
    finish(record)
    assert list_claims(record) == {"6": "0:01"}
    withdraw(record)
    assert list_claims(record) == {"5": "0:00", "g": "0:00, 0:01"}


def test_assessing_a_claim_plays_from_its_stamp(world: World, client: Browser) -> None:
    record = discuss(world.cfacc15, world.bob)
    agree(record)
    page = client(world.bob).get(f"/attempts/{world.cfacc15.id}/evidence/{record.id}/assess").text
    recording = record.attachments[0]
    address = f"/attempts/{world.cfacc15.id}/evidence/{record.id}/files/{recording.id}?show=1#t=1"
    assert re.search(rf'Listen at: .*href="{re.escape(address)}" data-play="1"', page)
    assert "js/player" in page


def test_the_times_of_an_observation_are_no_times_of_a_recording(world: World, client: Browser) -> None:
    record = factories.make_record(world.cfacc15, world.bob, "Seen at 10:09")
    assert "data-play=" not in client(world.bob).get(f"/records/{record.id}").text


def test_a_discussion_is_printed_filled_and_blank(world: World, client: Browser) -> None:
    record = discuss(world.cfacc15, world.bob)
    text = read_pdf(client(world.alice), f"/records/{record.id}/record.pdf")
    for words in (
        "Professional Discussion Record", "Areas agreed beforehand", "Limits of authority", "Place or medium Video call",
        "Criteria by time", "0:01 g", "discussion-1.wav", "Above £50.", "Not yet answered", "I declare that I held",
    ):  # fmt: skip
        assert words in text, words
    blank = read_pdf(client(world.bob), f"/attempts/{world.cfacc15.id}/records/discussion.pdf")
    assert "Areas agreed beforehand" in blank
    assert "Times in the recording" in blank
    assert "Candidate’s signature" in blank


def test_the_page_of_a_discussion_takes_few_statements(world: World, client: Browser, count_statements: Any) -> None:
    record = begin_discussion(world.cfacc15, world.bob)
    bob = client(world.bob)
    bob.get(edit_address(record))
    with count_statements() as statements:
        assert bob.get(edit_address(record)).status_code == 200
    assert len(statements) <= 12
