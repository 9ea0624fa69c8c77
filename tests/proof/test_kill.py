"""The server is killed, or its database stopped, while people work: what they were told is safe is there, once."""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from flask import Flask
from sqlalchemy import delete, func, select, text

from tests.conftest import MIGRATIONS, server_url
from tests.factories import PASSWORD_HASH, days_ago
from tests.proof.load import AcknowledgedWork, Assessor, Client, Gate, Reader, Writer
from tests.proof.proof_size import choose_size, record_figures
from tests.proof.servers import POSTGRESQL, found_program, own_cluster, serving
from tracker import clock, create_app
from tracker.accounts import sessions
from tracker.assessment.services.assessments import TIME_TO_UNDO
from tracker.assessment.services.releasing import release_due_assessments
from tracker.config import Settings
from tracker.demo import scenario as demo
from tracker.demo.evidence import CHLOES_ITEMS
from tracker.extensions import db
from tracker.integrity.verify import run_all_checks
from tracker.ledger import checkpoints, keys, transactions
from tracker.ledger.transactions import transaction
from tracker.models import (
    Assessment,
    Attachment,
    Claim,
    Criterion,
    Decision,
    Event,
    Evidence,
    EvidenceVersion,
    IdempotencyKey,
    Installation,
    Person,
    Signature,
    Submission,
    UnitAttempt,
)
from tracker.storage import file_store
from tracker.vocabulary import AssessmentOutcome, AssessmentState

Kind = TypeVar("Kind", bound=Client)


class Crew:
    """Everybody at work against one server, what was acknowledged to them, and how long the ledger was known to be."""

    def __init__(self, port: int) -> None:
        self.port, self.gate, self.noted = port, Gate(), AcknowledgedWork()
        self.people = tell_what_came_before()
        self.known: tuple[int, str] | None = None
        units = {each.candidate_id: each for each in db.session.scalars(select(UnitAttempt).order_by(UnitAttempt.id))}
        signed = f"/attempts/{units[self.people['Chloe']].id}"
        self.clients: list[Client] = []
        for name in ("Alice", "Ben"):
            desk, phone = self.client(Writer, name), self.client(Writer, name, "phone")
            desk.cells = phone.cells = load_cells(units[self.people[name]])
            desk.story, phone.story = desk.work, phone.add_files
        assessing, signing, reading = (
            self.client(Assessor, "Bob"),
            self.client(Assessor, "Bob", "signing"),
            self.client(Reader, "Carol"),
        )
        assessing.story, signing.story, reading.story = assessing.assess, signing.sign, reading.read
        assessing.path = signing.path = f"{signed}/sign"
        reading.paths = ("/verification", signed, f"/attempts/{units[self.people['Alice']].id}")
        db.session.remove()

    def client(self, kind: type[Kind], name: str, where: str = "desk") -> Kind:
        with transaction():
            person = db.session.get_one(Person, self.people[name])
            cookie = sessions.start_session(person, "127.0.0.1", "Chrome on Windows", proven=True)
        made = kind(f"{name} at the {where}", person.id, cookie, self.port, self.gate, self.noted)
        self.clients.append(made)
        return made

    @property
    def pages(self) -> list[tuple[str, str]]:
        """What everybody begins with, by their cookies."""
        return [(each.cookies["tracker_session"], path) for each in self.clients for path in each.paths]

    def start(self) -> None:
        self.gate.opened.set()
        for each in self.clients:
            each.start()

    def work(self, dice: random.Random) -> None:
        """A few things are acknowledged, or none; then a moment passes."""
        wanted, give_up = self.acts + dice.randrange(8), time.monotonic() + 20
        while self.acts < wanted and time.monotonic() < give_up:
            time.sleep(0.01)
            self.check_nobody_is_wrong()
        time.sleep(dice.uniform(0.02, 0.3))

    @property
    def acts(self) -> int:
        return sum(each.acts for each in self.clients)

    def interrupt(self, broken: Callable[[], None]) -> None:
        """Break something; come back when everybody has noticed."""
        self.gate.opened.clear()
        broken()
        for each in self.clients:
            assert each.held.wait(60), f"{each.name} never noticed"
        self.check_nobody_is_wrong()

    def go_on(self, *, for_good: bool = False) -> None:
        """Everybody sends again what they had sent; `for_good`, they stop after it."""
        for each in self.clients:
            each.held.clear()
        self.gate.over = for_good
        self.gate.opened.set()
        if for_good:
            for each in self.clients:
                each.join(60)
            self.check_nobody_is_wrong()

    def check_nobody_is_wrong(self) -> None:
        assert [each.wrong for each in self.clients if each.wrong] == []

    def check(self) -> None:
        """Nothing acknowledged is lost or duplicated, and every integrity check passes."""
        db.session.rollback()
        assert [*lost(self.noted), *doubled(), *rewritten(self.known)] == []
        assert [result.first for result in run_all_checks() if not result.holds] == []
        self.known = db.session.execute(select(Event.seq, Event.hash).order_by(Event.seq.desc()).limit(1)).one()
        db.session.remove()

    def counted(self) -> dict[str, int]:
        return {
            "acknowledged": self.acts,
            "sent_again": sum(each.sent_again for each in self.clients),
            "uploads": len(self.noted.files),
            "lost": 0,
            "doubled": 0,
        }


