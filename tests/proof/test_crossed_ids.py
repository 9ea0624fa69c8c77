"""Another's number in the address, in the body, on page 2 or behind a PDF: nothing is shown, nothing is written.

Next to Alice's things at Northgate stand the same things of Ana, a candidate of the same centre whom Bart assesses, and
of Frank at Southbank. Every word of theirs that a page could show is a canary.
"""

import io
import random
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import combinations, product
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pypdf import PdfReader
from sqlalchemy import Table, select
from werkzeug.test import TestResponse

from tests import factories
from tests.factories import World
from tests.proof.proof_size import choose_size, record_figures
from tests.sample_objects import Staff, make_candidate_objects, make_sample_objects
from tests.web.test_routes import NEVER_COUNTED, count_rows_and_events, list_methods
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Base, Criterion, Person
from tracker.vocabulary import Role

Browser = Callable[[Person], FlaskClient]
Rows = dict[str, dict[int, dict[str, Any]]]
"""Every row of every table, by its number."""

OWN = {
    "attempt_id", "evidence_id", "attachment_id", "registration_id", "centre_id", "person_id", "grant_id", "visit_id",
    "action_point_id", "assessment_id", "move_id", "draft_id", "attached_id", "run_id", "factor_id",
}  # fmt: skip
"""The numbers in addresses that belong to somebody."""
CANARIES = {"ana": "Quagmire", "frank": "Zanzibar"}
REFUSED = {302, 303, 400, 403, 404, 405, 409, 413, 422}


@dataclass
class Neighbours:
    """Three candidates with the same things each, and who has to do with Alice's."""

    world: World
    ids: dict[str, dict[str, Any]] = field(default_factory=dict)
    theirs: dict[str, Rows] = field(default_factory=dict)

    @property
    def actors(self) -> dict[str, Person]:
        world = self.world
        return {"alice": world.alice, "bob": world.bob, "carol": world.carol, "dan": world.dan, "eve": world.eve}

    def list_outsiders(self, actor: str) -> list[str]:
        """Whose things this person must not reach: an administrator has to do with everybody at the centre."""
        return ["frank"] if actor == "dan" else ["ana", "frank"]


@pytest.fixture
def neighbours(app: Flask, world: World) -> Neighbours:
    made = Neighbours(world)
    with transaction():
        bart = factories.make_person("Bart Unallocated", world.northgate, Role.ASSESSOR)
        carla = factories.make_person("Carla Unallocated", world.northgate, Role.INTERNAL_VERIFIER)
        eric = factories.make_person("Eric Outside", world.northgate, Role.EXTERNAL_VERIFIER)
        sue = factories.make_person("Sue Verifier", world.southbank, Role.INTERNAL_VERIFIER)
        seth = factories.make_person("Seth Visitor", world.southbank, Role.EXTERNAL_VERIFIER)
        made.ids["alice"] = make_sample_objects(
            world.cfacc15,
            Staff(world.bob, world.carol, world.dan, world.eve),
            factories.make_person("Ivy Invited", world.northgate, Role.CANDIDATE),
        )
        before = all_rows()
        ana = factories.make_person(f"Ana {CANARIES['ana']}", world.northgate, Role.CANDIDATE)
        hers = factories.make_attempt(factories.make_registration(ana, world.northgate, world.dan), "CFACC15")
        factories.allocate(hers, bart, Role.ASSESSOR, world.dan)
        factories.allocate(hers, carla, Role.INTERNAL_VERIFIER, world.dan)
        things = make_candidate_objects(hers, Staff(bart, carla, world.dan, eric), f"About {CANARIES['ana']}")
        made.ids["ana"], made.theirs["ana"] = made.ids["alice"] | things, new_rows(before)
        before = all_rows()
        world.frank.name = f"Frank {CANARIES['frank']}"
        db.session.flush()
        invited = factories.make_person("Ivor Zanzibar", world.southbank, Role.CANDIDATE)
        staff = Staff(world.grace, sue, world.heidi, seth)
        made.ids["frank"] = make_sample_objects(world.franks_attempt, staff, invited, f"About {CANARIES['frank']}")
        made.theirs["frank"] = new_rows(before)
        # what was there before belongs to Frank too
        for thing in (world.franks_attempt, world.southbank, world.frank, world.grace, world.heidi):
            table = thing.__table__
            made.theirs["frank"][table.name][thing.id] = row_of(table, thing.id)  # type: ignore[attr-defined]  # every mapped selectable is a table
    return made


