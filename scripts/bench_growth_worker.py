"""The process that requests pages and acts of one of the databases of `bench_growth`, and measures each.

It reads one JSON object a line, as `bench_cost_worker` does, whose requests it uses: which page or act, and how often.
Its first answer is the list of their names.
"""

import json
import re
import resource
import sys
import time
from pathlib import Path
from typing import Any

import bench_cost_worker as base
from bench_acts import Act, find_item, list_acts
from sqlalchemy import event, select

from tests.bulk.pages import list_pages
from tests.bulk.people import LoadedCentre, Member
from tracker.accounts.sessions import start_session
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Centre, Grant, Person
from tracker.vocabulary import Role

QUEUE_PAGES = ("/queue", "/candidates", "/assess")
"""Ends of the paths that are measured once more without the queue that the process keeps."""
SHORTER = (
    (re.compile(r"(?<=[?&])size=25&?"), ""),
    (re.compile(r"/\d+(?=[/?]|$)"), "/…"),
    (re.compile(r"(?<=attempt=)\d+"), "…"),
    (re.compile(r"(?<=after=)[^&]+"), "…"),
    (re.compile(r"(?<=q=)C\d+"), "NUMBER"),
    (re.compile(r"(?<=q=)[^&]*\+[^&]*"), "NAME"),
    (re.compile(r"[?&]$"), ""),
)
"""What of a path differs between databases, and what a page's name has instead."""


def name_page(role: Role, path: str) -> str:
    """Return the name of a page: who opens it and its path, without what is of this database alone."""
    for pattern, words in SHORTER:
        path = pattern.sub(words, path)
    return f"{role.value} {path}"


class Measurer:
    """The pages and acts of one centre, and the clocks of this process and of its PostgreSQL backends."""

    def __init__(self) -> None:
        self.tokens: dict[int, str] = {}
        self.acts: dict[str, Act] = {}
        self.backends: set[int] = set()
        with base.APP.app_context():
            event.listen(db.engine, "connect", self._note_backend)
            db.engine.dispose()
            centre = find_centre()
            for page in list_pages(centre):
                self._add_page(page.role, page.person_id, page.path)
            item = find_item(centre, self._open_session)
            db.session.remove()
        self.acts |= {f"act {name}": act for name, act in list_acts(item).items()}

    def _note_backend(self, connection: Any, _record: object) -> None:
        if hasattr(connection, "info"):
            self.backends.add(connection.info.backend_pid)

    def _add_page(self, role: Role, person_id: int, path: str) -> None:
        token, name = self._open_session(person_id), name_page(role, path)
        if name in self.acts:
            name += " (another unit)"
        self.acts[name] = Act(lambda: base.request(base.APP, path, token))
        if path.endswith(QUEUE_PAGES):
            self.acts[f"{name} (queue read anew)"] = Act(self.acts[name].run, before=forget_queues)

    def _open_session(self, person_id: int) -> str:
        if person_id not in self.tokens:
            with transaction():
                person = db.session.get_one(Person, person_id)
                self.tokens[person_id] = start_session(person, "127.0.0.1", "bench", proven=True)
        return self.tokens[person_id]

    def measure(self, name: str, times: int) -> dict[str, Any]:
        """Run a page or an act so often; return its mean processor milliseconds, its times, statements and bytes."""
        act, walls, size, statements, spent = self.acts[name], [], 0, 0, [0.0, 0.0]
        for _ in range(times):
            act.before()
            base.STATEMENTS.clear()
            before, start = self._read_clocks(), time.perf_counter()
            size = len(act.run())
            walls.append((time.perf_counter() - start) * 1000)
            spent = [a + after - b for a, after, b in zip(spent, self._read_clocks(), before, strict=True)]
            statements = sum(not each[0].startswith(base.NOT_COUNTED) for each in base.STATEMENTS)
            act.after()
        server, database = (each / times * 1000 for each in spent)
        return {"server": server, "database": database, "walls": walls, "statements": statements, "bytes": size}

    def _read_clocks(self) -> tuple[float, float]:
        """Return the processor seconds of this process with its finished subprocesses, and of its backends."""
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        files = (Path(f"/proc/{pid}/schedstat") for pid in self.backends)
        backends = sum(int(each.read_text().split()[0]) for each in files if each.exists())
        return time.process_time() + children.ru_utime + children.ru_stime, backends / 1e9


def forget_queues() -> None:
    """Drop the queues that this process keeps."""
    base.APP.extensions.pop("queue_cache", None)


def find_centre() -> LoadedCentre:
    """Return the first centre that was loaded in bulk."""
    key = db.session.scalars(select(Centre.id).where(Centre.number.like("BULK-%")).order_by(Centre.id)).first()

    def first(role: Role) -> Member:
        query = select(Grant).where(Grant.centre_id == key, Grant.role == role).order_by(Grant.id).limit(1)
        grant = db.session.scalars(query).one()
        return Member(grant.person_id, grant.id)

    return LoadedCentre(key, first(Role.ADMINISTRATOR), first(Role.EXTERNAL_VERIFIER))


def main() -> None:
    with base.APP.app_context():
        event.listen(
            db.engine, "before_cursor_execute", lambda _c, _k, sql, values, *_: base.STATEMENTS.append((sql, values))
        )
    measurer = Measurer()
    print(json.dumps(list(measurer.acts)), flush=True)
    for line in sys.stdin:
        task = json.loads(line)
        print(json.dumps(measurer.measure(task["name"], task["times"])), flush=True)


if __name__ == "__main__":
    main()
