"""A server killed, or its database stopped, while people work: acknowledged work is there, once."""

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
from tests.factories import days_ago
from tests.proof.load import AcknowledgedWork, Assessor, Client, Gate, Reader, Writer
from tests.proof.proof_size import choose_size, record_figures
from tests.proof.servers import POSTGRESQL, find_program, own_cluster, serving
from tests.proof.stages import run_with_test_passwords
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


class PeopleAtWork:
    """The clients that work with one server, the work acknowledged to them, and the last known event of the ledger."""

    def __init__(self, port: int) -> None:
        self.port, self.gate, self.acknowledged = port, Gate(), AcknowledgedWork()
        self.people = make_earlier_work()
        self.known_event: tuple[int, str] | None = None
        units = {each.candidate_id: each for each in db.session.scalars(select(UnitAttempt).order_by(UnitAttempt.id))}
        attempt_path = f"/attempts/{units[self.people['Chloe']].id}"
        self.clients: list[Client] = []
        for name in ("Alice", "Ben"):
            desk, phone = self.client(Writer, name), self.client(Writer, name, "phone")
            desk.cells = phone.cells = load_cells(units[self.people[name]])
            desk.routine, phone.routine = desk.work, phone.add_files
        assessor, signer, reader = (
            self.client(Assessor, "Bob"),
            self.client(Assessor, "Bob", "signing"),
            self.client(Reader, "Carol"),
        )
        assessor.routine, signer.routine, reader.routine = assessor.assess, signer.sign, reader.read
        assessor.path = signer.path = f"{attempt_path}/sign"
        reader.paths = ("/verification", attempt_path, f"/attempts/{units[self.people['Alice']].id}")
        db.session.remove()

    def client(self, kind: type[Kind], name: str, place: str = "desk") -> Kind:
        with transaction():
            person = db.session.get_one(Person, self.people[name])
            cookie = sessions.start_session(person, "127.0.0.1", "Chrome on Windows", proven=True)
        client = kind(f"{name} at the {place}", person.id, cookie, self.port, self.gate, self.acknowledged)
        self.clients.append(client)
        return client

    @property
    def pages(self) -> list[tuple[str, str]]:
        """Return the first pages of each client, with its cookie."""
        return [(each.cookies["tracker_session"], path) for each in self.clients for path in each.paths]

    def start(self) -> None:
        self.gate.opened.set()
        for each in self.clients:
            each.start()

    def work(self, dice: random.Random) -> None:
        """Wait until up to seven acts are acknowledged, and then a moment longer."""
        target, deadline = self.acts + dice.randrange(8), time.monotonic() + 20
        while self.acts < target and time.monotonic() < deadline:
            time.sleep(0.01)
            self.check_no_error()
        time.sleep(dice.uniform(0.02, 0.3))

    @property
    def acts(self) -> int:
        return sum(each.acts for each in self.clients)

    def interrupt(self, break_it: Callable[[], None]) -> None:
        """Break something, and return when every client has noticed."""
        self.gate.opened.clear()
        break_it()
        for each in self.clients:
            assert each.interrupted.wait(60), f"{each.name} never noticed"
        self.check_no_error()

    def resume(self, *, for_good: bool = False) -> None:
        """Let the clients send again what was not acknowledged; with `for_good` they stop afterwards."""
        for each in self.clients:
            each.interrupted.clear()
        self.gate.is_over = for_good
        self.gate.opened.set()
        if for_good:
            for each in self.clients:
                each.join(60)
            self.check_no_error()

    def check_no_error(self) -> None:
        assert [each.error for each in self.clients if each.error] == []

    def check(self) -> None:
        """Check that nothing acknowledged is lost or duplicated, and that every integrity check passes."""
        db.session.rollback()
        assert [*find_lost_work(self.acknowledged), *find_duplicates(), *find_rewritten_event(self.known_event)] == []
        assert [result.first for result in run_all_checks() if not result.holds] == []
        self.known_event = db.session.execute(select(Event.seq, Event.hash).order_by(Event.seq.desc()).limit(1)).one()
        db.session.remove()

    def count_figures(self) -> dict[str, int]:
        return {
            "acknowledged": self.acts,
            "sent_again": sum(each.sent_again for each in self.clients),
            "uploads": len(self.acknowledged.files),
            "lost": 0,
            "doubled": 0,
        }