def all_rows() -> Rows:
    """What every table holds, but for sessions and slips."""
    db.session.flush()
    return {
        table.name: {row["id"]: dict(row) for row in db.session.execute(select(table)).mappings()}
        for table in Base.metadata.sorted_tables
        if table.name not in NEVER_COUNTED and "id" in table.c
    }


def new_rows(before: Rows) -> Rows:
    return {
        name: {number: row for number, row in rows.items() if number not in before.get(name, {})}
        for name, rows in all_rows().items()
    }


def row_of(table: Table, number: int) -> dict[str, Any]:
    return dict(db.session.execute(select(table).where(table.c.id == number)).mappings().one())


def addresses(app: Flask, ids: dict[str, Any]) -> Iterator[tuple[str, str, list[str]]]:
    """Every route that somebody's number leads to: endpoint, method and the arguments that name something of theirs."""
    for endpoint, methods in sorted(list_methods(app).items()):
        arguments = sorted({name for rule in app.url_map.iter_rules(endpoint) for name in rule.arguments} & OWN)
        if arguments:
            yield from ((endpoint, method, arguments) for method in sorted({method for method, _ in methods}))


def build(app: Flask, endpoint: str, method: str, ids: dict[str, Any]) -> str:
    names = {name for rule in app.url_map.iter_rules(endpoint) for name in rule.arguments}
    with app.test_request_context():
        return app.url_map.bind("localhost").build(endpoint, {name: ids[name] for name in names}, method)


def crossings(arguments: list[str]) -> list[tuple[str, ...]]:
    """Which of the numbers are another's: each alone, and together."""
    return [each for length in range(1, len(arguments) + 1) for each in combinations(arguments, length)]


def words_in(answer: TestResponse) -> str:
    """What an answer says, with the files of a ZIP and the pages of a PDF."""
    return "".join(words_of(answer.data))


def words_of(content: bytes) -> Iterator[str]:
    if content.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            for name in packed.namelist():
                yield name
                yield from words_of(packed.read(name))
    elif content.startswith(b"%PDF-"):
        yield from (page.extract_text() for page in PdfReader(io.BytesIO(content)).pages)
    else:
        yield content.decode(errors="replace")


def test_a_number_crossed_in_the_address_shows_and_writes_nothing(
    app: Flask, neighbours: Neighbours, client: Browser
) -> None:
    tried = list(crossed_addresses(app, neighbours))
    chosen = sample(tried, 150)
    browsers = {name: client(person) for name, person in neighbours.actors.items()}
    before = count_rows_and_events()
    for actor, owner, method, address in chosen:
        answer = browsers[actor].open(address, method=method)
        told = (actor, owner, method, address, answer.status_code)
        assert answer.status_code in {403, 404, 405, 409}, told
        assert CANARIES[owner] not in words_in(answer), told
        answer.close()
        assert count_rows_and_events() == before, told
    assert len(tried) >= 300
    record_figures(addresses=len(chosen), leaks=0, writes=0)


def sample(tried: list[Any], short: int) -> list[Any]:
    """All of them in the proof; else some, the same ones every time."""
    return random.Random(3).sample(tried, choose_size(short, len(tried)))  # noqa: S311 - no secret


def crossed_addresses(app: Flask, neighbours: Neighbours) -> Iterator[tuple[str, str, str, str]]:
    """Actor, owner, method and address; only where the actor reaches the own."""
    own = neighbours.ids["alice"]
    for actor in neighbours.actors:
        for (endpoint, method, arguments), owner in product(addresses(app, own), neighbours.list_outsiders(actor)):
            others = neighbours.ids[owner]
            for crossed in crossings([name for name in arguments if others[name] != own[name]]):
                ids = own | {name: others[name] for name in crossed}
                yield actor, owner, method, build(app, endpoint, method, ids)


FIELDS = (
    "attempt", "attempt_id", "attempts", "evidence", "criterion", "claim", "t", "cell", "shown", "also", "person",
    "assessor", "verifier", "internal_verifier", "countersigner", "candidate", "candidate_id", "registration",
    "centre", "grant", "unit", "units", "visit", "action_point", "assessment", "session", "attachment", "file", "decision",
    "requirement", "qualification", "guidance", "draft", "version", "number", "link", "on", "reason", "password",
)  # fmt: skip
"""The names under which forms send numbers, and some under which they might."""


