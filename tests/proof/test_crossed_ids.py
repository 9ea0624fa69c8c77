"""Ids of other people's objects in addresses, bodies, pages of lists and PDFs: nothing is shown, nothing is written.

Beside Alice's objects at Northgate there are the same objects of Ana, a candidate of the same centre whom Bart assesses,
and of Frank at Southbank. Every word of theirs that a page could show is a canary.
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

pytestmark = pytest.mark.one_database

Browser = Callable[[Person], FlaskClient]
Rows = dict[str, dict[int, dict[str, Any]]]
"""Every row of every table, by its id."""

OWN = {
    "attempt_id", "evidence_id", "attachment_id", "registration_id", "centre_id", "person_id", "grant_id", "visit_id",
    "action_point_id", "assessment_id", "move_id", "draft_id", "attached_id", "run_id", "factor_id",
    "job_run_id", "record_id", "photo_id", "countersignature_id", "question_id", "staff_id", "award_id", "competence_id", "cpd_id", "interest_id",
    "listed_witness_id", "set_id", "remark_id", "testimony_id", "discussion_id", "upload_id", "evidence_rule_id",
}  # fmt: skip
"""The arguments of addresses that are ids of a person's objects."""
CANARIES = {"ana": "Quagmire", "frank": "Zanzibar"}
REFUSED = {302, 303, 400, 403, 404, 405, 409, 413, 422}


@dataclass
class Neighbours:
    """Three candidates with the same objects each, and the people who may read Alice's."""

    world: World
    ids: dict[str, dict[str, Any]] = field(default_factory=dict)
    foreign_rows: dict[str, Rows] = field(default_factory=dict)

    @property
    def actors(self) -> dict[str, Person]:
        world = self.world
        return {"alice": world.alice, "bob": world.bob, "carol": world.carol, "dan": world.dan, "eve": world.eve}

    def list_outsiders(self, actor: str) -> list[str]:
        """Return the candidates whose objects this person must not reach; an administrator may reach all of the centre."""
        return ["frank"] if actor == "dan" else ["ana", "frank"]


@pytest.fixture
def neighbours(app: Flask, world: World) -> Neighbours:
    neighbours_of_alice = Neighbours(world)
    with transaction():
        bart = factories.make_person("Bart Unallocated", world.northgate, Role.ASSESSOR)
        carla = factories.make_person("Carla Unallocated", world.northgate, Role.INTERNAL_VERIFIER)
        eric = factories.make_person("Eric Outside", world.northgate, Role.EXTERNAL_VERIFIER)
        sue = factories.make_person("Sue Verifier", world.southbank, Role.INTERNAL_VERIFIER)
        seth = factories.make_person("Seth Visitor", world.southbank, Role.EXTERNAL_VERIFIER)
        neighbours_of_alice.ids["alice"] = make_sample_objects(
            world.cfacc15,
            Staff(world.bob, world.carol, world.dan, world.eve),
            factories.make_person("Ivy Invited", world.northgate, Role.CANDIDATE),
        )
        before = load_rows()
        ana = factories.make_person(f"Ana {CANARIES['ana']}", world.northgate, Role.CANDIDATE)
        attempt = factories.make_attempt(factories.make_registration(ana, world.northgate, world.dan), "CFACC15")
        factories.allocate(attempt, bart, Role.ASSESSOR, world.dan)
        factories.allocate(attempt, carla, Role.INTERNAL_VERIFIER, world.dan)
        objects = make_candidate_objects(attempt, Staff(bart, carla, world.dan, eric), f"About {CANARIES['ana']}")
        neighbours_of_alice.ids["ana"], neighbours_of_alice.foreign_rows["ana"] = (
            neighbours_of_alice.ids["alice"] | objects,
            find_new_rows(before),
        )
        before = load_rows()
        world.frank.name = f"Frank {CANARIES['frank']}"
        db.session.flush()
        invited = factories.make_person("Ivor Zanzibar", world.southbank, Role.CANDIDATE)
        staff = Staff(world.grace, sue, world.heidi, seth)
        neighbours_of_alice.ids["frank"] = make_sample_objects(
            world.franks_attempt, staff, invited, f"About {CANARIES['frank']}"
        )
        neighbours_of_alice.foreign_rows["frank"] = find_new_rows(before)
        # rows made before belong to Frank too
        for row in (world.franks_attempt, world.southbank, world.frank, world.grace, world.heidi):
            table = row.__table__
            neighbours_of_alice.foreign_rows["frank"][table.name][row.id] = load_row(table, row.id)  # type: ignore[attr-defined]  # every mapped selectable is a table
    return neighbours_of_alice


