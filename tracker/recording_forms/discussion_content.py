"""Content of a professional discussion record, filled or blank: plain values, without Flask or the database."""

from dataclasses import dataclass

from tracker.recording_forms.observation_content import PrintedRecord


@dataclass(frozen=True)
class PrintedTime:
    """A time of a recording, and the criteria stamped there or the area that begins there."""

    at: str
    """`12:31`, or `recording 2 at 12:31`; empty where it is not known."""
    words: str


@dataclass(frozen=True)
class DiscussionRecord(PrintedRecord):
    """Everything on the record of a professional discussion."""

    NAME = "Professional discussion record"

    agreed_on: str = ""
    areas: tuple[PrintedTime, ...] = ()
    times: tuple[PrintedTime, ...] = ()
    """The stamps in order of time."""
    summary: tuple[str, ...] = ()
    transcript: tuple[str, ...] = ()

    @property
    def row_count(self) -> int:
        """Return the number of table rows and paragraphs, on which the time for rendering depends."""
        return super().row_count + sum(map(len, (self.areas, self.times, self.summary, self.transcript)))
