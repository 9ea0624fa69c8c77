"""From a reading to a published version: no lost changes, and published versions never change."""

import json

import pytest
from sqlalchemy import select

from tests import factories
from tests.factories import World
from tests.library.centre_units import publish_centre_unit, read_unit
from tests.library.drafts import make_draft, make_read_document
from tests.units.drafting.copies import key_of
from tracker.errors import Conflict, Invalid, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor
from tracker.ledger.transactions import transaction
from tracker.library.queries.units import find_unit, find_unit_by_code, list_newest_units
from tracker.library.services import publishing
from tracker.models import Criterion, Event, EvidenceRequirement, Unit, UnitCode, UnitDraft
from tracker.units.drafting.criteria import change_criterion
from tracker.units.drafting.units import change_unit
from tracker.vocabulary import DraftState

BOTH = {0, 1}
"""The doubts of the drafts."""


@pytest.fixture
def draft(world: World) -> UnitDraft:
    with transaction():
        return make_draft(world.northgate, world.dan)


@pytest.fixture
def dan(world: World) -> Actor:
    return factories.make_actor(world.dan)


def publish(draft: UnitDraft, actor: Actor) -> Unit:
    with transaction():
        return publishing.publish_unit(draft, draft.version, BOTH, actor)


def retitle(draft: UnitDraft, title: str) -> None:
    with transaction():
        publishing.change_draft(draft, draft.version, lambda copy: change_unit(copy, {"title": title}))


def last_event() -> dict[str, object]:
    body = db.session.scalars(select(Event.body).order_by(Event.seq.desc())).first()
    return json.loads(body or b"{}")


def test_reading_is_stored_with_its_source(draft: UnitDraft, world: World, recorded_acts: object) -> None:
    assert (draft.state, draft.title, draft.source_name) == (
        DraftState.BEING_CHECKED,
        "Answer difficult calls",
        "calls.pdf",
    )
    assert draft.source_lines[9]["text"] == "find out what was promised last time"
    assert recorded_acts() == ["unit_document_read"]
    assert last_event()["data"]["source"] == draft.source_sha256


def test_change_is_stored_and_the_reading_stays(draft: UnitDraft) -> None:
    reading = draft.reading
    retitle(draft, "Answer calls")
    assert (draft.title, draft.reading, draft.version) == ("Answer calls", reading, 2)


@pytest.mark.parametrize("sign", ["\x00", "\ud800"])
def test_unstorable_character_is_refused(draft: UnitDraft, sign: str) -> None:
    before = draft.title
    with pytest.raises(Invalid, match="contains characters that cannot be stored"):
        retitle(draft, f"Answer{sign} calls")
    assert draft.title == before


def test_second_of_two_editors_is_refused(draft: UnitDraft) -> None:
    version = draft.version
    retitle(draft, "First")
    with pytest.raises(Conflict, match="What you typed is kept below"), transaction():
        publishing.change_draft(draft, version, lambda copy: change_unit(copy, {"title": "Second"}))
    assert draft.title == "First"


def test_restart_discards_all_changes(draft: UnitDraft, dan: Actor) -> None:
    before = draft.document
    retitle(draft, "Otherwise")
    with transaction():
        publishing.share_draft(draft, draft.version, dan)
        publishing.restart_draft(draft, draft.version)
    assert draft.document == before
    assert draft.state is DraftState.BEING_CHECKED


def test_published_unit_belongs_to_the_centre(draft: UnitDraft, world: World, dan: Actor) -> None:
    unit = publish(draft, dan)
    assert (unit.owner_centre_id, unit.slug, unit.code) == (world.northgate.id, "local7", "LOCAL7")
    assert (draft.state, draft.unit_id) == (DraftState.PUBLISHED, unit.id)
    for model, count in ((Criterion, 7), (EvidenceRequirement, 1), (UnitCode, 3)):
        assert len(db.session.scalars(select(model).where(model.unit_id == unit.id)).all()) == count
    assert find_unit("local7", [world.northgate.id]) is unit
    assert find_unit("local7", [world.southbank.id]) is None
    assert find_unit_by_code("local 7") is None
    assert unit in list_newest_units([world.northgate.id])
    assert unit not in list_newest_units([world.southbank.id])


def test_event_names_content_and_source(draft: UnitDraft, dan: Actor) -> None:
    unit = publish(draft, dan)
    event = last_event()
    assert event["act"] == "unit_published"
    assert event["object"] == {"type": "unit", "id": unit.id}
    assert event["data"] == {
        "centre": draft.centre_id, "content": unit.content_hash, "source": draft.source_sha256, "draft": draft.id,
        "doubts_accepted": 2,
    }  # fmt: skip


