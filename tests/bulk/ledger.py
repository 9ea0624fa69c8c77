"""Events in bulk: bodies chained by their hashes in order of time, without row seals."""

from collections.abc import Iterator
from datetime import datetime
from heapq import heappop, heappush

from tests.bulk.rows import at
from tracker.ledger.events import hash_body

Waiting = tuple[datetime, int, int | None, int | None, str, str, int, str]


class Ledger:
    """Events that are recorded in any order and written in order of time, as far as no earlier one can follow."""

    def __init__(self, seq: int, head: str) -> None:
        self.seq, self.head = seq, head
        self.recorded = 0
        self._waiting: list[Waiting] = []

    def record(
        self, moment: datetime, actor: int | None, grant: int | None, act: str, kind: str, key: int, data: str = "{}"
    ) -> None:
        """Record an event; `data` is canonical JSON."""
        self.recorded += 1
        heappush(self._waiting, (moment, self.recorded, actor, grant, act, kind, key, data))

    def write(self, before: datetime) -> Iterator[tuple[object, ...]]:
        """Yield the rows of the events before a moment, chained."""
        while self._waiting and self._waiting[0][0] < before:
            moment, _, actor, grant, act, kind, key, data = heappop(self._waiting)
            self.seq += 1
            body = (
                f'{{"act":"{act}","actor":{actor or "null"},"at":"{moment.isoformat("T", "microseconds")}+00:00",'
                f'"data":{data},"grant":{grant or "null"},"object":{{"id":{key},"type":"{kind}"}},'
                f'"prev":"{self.head}","seq":{self.seq},"session_ref":"bulk","v":2}}'
            ).encode()
            previous, self.head = self.head, hash_body(body)
            yield self.seq, at(moment), actor, grant, act, kind, key, body, previous, self.head
