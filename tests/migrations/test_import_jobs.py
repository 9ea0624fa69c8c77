"""Migration 0027: an import that was running or had failed is continued as a job run."""

from flask import Flask
from sqlalchemy import text

from tests import factories
from tests.migrations.test_migrations import REVISIONS, migrate
from tracker import clock
from tracker.extensions import db
from tracker.job_runs.queries import find_run_about
from tracker.ledger.transactions import transaction
from tracker.library.services.import_job import UNIT_IMPORT
from tracker.models import ImportRun
from tracker.vocabulary import ImportState, JobState, Role


def test_imports_that_have_not_ended_become_job_runs(empty_app: Flask) -> None:
    migrate(REVISIONS[0])
    with transaction():
        centre = factories.make_centre("Northgate Skills", "NG-100")
        dan = factories.make_person("Dan Price", centre, Role.ADMINISTRATOR)
        actor, ids = factories.make_actor(dan), {}
        for state in ImportState:
            run = ImportRun(
                centre_id=centre.id, format="yaml", file_name=f"{state.value}.yaml", sha256="0" * 64, total=3, done=1,
                state=state, outcome=[{}, {}], message="The disk was full." if state is ImportState.FAILED else "",
                started_by_id=dan.id, grant_id=actor.grant_id, session_ref="test", started_at=clock.now(),
            )  # fmt: skip
            db.session.add(run)
            db.session.flush()
            ids[state] = run.id
    dans_id, grant_id = dan.id, actor.grant_id
    db.session.remove()
    migrate("0026_job_runs")
    assert db.session.scalar(text("SELECT count(*) FROM job_run")) == 0
    db.session.remove()
    migrate(REVISIONS[0])
    jobs = {state: find_run_about(UNIT_IMPORT.name, run_id) for state, run_id in ids.items()}
    assert {state for state, job in jobs.items() if job} == {ImportState.RUNNING, ImportState.FAILED}
    running, failed = jobs[ImportState.RUNNING], jobs[ImportState.FAILED]
    assert running
    assert failed
    assert (running.state, running.done, running.total) == (JobState.WAITING, 1, 3)
    assert (running.started_by_id, running.grant_id) == (dans_id, grant_id)
    assert running.title == "Import of running.yaml"
    assert (failed.state, failed.message, failed.parameters) == (
        JobState.FAILED, "The disk was full.", {"units": 2},
    )  # fmt: skip
    assert UNIT_IMPORT.describe_progress(running) == "1 of 2 units", "the third step is a link"