def tell_what_came_before() -> dict[str, int]:
    """A centre at work: Chloe's unit has all it needs to be signed, Alice and Ben have begun. People by first name."""
    with clock.frozen_at(days_ago(400)), transaction():
        keys.make_key()  # older than the story
    told = demo.Scenario()
    told.schedule(200, 9, lambda: demo.create_demo_centre(told))
    told.schedule(190, 9, lambda: demo.register_for_units(told, "Chloe", "C-1038", ("CFACC15",)))
    told.schedule(80, 9, lambda: demo.register_for_units(told, "Alice", "C-1042", ("INSCC004",)))
    told.schedule(80, 9, lambda: demo.register_for_units(told, "Ben", "C-1051", ("DELIVERCC",)))
    for item in CHLOES_ITEMS:
        demo.schedule_item(told, "Chloe", item)
    told.run()
    with transaction():
        db.session.execute(delete(Installation))  # nobody is to take it for the demonstration
        for person in told.people.values():
            db.session.get_one(Person, person.id).password_hash = PASSWORD_HASH
    checkpoints.write_due(at_once=True)  # the story's days are long gone, and none of it was marked in them
    return {name: person.id for name, person in told.people.items()}


def load_cells(attempt: UnitAttempt) -> list[tuple[int, int]]:
    query = select(Criterion.id).where(Criterion.unit_id == attempt.unit_id, Criterion.assessable)
    return [(attempt.id, each) for each in db.session.scalars(query.order_by(Criterion.id))]


# --- what must be there ------------------------------------------------------------------------------------


def lost(noted: AcknowledgedWork) -> Iterator[str]:
    """What somebody was told is safe, and is not there as they sent it."""
    begun = dict(db.session.execute(select(Evidence.title, Evidence.id)).all())
    yield from (f"the item “{title}”" for title, item in noted.begun.items() if begun.get(title) != item)
    texts = dict(db.session.execute(select(Evidence.id, Evidence.narrative)).all())
    for item, words in noted.texts.items():
        if texts.get(item) not in {words, noted.typed[item]}:
            yield f"the text of item {item}"
    ticks = set(db.session.execute(select(Claim.evidence_id, Claim.criterion_id, Claim.attempt_id)).all())
    yield from (f"the tick {cell}" for cell, attempt in noted.ticks.items() if (*cell, attempt) not in ticks)
    files = {each.id: (each.evidence_id, each.sha256) for each in db.session.scalars(select(Attachment))}
    yield from (f"the file {key}" for key, value in noted.files.items() if files.get(key) != value)
    yield from (f"the bytes of file {key}" for key, (_, sha256) in noted.files.items() if not is_kept(sha256))
    yield from lost_acts(noted)


def lost_acts(noted: AcknowledgedWork) -> Iterator[str]:
    handed_in = select(EvidenceVersion.evidence_id, EvidenceVersion.narrative).join(Submission)
    sealed = dict(db.session.execute(handed_in).all())
    yield from (f"the submission of {item}" for item, words in noted.submitted.items() if sealed.get(item) != words)
    accepted = select(EvidenceVersion.evidence_id).join(
        Assessment, Assessment.evidence_version_id == EvidenceVersion.id
    )
    assessed = set(db.session.scalars(accepted.where(Assessment.outcome == AssessmentOutcome.ACCEPTED)))
    yield from (f"the acceptance of {item}" for item in noted.accepted - assessed)
    signed = list(db.session.scalars(select(Signature.comment).order_by(Signature.id)))
    if signed[: len(noted.signed)] != noted.signed or len(signed) > len(noted.signed) + 1:
        yield f"signatures: {signed[-3:]}, {noted.signed[-3:]}"
    retracted = db.session.scalar(select(func.count(Event.seq)).where(Event.act == "attempt_reopened")) or 0
    if retracted - noted.retracted not in {0, 1}:
        yield f"retractions: {retracted} instead of {noted.retracted}"
    rows = select(IdempotencyKey.person_id, IdempotencyKey.key, IdempotencyKey.location)
    led = {(person, key): location for person, key, location in db.session.execute(rows)}
    yield from (
        f"where key {key} led" for key, location in noted.keys.items() if leads(led.get(key)) != leads(location)
    )


def leads(location: str | None) -> str:
    """An item that was begun leads to its form or to its page: to the item either way."""
    return (location or "nowhere").removesuffix("/edit")


def is_kept(sha256: str) -> bool:
    try:
        return bool(file_store.read(sha256))
    except OSError:
        return False