def test_a_number_crossed_in_the_body_binds_nothing_to_it(
    app: Flask, neighbours: Neighbours, client: Browser
) -> None:
    """Every form of every person, filled with another's numbers: no row of theirs changes, and none of ours names one."""
    browsers = {name: client(person) for name, person in neighbours.actors.items()}
    tried = list(crossed_bodies(app, neighbours))
    chosen = sample(tried, 60)
    for actor, owner, address, body in chosen:
        before = all_rows()
        db.session.rollback()
        answer = browsers[actor].post(address, data=body)
        told = (actor, owner, address, body, answer.status_code)
        assert answer.status_code < 500, told
        assert CANARIES[owner] not in words_in(answer), told
        answer.close()
        db.session.rollback()
        assert not bound_to(neighbours.theirs[owner], before), told
    record_figures(bodies=len(chosen), leaks=0, writes=0)


def crossed_bodies(app: Flask, neighbours: Neighbours) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    own = neighbours.ids["alice"]
    for actor in neighbours.actors:
        for endpoint, methods in sorted(list_methods(app).items()):
            if ("POST", endpoint) not in methods or endpoint in {"accounts.sign_out", "accounts.follow_link"}:
                continue
            for owner in neighbours.list_outsiders(actor):
                for body in bodies_of(neighbours.ids[owner]):
                    yield actor, owner, build(app, endpoint, "POST", own), body


def bodies_of(ids: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One body for each kind of number, under every name, and one with each number under the names that fit it."""
    criterion = db.session.scalar(select(Criterion.id).where(Criterion.label == "5").limit(1))
    pair = f"{ids['attempt_id']}-{criterion}"
    cell = f"{ids['evidence_id']}-{criterion}"
    for kind in ("attempt_id", "evidence_id", "person_id", "registration_id", "grant_id", "centre_id"):
        yield {name: str(ids[kind]) for name in FIELDS} | {"password": factories.PASSWORD}
    yield {
        "attempt": str(ids["attempt_id"]), "evidence": str(ids["evidence_id"]), "criterion": str(criterion),
        "t": pair, "also": pair, "cell": cell, "shown": cell, "claim": cell, "on": "1",
        "person": str(ids["person_id"]), "attempts": str(ids["attempt_id"]), "grant": str(ids["grant_id"]),
        "password": factories.PASSWORD, "reason": "Because",
    }  # fmt: skip


def bound_to(theirs: Rows, before: Rows) -> list[str]:
    """What was done to somebody's rows since: theirs changed or gone, or others naming them anew."""
    faults = []
    for name, rows in all_rows().items():
        table = db.metadata.tables[name]
        faults += [f"{name} {number} is gone" for number in set(theirs[name]) - set(rows)]
        for number, row in rows.items():
            was = before[name].get(number)
            if row == was or name == "event":
                continue
            if number in theirs[name]:
                faults.append(f"{name} {number} changed")
            faults += [
                f"{name} {number} names {key.column.table.name} {row[column.name]}"
                for column in table.columns
                for key in column.foreign_keys
                if row[column.name] in theirs.get(key.column.table.name, {})
                and (was is None or was[column.name] != row[column.name])
            ]
    return faults


LISTS = (
    "/", "/account", "/units", "/guidance", "/qualifications", "/evidence", "/evidence/new", "/queue", "/candidates",
    "/verification", "/action-points", "/visit", "/people", "/registrations", "/integrity", "/evidence/index.pdf",
)  # fmt: skip


def test_no_list_page_or_print_names_what_is_another_centres(
    app: Flask, neighbours: Neighbours, client: Browser
) -> None:
    """Every page that each person may open, page 2 and each candidate asked for by number among them."""
    asked = 0
    own = neighbours.ids["alice"]
    for actor, person in neighbours.actors.items():
        browser = client(person)
        for address in list_addresses(app, own, neighbours):
            answer = browser.get(address)
            for owner in neighbours.list_outsiders(actor):
                # a verifier without an allocation still sees that a centre's unit exists; what is in it, never
                assert CANARIES[owner] not in words_in(answer), (actor, owner, address)
            assert answer.status_code == 200 or answer.status_code in REFUSED, (actor, address, answer.status_code)
            answer.close()
            asked += 1
    record_figures(pages=asked, leaks=0)


def list_addresses(app: Flask, own: dict[str, Any], neighbours: Neighbours) -> list[str]:
    pages = [build(app, endpoint, "GET", own) for endpoint, method, _ in addresses(app, own) if method == "GET"]
    theirs = neighbours.ids.values()
    asked = [f"/queue?candidate={ids['registration_id']}" for ids in theirs]
    asked += [f"/queue?candidate={row}" for each in neighbours.theirs.values() for row in each["person"]]
    searched = [f"{path}?q={word}" for path in ("/people", "/registrations", "/units") for word in ("Quag", "Zanz")]
    return [*LISTS, *(f"{path}?page=2" for path in LISTS), *pages, *asked, *searched]