def load_rows() -> Rows:
    """Return the rows of every table, except those of sessions and failed sign-ins."""
    db.session.flush()
    return {
        table.name: {row["id"]: dict(row) for row in db.session.execute(select(table)).mappings()}
        for table in Base.metadata.sorted_tables
        if table.name not in NEVER_COUNTED and "id" in table.c
    }


def find_new_rows(before: Rows) -> Rows:
    return {
        name: {number: row for number, row in rows.items() if number not in before.get(name, {})}
        for name, rows in load_rows().items()
    }


def load_row(table: Table, number: int) -> dict[str, Any]:
    return dict(db.session.execute(select(table).where(table.c.id == number)).mappings().one())


def list_routes(app: Flask, ids: dict[str, Any]) -> Iterator[tuple[str, str, list[str]]]:
    """Yield each route to a person's objects: endpoint, method and the arguments that are ids of them."""
    for endpoint, methods in sorted(list_methods(app).items()):
        arguments = sorted({name for rule in app.url_map.iter_rules(endpoint) for name in rule.arguments} & OWN)
        if arguments:
            yield from ((endpoint, method, arguments) for method in sorted({method for method, _ in methods}))


def build(app: Flask, endpoint: str, method: str, ids: dict[str, Any]) -> str:
    names = {name for rule in app.url_map.iter_rules(endpoint) for name in rule.arguments}
    with app.test_request_context():
        return app.url_map.bind("localhost").build(endpoint, {name: ids[name] for name in names}, method)


def crossings(arguments: list[str]) -> list[tuple[str, ...]]:
    """Return every combination of arguments to replace by another person's."""
    return [each for length in range(1, len(arguments) + 1) for each in combinations(arguments, length)]


def read_words(answer: TestResponse) -> str:
    """Return the text of a response, with the files of a ZIP and the pages of a PDF."""
    return "".join(read_words_of(answer.data))


def read_words_of(content: bytes) -> Iterator[str]:
    if content.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                yield name
                yield from read_words_of(archive.read(name))
    elif content.startswith(b"%PDF-"):
        yield from (page.extract_text() for page in PdfReader(io.BytesIO(content)).pages)
    else:
        yield content.decode(errors="replace")


def test_another_persons_id_in_the_address_shows_and_writes_nothing(
    app: Flask, neighbours: Neighbours, client: Browser
) -> None:
    all_cases = list(cross_addresses(app, neighbours))
    cases = sample(all_cases, 150)
    browsers = {name: client(person) for name, person in neighbours.actors.items()}
    before = count_rows_and_events()
    for actor, owner, method, address in cases:
        answer = browsers[actor].open(address, method=method)
        details = (actor, owner, method, address, answer.status_code)
        assert answer.status_code in {403, 404, 405, 409}, details
        assert CANARIES[owner] not in read_words(answer), details
        answer.close()
        assert count_rows_and_events() == before, details
    assert len(all_cases) >= 300
    record_figures(addresses=len(cases), leaks=0, writes=0)


def sample(cases: list[Any], short: int) -> list[Any]:
    """Return all cases in the proof, and otherwise some, always the same."""
    return random.Random(3).sample(cases, choose_size(short, len(cases)))  # noqa: S311 - no secret


def cross_addresses(app: Flask, neighbours: Neighbours) -> Iterator[tuple[str, str, str, str]]:
    """Yield actor, owner, method and address, for routes that the actor may use with Alice's ids."""
    own_ids = neighbours.ids["alice"]
    for actor in neighbours.actors:
        for (endpoint, method, arguments), owner in product(
            list_routes(app, own_ids), neighbours.list_outsiders(actor)
        ):
            other_ids = neighbours.ids[owner]
            for crossed in crossings([name for name in arguments if other_ids[name] != own_ids[name]]):
                ids = own_ids | {name: other_ids[name] for name in crossed}
                yield actor, owner, method, build(app, endpoint, method, ids)


FIELDS = (
    "attempt", "attempt_id", "attempts", "evidence", "criterion", "claim", "t", "cell", "shown", "also", "person",
    "assessor", "verifier", "internal_verifier", "countersigner", "candidate", "candidate_id", "registration",
    "centre", "grant", "unit", "units", "visit", "action_point", "assessment", "session", "attachment", "file", "decision",
    "requirement", "qualification", "guidance", "draft", "version", "number", "link", "on", "reason", "password",
)  # fmt: skip
"""The names under which forms send ids, and some under which they might."""


