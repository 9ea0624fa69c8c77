"""What the statements of a request read: rows and sequential scans on PostgreSQL, steps and scans on SQLite."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, event

STEPS_AT_ONCE = 500
"""SQLite calls back after so many instructions of its virtual machine."""
PLANNER = ("enable_seqscan = off", "enable_hashjoin = off", "enable_mergejoin = off", "random_page_cost = 1.1")
"""Small tables are read whole although they have indexes: these settings show how a large one would be read."""
ALIAS = re.compile(r'(?:FROM|JOIN|,)\s+"?(\w+)"? AS "?(\w+)"?')


@dataclass
class Reading:
    """What a request read."""

    statements: list[tuple[str, Any]] = field(default_factory=list)
    read: int = 0
    """Rows of tables on PostgreSQL; on SQLite, hundreds of instructions."""
    scanned: set[str] = field(default_factory=set)
    """Tables that were read from one end to the other."""
    by_statement: dict[str, int] = field(default_factory=dict)


class Reader:
    """Collects the statements of requests through one engine, and asks the database what they read."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.steps, self.current = engine, 0, Reading()
        self.is_sqlite = engine.dialect.name == "sqlite"
        event.listen(engine, "before_cursor_execute", self._note)
        if self.is_sqlite:
            event.listen(engine, "connect", self._count_steps)
            engine.dispose()

    def close(self) -> None:
        """Collect no more."""
        event.remove(self.engine, "before_cursor_execute", self._note)
        if self.is_sqlite:
            event.remove(self.engine, "connect", self._count_steps)
            self.engine.dispose()

    def _count_steps(self, connection: Any, _record: object) -> None:
        def count() -> None:
            self.steps += STEPS_AT_ONCE

        connection.set_progress_handler(count, STEPS_AT_ONCE)

    def _note(self, _connection: object, _cursor: object, statement: str, parameters: Any, *_rest: object) -> None:
        self._finish_statement()
        if statement.startswith(("SELECT", "WITH")):
            self.current.statements.append((statement, parameters))

    def _finish_statement(self) -> None:
        if self.steps and self.current.statements:
            name = self.current.statements[-1][0]
            self.current.by_statement[name] = self.current.by_statement.get(name, 0) + self.steps
            self.current.read += self.steps
        self.steps = 0

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """Collect what is read meanwhile; it is complete at the end."""
        self.current, self.steps = Reading(), 0
        yield self.current
        self._finish_statement()
        found, self.current = self.current, Reading()
        with self.engine.connect() as connection:
            cursor = connection.connection.cursor()
            for statement, parameters in found.statements:
                (self._explain_sqlite if self.is_sqlite else self._explain_postgresql)(
                    cursor, statement, parameters, found
                )
            connection.rollback()
        self.steps = 0

    def _explain_sqlite(self, cursor: Any, statement: str, parameters: Any, found: Reading) -> None:
        aliases = {alias: table for table, alias in ALIAS.findall(statement)}
        for *_, detail in cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall():
            if detail.startswith("SCAN "):
                name = detail.split()[1]
                found.scanned.add(aliases.get(name, name))

    def _explain_postgresql(self, cursor: Any, statement: str, parameters: Any, found: Reading) -> None:
        for setting in PLANNER:
            cursor.execute(f"SET LOCAL {setting}")
        cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement}", parameters)
        plan = cursor.fetchone()[0]
        read = 0
        for node in _walk((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]):
            if "Relation Name" not in node:
                continue
            rows = sum(
                node.get(name, 0)
                for name in ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")
            )
            read += rows * node["Actual Loops"]
            if node["Node Type"] == "Seq Scan" and node["Actual Loops"]:
                found.scanned.add(node["Relation Name"])
        found.read += read
        found.by_statement[statement] = found.by_statement.get(statement, 0) + read


def _walk(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _walk(child)
