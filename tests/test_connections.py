"""Connections to the database: a process may open one for each of its threads, and some to spare."""

import runpy
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import QueuePool

from tracker.config import SPARE_CONNECTIONS, Settings

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.one_database


def count_connections(settings: Settings) -> int:
    engine = create_engine("sqlite:///unused.sqlite", **settings.as_flask()["SQLALCHEMY_ENGINE_OPTIONS"])
    assert isinstance(engine.pool, QueuePool)
    return engine.pool.size() + engine.pool._max_overflow


@pytest.mark.parametrize("threads", ["", "4", "16", "40"])
def test_each_thread_of_the_server_can_have_a_connection_and_one_for_a_moment(
    monkeypatch: pytest.MonkeyPatch, threads: str
) -> None:
    monkeypatch.setenv("THREADS", threads) if threads else monkeypatch.delenv("THREADS", raising=False)
    served = runpy.run_path(str(ROOT / "gunicorn.conf.py"))["threads"]
    settings = Settings.from_environment()
    assert settings.threads == served
    assert count_connections(settings) == settings.connections
    assert settings.connections >= served + SPARE_CONNECTIONS