def make_earlier_work() -> dict[str, int]:
    """Make a centre where Chloe's unit is ready to sign and Alice and Ben have started. Return ids by first name."""
    with clock.frozen_at(days_ago(400)), transaction():
        keys.make_key()  # older than the first event
    scenario = demo.Scenario()
    scenario.session_ref = "proof"  # it must not be treated as the demonstration
    scenario.schedule(200, 9, lambda: demo.create_demo_centre(scenario))
    scenario.schedule(190, 9, lambda: demo.register_for_units(scenario, "Chloe", "C-1038", ("CFACC15",)))
    scenario.schedule(80, 9, lambda: demo.register_for_units(scenario, "Alice", "C-1042", ("INSCC004",)))
    scenario.schedule(80, 9, lambda: demo.register_for_units(scenario, "Ben", "C-1051", ("DELIVERCC",)))
    for item in CHLOES_ITEMS:
        demo.schedule_item(scenario, "Chloe", item)
    run_with_test_passwords(scenario)
    with transaction():
        db.session.execute(delete(Installation))
    checkpoints.write_due(at_once=True)  # the events are of past days without checkpoints
    return {name: person.id for name, person in scenario.people.items()}


def load_cells(attempt: UnitAttempt) -> list[tuple[int, int]]:
    query = select(Criterion.id).where(Criterion.unit_id == attempt.unit_id, Criterion.assessable)
    return [(attempt.id, each) for each in db.session.scalars(query.order_by(Criterion.id))]


# --- checks ------------------------------------------------------------------------------------------------


def find_lost_work(acknowledged: AcknowledgedWork) -> Iterator[str]:
    """Yield the acknowledged work that is not stored as it was sent."""
    items = dict(db.session.execute(select(Evidence.title, Evidence.id)).all())
    yield from (f"the item “{title}”" for title, item in acknowledged.items.items() if items.get(title) != item)
    texts = dict(db.session.execute(select(Evidence.id, Evidence.narrative)).all())
    for item, words in acknowledged.texts.items():
        if texts.get(item) not in {words, acknowledged.sent_texts[item]}:
            yield f"the text of item {item}"
    ticks = set(db.session.execute(select(Claim.evidence_id, Claim.criterion_id, Claim.attempt_id)).all())
    yield from (f"the tick {cell}" for cell, attempt in acknowledged.ticks.items() if (*cell, attempt) not in ticks)
    files = {each.id: (each.evidence_id, each.sha256) for each in db.session.scalars(select(Attachment))}
    yield from (f"the file {key}" for key, value in acknowledged.files.items() if files.get(key) != value)
    yield from (f"the bytes of file {key}" for key, (_, sha256) in acknowledged.files.items() if not is_kept(sha256))
    yield from find_lost_acts(acknowledged)


def find_lost_acts(acknowledged: AcknowledgedWork) -> Iterator[str]:
    submissions = select(EvidenceVersion.evidence_id, EvidenceVersion.narrative).join(Submission)
    sealed = dict(db.session.execute(submissions).all())
    yield from (
        f"the submission of {item}"
        for item, words in acknowledged.submitted_texts.items()
        if sealed.get(item) != words
    )
    accepted = select(EvidenceVersion.evidence_id).join(
        Assessment, Assessment.evidence_version_id == EvidenceVersion.id
    )
    assessed = set(db.session.scalars(accepted.where(Assessment.outcome == AssessmentOutcome.ACCEPTED)))
    yield from (f"the acceptance of {item}" for item in acknowledged.accepted - assessed)
    comments = list(db.session.scalars(select(Signature.comment).order_by(Signature.id)))
    if (
        comments[: len(acknowledged.comments)] != acknowledged.comments
        or len(comments) > len(acknowledged.comments) + 1
    ):
        yield f"signatures: {comments[-3:]}, {acknowledged.comments[-3:]}"
    retractions = db.session.scalar(select(func.count(Event.seq)).where(Event.act == "attempt_reopened")) or 0
    if retractions - acknowledged.retractions not in {0, 1}:
        yield f"retractions: {retractions} instead of {acknowledged.retractions}"
    rows = select(IdempotencyKey.person_id, IdempotencyKey.key, IdempotencyKey.location)
    locations = {(person, key): location for person, key, location in db.session.execute(rows)}
    yield from (
        f"where key {key} led"
        for key, location in acknowledged.keys.items()
        if get_item_path(locations.get(key)) != get_item_path(location)
    )


def get_item_path(location: str | None) -> str:
    """Return the item's path, as a new item redirects to its form or to its page."""
    return (location or "nowhere").removesuffix("/edit")


