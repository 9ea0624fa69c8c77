"""Domain errors. Each message is the sentence the user sees: what happened, what was kept, what to do."""


class TrackerError(Exception):
    """Anything the product refuses, with the sentence for the person and the HTTP status that fits."""

    status = 400
    title = "That could not be done"


class NotFound(TrackerError):
    """There is no such thing, or this person is not to know that there is."""

    status = 404
    title = "Page not found"

    def __init__(self, sentence: str = "There is nothing here that you can open. Check the address.") -> None:
        super().__init__(sentence)


class Forbidden(TrackerError):
    """The person may look at this thing, but not do this to it."""

    status = 403
    title = "You cannot do this"

    def __init__(self, sentence: str = "You can read this, but it is not yours to change.") -> None:
        super().__init__(sentence)


class Refused(TrackerError):
    """A rule of the work forbids this act now; nothing was changed."""

    status = 409
    title = "That could not be done"


class Conflict(Refused):
    """Somebody else changed the same thing first."""

    title = "Somebody else was quicker"

    def __init__(
        self,
        sentence: str = "Somebody else changed this at the same moment. Nothing of yours was saved twice. "
        "Open the page again, look at what changed, and repeat what is still needed.",
    ) -> None:
        super().__init__(sentence)


class ClockBehind(TrackerError):
    """The server's clock stands well before the record's last entry: an entry now would be out of its order."""

    status = 503
    title = "The server’s clock is wrong"

    def __init__(self) -> None:
        super().__init__(
            "The server’s clock stands before the last entry of the record, so nothing can be signed or handed in "
            "just now. Nothing was saved; drafts saved before are safe. Tell your centre’s administrator: whoever "
            "runs this site has to look at its clock."
        )


class UnknownHost(TrackerError):
    """The request names a site that is not this one."""

    title = "This is not where you meant to go"

    def __init__(self) -> None:
        super().__init__(
            "This site does not go by the name you asked for. Nothing was saved. Use the address your centre gave. "
            "If it is this one, the operator has to add it."
        )


class Invalid(TrackerError):
    """What was typed cannot be used; `field` names the input it belongs to, if one."""

    status = 422
    title = "Something needs changing"

    def __init__(self, sentence: str, field: str | None = None) -> None:
        super().__init__(sentence)
        self.field = field


class WrongPassword(Invalid):
    """The password given to prove again who one is is not this person's."""

    def __init__(self, kept: str = "Nothing was signed.") -> None:
        super().__init__(f"That is not your password. {kept} Type it again.", "password")


class FormNotRendered(TrackerError):
    """A sheet could not be made; the reason is for the log, not for the person."""

    status = 503
    title = "The form could not be printed"

    def __init__(self, reason: str = "") -> None:
        super().__init__(
            "The form could not be made just now. Nothing is lost: everything on it is saved. Try again in a minute."
        )
        self.reason = reason
