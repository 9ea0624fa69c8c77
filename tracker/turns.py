"""Whose turn it is, where the requests of many people wait for the same work: printing, and long jobs.

Each person has one place in the queue. After a piece of their work is done, their next request goes to the end of the
queue. So many requests of one person delay another's by no more than the piece that is being done.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Protocol, TypeVar


class Waiting(Protocol):
    """A request that waits."""

    @property
    def number(self) -> int:
        """Return its number: an earlier request has a lower one."""

    @property
    def person_id(self) -> int:
        """Return whose request it is."""

    @property
    def asked_at(self) -> Any:
        """Return when it was made: any value that can be compared, such as a time or a count."""


Request = TypeVar("Request", bound=Waiting)


def choose_next(waiting: Iterable[Request], last_done: Mapping[int, Any], in_progress: Collection[int]) -> Request:
    """Return the request whose turn it is. The requests of one person keep their order.

    Args:
        waiting: the requests that wait, at least one.
        last_done: when a piece of a person's work was done last; people who have none may be left out.
        in_progress: the people whose work is being done now. Their turn comes only when nobody else waits.
    """

    def find_place(request: Request) -> tuple[bool, Any, int]:
        done_at = last_done.get(request.person_id, request.asked_at)
        return request.person_id in in_progress, max(request.asked_at, done_at), request.number

    return min(waiting, key=find_place)
