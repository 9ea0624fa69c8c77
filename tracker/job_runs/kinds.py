"""The kinds of long jobs. A feature writes a `JobKind`, and `load_job_kinds` (`tracker/__init__.py`) registers it."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any

from flask import Flask, current_app

from tracker.errors import Invalid, TrackerError
from tracker.ledger.events import Actor
from tracker.models import JobRun
from tracker.vocabulary import Role
from tracker.web.formatting import counted
from tracker.web.permissions import PERMISSIONS, Act

MAX_PARAMETERS = 20_000
"""The most bytes of a job run's parameters as JSON."""


@dataclass(frozen=True)
class RunFacts:
    """What a job run is about and how far it is, read at one moment; it stays readable when its transaction ends."""

    id: int
    kind: str
    centre_id: int
    subject_id: int | None
    parameters: dict[str, Any]
    total: int
    done: int
    actor: Actor
    """The person who started it, with the role under which they did."""
    saved: list[str] = field(default_factory=list)
    """The hashes of the files that `save_file` stored for the present step or the result."""


class StepFileLost(TrackerError):
    """A missing or damaged file of an earlier step. The job run fails, and a retry begins at the first step."""


@dataclass(frozen=True)
class StoredResult:
    """A file that was made from the steps, and is in the file store."""

    name: str
    sha256: str
    size: int
    step_ids: frozenset[int]
    """The steps that it has files of or names. It is made again if the job run has others when it is stored."""


class JobKind:
    """A kind of long job: what its steps do, and what happens when it fails or ends.

    A step is done at least once: a worker that is killed leaves a step half done, and another one does it again. So
    what a step stores, it stores in the one transaction that counts the step as done.
    """

    name: str
    """Stored with each job run, so it never changes."""
    act: Act
    """What a person must be allowed to do at the centre, to start it and to see it afterwards."""
    noun: str
    """What its steps are counted in, such as `form`."""
    file_lifetime: timedelta | None = None
    """How long its files are kept after it has ended; None for a kind that makes none."""
    erased_message = (
        "The file was deleted, because the records of a candidate whose form is in it were erased. Start the job "
        "again to make a file without that candidate."
    )
    """What the page says of a finished job run whose file an erasure deleted."""
    cancel_warning = "Nothing more is done, and no file is made."
    """What the page says before the job run is cancelled."""
    turn_seconds: float = 5.0
    """After this time it goes to the end of the queue, so that other jobs do not wait longer."""
    ends_turn_for_others: bool = True
    """Whether its turn ends after each step while another person's job waits; False where beginning one is slow."""
    file_page: tuple[str, str] | None = None
    """The endpoint that sends its file, which checks again who may read it, and the argument for `subject_id`; None
    where the page of jobs sends it."""
    subject_page: tuple[str, str, str] | None = None
    """The endpoint of the page that shows what it did, the argument for `subject_id`, and the words of its link."""
    page: tuple[str, str] | None = None
    """The endpoint of the kind's own page and the argument for `subject_id`; None where the page of jobs shows it."""

    def prepare(self, run: RunFacts) -> Any:  # noqa: ARG002 - for kinds whose steps share something
        """Return what the steps of one turn share. No transaction is open."""
        return None

    def lock(self, run: RunFacts) -> None:
        """Lock the rows that the next step is about, before the job run itself is locked."""

    def take_step(self, run: RunFacts, prepared: Any) -> Callable[[JobRun], int]:
        """Do the work of the next step with no transaction open, and return what stores it.

        The function is called in a transaction in which the rows of `lock` and the job run are locked. It returns how
        many steps are done with it. After a conflict with another transaction it is called again. A file is stored by
        `save_file`, and the function calls `keep_file` where it stores the file's hash.
        """
        raise NotImplementedError

    def make_result(self, run: RunFacts) -> StoredResult | None:  # noqa: ARG002 - for kinds that make a file
        """Store the file that people download by `save_file`, with no transaction open; None if there is none.

        It calls `renew_progress` every few seconds.

        Raises:
            StepFileLost: the file of a step is missing or damaged.
        """
        return None

    def describe_progress(self, run: JobRun) -> str:
        """Return how much is done in words, such as `12 of 40 forms`."""
        return f"{run.done:,} of {counted(run.total, self.noun)}"

    def describe_failure(self, run: RunFacts, reason: str) -> str:  # noqa: ARG002 - for kinds that say more
        """Return what the page of a failed job run says."""
        return reason

    def list_remarks(self, run: JobRun) -> list[str]:  # noqa: ARG002 - for kinds that have some
        """Return what the page of a job run lists besides its progress, such as what was left out."""
        return []

    def on_start(self, run: JobRun, actor: Actor) -> None:
        """Record that a person started it."""

    def on_retry(self, run: JobRun, actor: Actor | None) -> None:
        """Record that it was started again after it had failed; by the operator if the actor is None."""

    def on_cancel(self, run: JobRun, actor: Actor) -> None:
        """Record that a person cancelled it."""

    def on_fail(self, run: JobRun, actor: Actor | None) -> None:
        """Record that it failed; None instead of the actor where the person may not act any more."""

    def on_finish(self, run: JobRun, actor: Actor) -> None:
        """Record that it finished. Its result is stored with it."""


class JobKinds:
    """The kinds of an app by name, loaded when one is first needed."""

    def __init__(self, load_kinds: Callable[[], Iterable[JobKind]]) -> None:
        self.load_kinds = load_kinds

    @cached_property
    def by_name(self) -> dict[str, JobKind]:
        """The kinds by name."""
        return {kind.name: kind for kind in self.load_kinds()}


def init_app(app: Flask, load_kinds: Callable[[], Iterable[JobKind]]) -> None:
    """Register the kinds of long jobs of an app; `load_kinds` imports and returns them."""
    app.extensions["job_kinds"] = JobKinds(load_kinds)


def get_kind(name: str) -> JobKind:
    """Return the kind of this name. Raises `KeyError` for one that no feature registered."""
    kinds: JobKinds = current_app.extensions["job_kinds"]
    return kinds.by_name[name]


def list_kinds() -> list[JobKind]:
    """Return all kinds of long jobs."""
    kinds: JobKinds = current_app.extensions["job_kinds"]
    return list(kinds.by_name.values())


def get_roles(kind: JobKind) -> frozenset[Role]:
    """Return the roles at a centre in which a person sees their own job run of a kind, and a worker does it."""
    return PERMISSIONS[kind.act] | {Role.ADMINISTRATOR}


def check_parameters(parameters: dict[str, Any]) -> None:
    """Raise `Invalid` if the parameters of a job run are too many to be stored with it."""
    if len(json.dumps(parameters)) > MAX_PARAMETERS:
        raise Invalid("This is too much for one job. Nothing was started. Choose less.")


def read_facts(run: JobRun) -> RunFacts:
    """Return the facts of a job run, to be used after the transaction in which it was read."""
    return RunFacts(
        run.id, run.kind, run.centre_id, run.subject_id, dict(run.parameters), run.total, run.done, get_actor(run)
    )


def get_actor(run: JobRun) -> Actor:
    """Return the person who started a job run, with the role and session in which they did."""
    return Actor(run.started_by_id, run.grant_id, run.session_ref)
