"""A kind of long job for the tests: it counts, and says what happened to it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from tests import factories
from tests.factories import World
from tracker.background import jobs
from tracker.clock import now
from tracker.extensions import db
from tracker.job_runs import kinds, services
from tracker.job_runs.kinds import JobKind, RunFacts
from tracker.job_runs.queries import find_run
from tracker.ledger.events import Actor
from tracker.ledger.transactions import transaction
from tracker.models import Grant, JobRun, Person
from tracker.vocabulary import Role
from tracker.web.permissions import Act


@dataclass
class Counting(JobKind):
    """A kind whose steps count; `before_step` is called with the number of each, before it is stored."""

    name: str = "counting"
    act: Act = Act.ADMINISTER_CENTRE
    noun: str = "number"
    counted: list[int] = field(default_factory=list)
    """The numbers that were stored."""
    notes: list[str] = field(default_factory=list)
    before_step: Callable[[int], object] = lambda _number: None
    stores_nothing: Callable[[int, int], bool] = lambda _number, _tries: False
    """Whether a step stores nothing, by its number and how often it was tried."""

    def take_step(self, run: RunFacts, _prepared: Any) -> Callable[[JobRun], int]:
        self.before_step(run.done)

        def store(stored_run: JobRun) -> int:
            self.counted.append(stored_run.done)
            return 0 if self.stores_nothing(stored_run.done, self.counted.count(stored_run.done)) else 1

        return store

    def on_retry(self, run: JobRun, actor: Actor | None) -> None:
        self.notes.append(f"retried at {run.done} by {actor.person_id if actor else 'nobody'}")

    def on_cancel(self, run: JobRun, actor: Actor) -> None:
        self.notes.append(f"cancelled at {run.done} by {actor.person_id}")

    def on_fail(self, run: JobRun, actor: Actor | None) -> None:
        self.notes.append(f"failed at {run.done} for {actor.person_id if actor else 'nobody'}")

    def on_finish(self, run: JobRun, actor: Actor) -> None:
        self.notes.append(f"finished at {run.done} for {actor.person_id}")


@pytest.fixture
def counting(app: Flask) -> Iterator[Counting]:
    """The kind, registered beside the product's own."""
    before, kind = app.extensions["job_kinds"], Counting()
    own = tuple(before.by_name.values())
    kinds.init_app(app, lambda: (*own, kind))
    yield kind
    app.extensions["job_kinds"] = before


@pytest.fixture
def by_hand(app: Flask, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Run no job until the test runs it; return the list of what was queued."""
    queued: list[int] = []
    monkeypatch.setattr(jobs.Jobs, "put", lambda _self, _job, run_id, **_options: queued.append(run_id))
    return queued


@pytest.fixture
def start(world: World, counting: Counting) -> Callable[..., int]:
    """`start(person, total)` starts a job run of the kind and returns its id; Dan's of 3 steps by default."""

    def start_counting(person: Person | None = None, total: int = 3, title: str = "Counting to three") -> int:
        person = person or world.dan
        centre = world.southbank if person is world.heidi else world.northgate
        with transaction():
            actor = factories.make_actor(person)
            return services.start_run(counting, actor, centre_id=centre.id, title=title, total=total).id

    return start_counting


def reload_run(run_id: int) -> JobRun:
    """Return a job run as it is stored now."""
    db.session.rollback()
    run = find_run(run_id)
    assert run is not None
    return run


def end_role(world: World) -> None:
    """End Dan's role of administrator."""
    with transaction():
        query = select(Grant).where(Grant.person_id == world.dan.id, Grant.role == Role.ADMINISTRATOR)
        db.session.scalars(query).one().ends_at = now() - timedelta(seconds=1)
        factories.leave_unsealed()
