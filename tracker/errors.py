"""Domain errors; each message is the sentence that the user sees."""

from collections.abc import Iterator
from contextlib import contextmanager


class TrackerError(Exception):
    """An error with a sentence for the user, a title for the page and an HTTP status."""

    status = 400
    title = "This could not be done"


class NotFound(TrackerError):
    """An object that does not exist, or whose existence this person may not know of."""

    status = 404
    title = "Page not found"

    def __init__(self, sentence: str = "You cannot open this page, or it does not exist. Check the address.") -> None:
        super().__init__(sentence)


class Forbidden(TrackerError):
    """An act on an object that the person may read but not change in this way."""

    status = 403
    title = "You cannot do this"

    def __init__(self, sentence: str = "You can read this, but you cannot change it.") -> None:
        super().__init__(sentence)


class Refused(TrackerError):
    """An act that a rule forbids now; nothing was changed (docs/rules.md)."""

    status = 409
    title = "This could not be done"


class Conflict(Refused):
    """An act on rows that somebody else changed first."""

    title = "Somebody else changed this"

    def __init__(
        self,
        sentence: str = "Somebody else changed this at the same time, so your change was not saved. "
        "Open the page again, see what changed, and repeat your change if it is still needed.",
    ) -> None:
        super().__init__(sentence)


class ClockBehind(TrackerError):
    """An act at a time before the last event of the ledger, because the server's clock is behind."""

    status = 503
    title = "The server’s clock is wrong"

    def __init__(self) -> None:
        super().__init__(
            "The server’s clock is behind, so nothing can be signed or submitted now. Nothing was saved. Earlier "
            "drafts are safe. Tell your centre’s administrator: the system operator has to correct the clock."
        )


class UnknownHost(TrackerError):
    """A request whose Host header names another site."""

    title = "Wrong address"

    def __init__(self) -> None:
        super().__init__(
            "This site does not answer at this address. Nothing was saved. Use the address your centre gave you. If "
            "this is that address, the system operator has to add it to the settings."
        )


class Invalid(TrackerError):
    """Invalid input; `field` is the name of its form field, if any."""

    status = 422
    title = "There is a problem"

    def __init__(self, sentence: str, field: str | None = None) -> None:
        super().__init__(sentence)
        self.field = field


class WrongPassword(Invalid):
    """A wrong password where the person has to confirm their identity."""

    def __init__(self, kept: str = "Nothing was signed.") -> None:
        super().__init__(f"That is not your password. {kept} Type it again.", "password")


class Busy(TrackerError):
    """A request for which no time is left now, because others are being served."""

    status = 503
    title = "The server is busy"
    retry_after = 30
    """Seconds after which to try again, which the answer says in `Retry-After`."""

    def __init__(
        self,
        sentence: str = "Other files are being opened at the moment. Nothing was changed. Try again in a minute.",
    ) -> None:
        super().__init__(sentence)


class FormWaits(Busy):
    """A form that cannot be printed yet; its page tries again by itself."""

    title = "The form is not ready yet"
    retry_after = 5

    def __init__(self) -> None:
        super().__init__(
            "Many forms are being printed at the moment. This page tries again every 5 seconds until the form is "
            "ready. You can also leave it and print the form later."
        )


class TooManyAtOnce(Busy):
    """A piece of work of a person who has several of its kind running and waiting already."""

    status = 429
    title = "Too many requests"
    retry_after = 10

    def __init__(self, sentence: str) -> None:
        super().__init__(f"{sentence} Nothing was changed. Wait until they are finished, then try again.")


class FormNotRendered(TrackerError):
    """A recording form that could not be rendered; `reason` is for the log, not for the user."""

    status = 503
    title = "The form could not be printed"

    def __init__(self, reason: str = "") -> None:
        super().__init__("The form could not be printed. Everything on it is saved. Try again in a minute.")
        self.reason = reason


Refusals = dict[int, Invalid | Refused]
"""Why some of the items of a list are refused, by their place."""


@contextmanager
def note_refusal(refused: Refusals | None, place: int) -> Iterator[None]:
    """Note why one item of a list is refused, so that the others are carried out; or let the error pass."""
    try:
        yield
    except (Invalid, Refused) as error:
        if refused is None:
            raise
        refused[place] = error