def test_another_persons_id_in_the_body_changes_and_links_nothing(
    app: Flask, neighbours: Neighbours, client: Browser
) -> None:
    """Fill every form of every person with another's ids: no row of the other changes, and no own row refers to one."""
    browsers = {name: client(person) for name, person in neighbours.actors.items()}
    all_cases = list(cross_bodies(app, neighbours))
    cases = sample(all_cases, 60)
    for actor, owner, address, body in cases:
        before = load_rows()
        db.session.rollback()
        answer = browsers[actor].post(address, data=body)
        details = (actor, owner, address, body, answer.status_code)
        assert answer.status_code < 500, details
        assert CANARIES[owner] not in read_words(answer), details
        answer.close()
        db.session.rollback()
        assert not find_changes(neighbours.foreign_rows[owner], before), details
    record_figures(bodies=len(cases), leaks=0, writes=0)


def cross_bodies(app: Flask, neighbours: Neighbours) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    own_ids = neighbours.ids["alice"]
    for actor in neighbours.actors:
        for endpoint, methods in sorted(list_methods(app).items()):
            if ("POST", endpoint) not in methods or endpoint in {"accounts.sign_out", "accounts.follow_link"}:
                continue
            for owner in neighbours.list_outsiders(actor):
                for body in build_bodies(neighbours.ids[owner]):
                    yield actor, owner, build(app, endpoint, "POST", own_ids), body


def build_bodies(ids: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a body for each kind of id under every name, and one with each id under its own names."""
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


def find_changes(foreign_rows: Rows, before: Rows) -> list[str]:
    """Return the changes since `before`: foreign rows changed or deleted, or rows that refer to them anew."""
    faults = []
    for name, rows in load_rows().items():
        table = db.metadata.tables[name]
        faults += [f"{name} {number} is gone" for number in set(foreign_rows[name]) - set(rows)]
        for number, row in rows.items():
            earlier = before[name].get(number)
            if row == earlier or name == "event":
                continue
            if number in foreign_rows[name]:
                faults.append(f"{name} {number} changed")
            faults += [
                f"{name} {number} names {key.column.table.name} {row[column.name]}"
                for column in table.columns
                for key in column.foreign_keys
                if row[column.name] in foreign_rows.get(key.column.table.name, {})
                and (earlier is None or earlier[column.name] != row[column.name])
            ]
    return faults


LISTS = (
    "/", "/account", "/units", "/guidance", "/qualifications", "/evidence", "/evidence/new", "/queue", "/candidates",
    "/verification", "/action-points", "/visit", "/people", "/registrations", "/integrity", "/evidence/index.pdf",
    "/countersigning", "/countersigning?show=own", "/questions", "/staff", "/witnesses",
)  # fmt: skip


def test_no_list_page_or_print_shows_anything_of_other_candidates(
    app: Flask, neighbours: Neighbours, client: Browser
) -> None:
    """Open every page that each person may open, with page 2 and filters by each candidate's id."""
    count = 0
    own_ids = neighbours.ids["alice"]
    for actor, person in neighbours.actors.items():
        browser = client(person)
        for address in list_addresses(app, own_ids, neighbours):
            answer = browser.get(address)
            for owner in neighbours.list_outsiders(actor):
                # a verifier without an allocation may see that a centre's unit exists, but not its content
                assert CANARIES[owner] not in read_words(answer), (actor, owner, address)
            assert answer.status_code == 200 or answer.status_code in REFUSED, (actor, address, answer.status_code)
            answer.close()
            count += 1
    record_figures(pages=count, leaks=0)


def list_addresses(app: Flask, own_ids: dict[str, Any], neighbours: Neighbours) -> list[str]:
    pages = [
        build(app, endpoint, "GET", own_ids) for endpoint, method, _ in list_routes(app, own_ids) if method == "GET"
    ]
    ids_of_all = neighbours.ids.values()
    filters = [f"/queue?candidate={ids['registration_id']}" for ids in ids_of_all]
    filters += [f"/queue?candidate={row}" for each in neighbours.foreign_rows.values() for row in each["person"]]
    searches = [f"{path}?q={word}" for path in ("/people", "/registrations", "/units") for word in ("Quag", "Zanz")]
    return [*LISTS, *(f"{path}?after=2" for path in LISTS), *pages, *filters, *searches]
