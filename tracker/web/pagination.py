"""The position of a page in a list that is shown a page at a time."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Page:
    """A page's number, counted from 1, and what comes after it.

    `last` is the number of the last page; None where the list is read only as far as the page shown and one row more.
    """

    number: int
    has_next: bool
    last: int | None = None

    @property
    def previous(self) -> int | None:
        """The number of the page before, or None."""
        return self.number - 1 if self.number > 1 else None

    @property
    def next(self) -> int | None:
        """The number of the page after, or None."""
        return self.number + 1 if self.has_next else None