def doubled() -> Iterator[str]:
    """What was done once and is there twice; the record's own checks hold events to their rows."""
    for what, columns in (
        ("item", (Evidence.title,)),
        ("file", (Attachment.evidence_id, Attachment.sha256)),
        ("version", (EvidenceVersion.evidence_id,)),
        ("assessment", (Assessment.evidence_version_id, Assessment.attempt_id)),
        ("decision", (Decision.claim_id,)),
        ("signature", (Signature.comment,)),
    ):
        for row in db.session.execute(select(*columns).group_by(*columns).having(func.count() > 1)):
            yield f"{what} {tuple(row)} is there twice"


def rewritten(known: tuple[int, str] | None) -> Iterator[str]:
    """The ledger goes on from where it was known to be."""
    if known and db.session.scalar(select(Event.hash).where(Event.seq == known[0])) != known[1]:
        yield f"event {known[0]} is another"


def release_the_rest(crew: Crew) -> None:
    """When the time to undo is over, each acceptance has become its decisions, once."""
    with clock.frozen_at(clock.now() + TIME_TO_UNDO + timedelta(seconds=1)):
        while release_due_assessments():
            pass
    db.session.rollback()
    released = select(EvidenceVersion.evidence_id).join(
        Assessment, Assessment.evidence_version_id == EvidenceVersion.id
    )
    assert crew.noted.accepted <= set(
        db.session.scalars(released.where(Assessment.state == AssessmentState.RELEASED))
    )
    decided = select(Claim.evidence_id).join(Decision, Decision.claim_id == Claim.id)
    times = Counter(db.session.scalars(decided))
    assert all(times[item] == 2 for item in crew.noted.accepted)  # of its two claims


# --- killing ------------------------------------------------------------------------------------------------


def test_nothing_acknowledged_is_lost_when_the_server_is_killed(app: Flask, tmp_path: Path) -> None:
    app.config |= {
        f"{name.upper()}_PATH": tmp_path / name for name in ("attachments", "outbox", "keys", "checkpoints")
    }
    rounds, dice = choose_size(2, 100), random.Random(4)  # noqa: S311 - no secret
    db.engine.dispose()
    with serving(tmp_path, app.config["SQLALCHEMY_DATABASE_URI"]) as server:
        crew = Crew(server.port)
        server.warm_up(crew.pages)
        crew.start()
        for _ in range(rounds):
            crew.work(dice)
            crew.interrupt(server.kill)
            server.start()
            crew.check()
            crew.go_on()
        crew.interrupt(server.kill)
        server.start()
        crew.go_on(for_good=True)
        crew.check()
        release_the_rest(crew)
        crew.check()
    assert sum(each.told for each in crew.clients) == 0, "nobody was refused while the server ran"
    assert choose_size(0, 1) == 0 or all(each.acts for each in crew.clients if each.name != "Carol at the desk")
    record_figures(killed=rounds + 1, **crew.counted())


# --- PostgreSQL stopped ---------------------------------------------------------------------------------------


@contextmanager
def installation(folder: Path, database_url: str) -> Iterator[Flask]:
    """A migrated one, over a database of its own."""
    settings = {"INSTANCE_PATH": str(folder), "DATABASE_URL": database_url, "SECRET_KEY": "proof"}
    app = create_app(Settings.from_environment(settings), TESTING=True)
    for command in (["db", "upgrade", "-d", str(MIGRATIONS)], ["standards", "load"]):
        result = app.test_cli_runner().invoke(args=command)
        assert result.exit_code == 0, result.output
    with app.app_context():
        yield app
        transactions.rollback()
        db.session.remove()
        db.engine.dispose()


@pytest.mark.skipif(server_url() is None, reason="SQLite has no server that could be stopped")
@pytest.mark.skipif(not all(map(found_program, POSTGRESQL)), reason="PostgreSQL's server is not here")
def test_nothing_acknowledged_is_lost_when_postgresql_stops(tmp_path: Path) -> None:
    """The web server stays up: people read why, nobody sees a trace, and it goes on by itself."""
    rounds, dice = choose_size(1, 20), random.Random(20)  # noqa: S311 - no secret
    with (
        own_cluster() as cluster,
        installation(tmp_path, cluster.url),
        serving(tmp_path, cluster.url) as server,
    ):
        assert db.session.scalar(text("SHOW fsync")) == "on"
        crew = Crew(server.port)
        server.warm_up(crew.pages)
        crew.start()
        for number in range(rounds):
            crew.work(dice)
            crew.interrupt(cluster.stop_at_once)
            db.engine.dispose()
            cluster.start()
            crew.check()
            crew.go_on(for_good=number == rounds - 1)
        crew.check()
        release_the_rest(crew)
        crew.check()
    told = sum(each.told for each in crew.clients)
    assert told >= rounds * len(crew.clients), "everybody was told each time"
    record_figures(stopped=rounds, informed=told, **crew.counted())