def is_kept(sha256: str) -> bool:
    try:
        return bool(file_store.read(sha256))
    except OSError:
        return False


def find_duplicates() -> Iterator[str]:
    """Yield the rows stored twice of an act done once; the integrity checks compare events with rows."""
    for kind, columns in (
        ("item", (Evidence.title,)),
        ("file", (Attachment.evidence_id, Attachment.sha256)),
        ("version", (EvidenceVersion.evidence_id,)),
        ("assessment", (Assessment.evidence_version_id, Assessment.attempt_id)),
        ("decision", (Decision.claim_id,)),
        ("signature", (Signature.comment,)),
    ):
        for row in db.session.execute(select(*columns).group_by(*columns).having(func.count() > 1)):
            yield f"{kind} {tuple(row)} is there twice"


def find_rewritten_event(known_event: tuple[int, str] | None) -> Iterator[str]:
    """Yield the last known event if the ledger has another in its place."""
    if known_event and db.session.scalar(select(Event.hash).where(Event.seq == known_event[0])) != known_event[1]:
        yield f"event {known_event[0]} is another"


def release_all(people: PeopleAtWork) -> None:
    """Release all assessments, and check that each accepted item has its two decisions once."""
    with clock.frozen_at(clock.now() + TIME_TO_UNDO + timedelta(seconds=1)):
        while release_due_assessments():
            pass
    db.session.rollback()
    items = select(EvidenceVersion.evidence_id).join(Assessment, Assessment.evidence_version_id == EvidenceVersion.id)
    assert people.acknowledged.accepted <= set(
        db.session.scalars(items.where(Assessment.state == AssessmentState.RELEASED))
    )
    claims = select(Claim.evidence_id).join(Decision, Decision.claim_id == Claim.id)
    times = Counter(db.session.scalars(claims))
    assert all(times[item] == 2 for item in people.acknowledged.accepted)  # one for each of its two claims


# --- killing ------------------------------------------------------------------------------------------------


def test_nothing_acknowledged_is_lost_when_the_server_is_killed(app: Flask, tmp_path: Path) -> None:
    app.config |= {
        f"{name.upper()}_PATH": tmp_path / name for name in ("attachments", "outbox", "keys", "checkpoints")
    }
    rounds, dice = choose_size(2, 100), random.Random(4)  # noqa: S311 - no secret
    db.engine.dispose()
    with serving(tmp_path, app.config["SQLALCHEMY_DATABASE_URI"]) as server:
        people = PeopleAtWork(server.port)
        server.warm_up(people.pages)
        people.start()
        for _ in range(rounds):
            people.work(dice)
            people.interrupt(server.kill)
            server.start()
            people.check()
            people.resume()
        people.interrupt(server.kill)
        server.start()
        people.resume(for_good=True)
        people.check()
        release_all(people)
        people.check()
    assert sum(each.refusals for each in people.clients) == 0, "no request was refused while the server ran"
    assert choose_size(0, 1) == 0 or all(each.acts for each in people.clients if each.name != "Carol at the desk")
    record_figures(killed=rounds + 1, **people.count_figures())


# --- PostgreSQL stopped ---------------------------------------------------------------------------------------


@contextmanager
def installation(folder: Path, database_url: str) -> Iterator[Flask]:
    """An app with a migrated database of its own."""
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
@pytest.mark.skipif(not all(map(find_program, POSTGRESQL)), reason="PostgreSQL's server is not here")
def test_nothing_acknowledged_is_lost_when_postgresql_stops(tmp_path: Path) -> None:
    """The web server stays up: people read a message without a traceback, and work continues by itself."""
    rounds, dice = choose_size(1, 20), random.Random(20)  # noqa: S311 - no secret
    with (
        own_cluster() as cluster,
        installation(tmp_path, cluster.url),
        serving(tmp_path, cluster.url) as server,
    ):
        assert db.session.scalar(text("SHOW fsync")) == "on"
        people = PeopleAtWork(server.port)
        server.warm_up(people.pages)
        people.start()
        for number in range(rounds):
            people.work(dice)
            people.interrupt(cluster.stop_at_once)
            db.engine.dispose()
            cluster.start()
            people.check()
            people.resume(for_good=number == rounds - 1)
        people.check()
        release_all(people)
        people.check()
    refusals = sum(each.refusals for each in people.clients)
    assert refusals >= rounds * len(people.clients), "each client was refused each time"
    record_figures(stopped=rounds, informed=refusals, **people.count_figures())
