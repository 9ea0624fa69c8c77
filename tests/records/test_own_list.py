"""How the candidate's own list of evidence shows records of assessment: which version, its standing and its files."""

import pytest

from tests import factories
from tests.factories import World
from tests.records.observations import agree, begin, decide, finish, object_to, observe, withdraw
from tests.records.test_files import attach
from tests.records.test_pages import Browser
from tests.records.test_readers import write_again
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Evidence
from tracker.portfolio.queries.evidence_list import list_own_evidence
from tracker.portfolio.queries.index import IndexLine
from tracker.records.services.drafts import save_observation
from tracker.vocabulary import RecordStanding
from tracker.web.lists import ListQuery


def list_own(world: World) -> list[IndexLine]:
    return list(list_own_evidence(world.alice.id, world.northgate.id, ListQuery(sort="number")).rows)


def get_line(world: World, record: Evidence) -> IndexLine:
    return next(line for line in list_own(world) if line.evidence_id == record.id)


@pytest.mark.parametrize("objects", [False, True])
def test_a_withdrawn_record_is_shown_as_withdrawn(world: World, client: Browser, objects: bool) -> None:
    record = observe(world.cfacc15, world.bob)
    if objects:
        object_to(record)
    withdraw(record)
    line = get_line(world, record)
    assert (line.ref, line.standing, line.states) == ("1", RecordStanding.WITHDRAWN, "")
    page = client(world.alice).get("/evidence").text
    assert "withdrawn by its author" in page
    assert "not yet agreed" not in page
    assert "withdrawn by its author" in client(world.alice).get("/evidence?format=csv").text


def test_the_version_that_counts_is_shown_while_a_later_one_is_withdrawn(world: World) -> None:
    record = observe(world.cfacc15, world.bob)
    agree(record)
    write_again(record, "She said why. [10:11 g]")
    line = get_line(world, record)
    assert (line.ref, line.standing) == ("1 v2", RecordStanding.WAITING)
    withdraw(record)
    line = get_line(world, record)
    assert (line.ref, line.standing) == ("1", RecordStanding.AGREED)


def test_the_newest_version_is_shown_where_none_is_in_use(world: World) -> None:
    record = observe(world.cfacc15, world.bob)
    write_again(record, "She said why. [10:11 g]")
    object_to(record)
    decide(record, world.carol, is_upheld=True)
    line = get_line(world, record)
    assert (line.ref, line.standing) == ("1 v2", RecordStanding.UPHELD)


def test_files_of_the_authors_draft_are_not_counted(world: World) -> None:
    record = begin(world.cfacc15, world.bob)
    attach(record, "desk.jpg")
    finish(record)
    attach(record, "screen.jpg")
    assert get_line(world, record).location == "1 file"


def test_the_words_of_an_authors_draft_are_not_searched_or_sorted_by(world: World) -> None:
    record = observe(world.cfacc15, world.bob)
    with transaction():
        save_observation(record, {"place": "Manchester"}, None)
        db.session.get_one(Evidence, record.id).title = "Observation: Manchester"
        factories.make_evidence(world.cfacc15, "My own draft of May")

    def search(words: str, sort: str = "title") -> list[str]:
        query = ListQuery(sort=sort, words=words)
        return [line.title for line in list_own_evidence(world.alice.id, world.northgate.id, query).rows]

    assert search("manchester") == []
    assert search("leeds") == ["Observation: Leeds, floor 2"]
    assert search("own draft") == ["My own draft of May"]
    assert search("") == ["My own draft of May", "Observation: Leeds, floor 2"]