def test_open_doubts_must_be_accepted_and_are_noted(draft: UnitDraft, dan: Actor) -> None:
    with pytest.raises(Invalid, match="Tick every point that you accept as read") as raised, transaction():
        publishing.publish_unit(draft, draft.version, {0}, dan)
    assert raised.value.field == "doubts"
    notes = json.loads(publish(draft, dan).document)["notes"]
    assert "Accepted as read. No version is printed. 1 is assumed." in notes


def test_provenance_names_source_and_day_of_checking(draft: UnitDraft, dan: Actor) -> None:
    source = json.loads(publish(draft, dan).document)["provenance"]["read"]
    assert source.startswith("Copied by hand. Checked and published on ")


def test_draft_is_published_once(draft: UnitDraft, dan: Actor) -> None:
    publish(draft, dan)
    for act in (
        lambda: publish(draft, dan),
        lambda: retitle(draft, "Too late"),
        lambda: publishing.discard_unit_draft(draft, dan),
        lambda: publishing.share_draft(draft, draft.version, dan),
    ):
        with pytest.raises(Refused, match="This unit is published"):
            act()


def test_existing_version_is_refused_at_its_field(draft: UnitDraft, world: World, dan: Actor) -> None:
    publish(draft, dan)
    with transaction():
        second = make_draft(world.northgate, world.dan)
    with pytest.raises(Invalid, match="LOCAL7 version 1, revision 1 is published already") as raised:
        publish(second, dan)
    assert raised.value.field == "version"


def test_taken_address_is_replaced(draft: UnitDraft, world: World, dan: Actor) -> None:
    publish(draft, dan)
    with transaction():
        other_draft = make_draft(world.southbank, world.heidi)
    assert publish(other_draft, factories.make_actor(world.heidi)).slug == "local7-1"


def test_draft_with_problems_is_not_published(world: World, dan: Actor) -> None:
    with transaction():
        draft = make_draft(world.northgate, world.dan, code="")
    for act in (
        lambda: publish(draft, dan),
        lambda: publishing.share_draft(draft, draft.version, dan),
    ):
        with pytest.raises(Invalid, match="The code is empty"):
            act()
    assert draft.state is DraftState.BEING_CHECKED


def test_discarded_draft_cannot_change(draft: UnitDraft, dan: Actor, recorded_acts: object) -> None:
    with transaction():
        publishing.discard_unit_draft(draft, dan)
    with pytest.raises(Refused, match="This unit is discarded"):
        retitle(draft, "Too late")
    assert recorded_acts() == ["unit_document_read", "unit_draft_discarded"]


# --- corrections and new editions ------------------------------------------------------------------------


def correct(unit: Unit, actor: Actor, *, new_edition: bool = False) -> UnitDraft:
    with transaction():
        return publishing.start_correction(unit, actor, new_edition=new_edition)


def test_correction_is_the_next_revision_with_the_same_source(draft: UnitDraft, dan: Actor) -> None:
    unit = publish(draft, dan)
    published = unit.document
    correction = correct(unit, dan)
    assert (correction.source_lines, correction.source_sha256) == (draft.source_lines, draft.source_sha256)
    working = publishing.load_working_copy(correction)
    assert (working.revision, working.places["r1"], working.warnings) == (2, [10], [])
    key = key_of(working, "thank")
    with transaction():
        publishing.change_draft(
            correction, correction.version, lambda copy: change_criterion(copy, key, {"text": "thank them"})
        )
    second = publish(correction, dan)
    assert (second.version, second.revision, second.slug) == ("1", 2, "local7-1-r2")
    assert unit.document == published
    assert [each.revision for each in list_newest_units([draft.centre_id]) if each.code == "LOCAL7"] == [2]


def test_new_edition_has_the_next_version_as_a_doubt(draft: UnitDraft, dan: Actor) -> None:
    edition = correct(publish(draft, dan), dan, new_edition=True)
    working = publishing.load_working_copy(edition)
    assert (working.version, working.revision, edition.source_lines) == ("2", 1, [])
    assert [each.settled for each in working.warnings] == [False]
    with transaction():
        assert publishing.publish_unit(edition, edition.version, {0}, dan).version == "2"


def test_unit_without_source_can_be_corrected(world: World, dan: Actor) -> None:
    correction = correct(publish_centre_unit(world.northgate, read_unit()), dan)
    assert correction.source_sha256 is None
    assert correction.source_lines == []
    assert publish_without_doubts(correction, dan).revision == 2


def publish_without_doubts(draft: UnitDraft, actor: Actor) -> Unit:
    with transaction():
        return publishing.publish_unit(draft, draft.version, (), actor)


def test_installation_unit_is_corrected_in_its_file(world: World, dan: Actor) -> None:
    with pytest.raises(Refused, match="comes from a file in standards/units"):
        correct(factories.unit("CFACC15"), dan)


def test_reading_stores_the_document(world: World) -> None:
    from tests.stored_files import stored_path

    assert stored_path(make_read_document(body=b"some bytes").sha256).read_bytes() == b"some bytes"
