"""Times in recordings: read as people type them, written as locators, and found in locators again."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tracker.models import Attachment
from tracker.portfolio.record_content import DiscussionContent, RecordingStamp

CLOCK = r"(?:([0-9]{1,2}):)?([0-9]{1,3}):([0-5][0-9])"
TYPED = re.compile(rf"(?:([1-9][0-9]?)/)?{CLOCK}")
LOCATED = re.compile(rf"(?:\brecording ([1-9][0-9]?) at )?(?<![0-9:]){CLOCK}(?![0-9:])")


@dataclass(frozen=True, order=True)
class RecordingTime:
    """A second of one of the recordings of an item."""

    recording: int
    """Its number among the recordings, from 1."""
    second: int

    @property
    def clock(self) -> str:
        """Return the time in its recording: `12:31`, or `1:02:31` after an hour."""
        minutes, seconds = divmod(self.second, 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"

    @property
    def locator(self) -> str:
        """Return where to look: `12:31`, or `recording 2 at 12:31`."""
        return self.clock if self.recording == 1 else f"recording {self.recording} at {self.clock}"

    @property
    def typed(self) -> str:
        """Return it as it is typed: `12:31`, or `2/12:31` in the second recording."""
        return self.clock if self.recording == 1 else f"{self.recording}/{self.clock}"


@dataclass(frozen=True)
class Area:
    """An area of a discussion, and the time at which it begins in a recording, where that is known."""

    title: str
    at: RecordingTime | None


def read_time(text: str) -> RecordingTime | None:
    """Return a time as it is typed, `12:31`, `1:02:31` or `2/12:31`; None for anything else."""
    match = TYPED.fullmatch(text.strip())
    return _build(match) if match else None


def read_areas(text: str) -> list[Area]:
    """Return the areas of a discussion, one for each line; a line may begin with its time."""
    areas = []
    for line in filter(None, map(str.strip, text.splitlines())):
        at, title = split_line(line)
        areas.append(Area(title, at) if at and title else Area(line, None))
    return areas


def split_line(line: str) -> tuple[RecordingTime | None, str]:
    """Return the time with which a line begins, or None, and the rest of it."""
    first, _, rest = line.partition(" ")
    return read_time(first), rest.strip()


def split_locator(locator: str) -> tuple[tuple[str, RecordingTime | None], ...]:
    """Return a locator in pieces, each with the time in a recording that it names, or None."""
    pieces: list[tuple[str, RecordingTime | None]] = []
    end = 0
    for match in LOCATED.finditer(locator):
        pieces += [(locator[end : match.start()], None), (match[0], _build(match))]
        end = match.end()
    return tuple((piece, at) for piece, at in (*pieces, (locator[end:], None)) if piece)


def list_stamped_times(content: DiscussionContent) -> list[tuple[str, list[RecordingStamp]]]:
    """List the times of a sealed discussion in order, each as a locator with what is stamped there."""
    times: dict[RecordingTime, list[RecordingStamp]] = {}
    for each in content.stamps:
        times.setdefault(RecordingTime(each.recording, each.second), []).append(each)
    return [(at.locator, stamps) for at, stamps in times.items()]


def list_recordings(attachments: Iterable[Attachment]) -> list[Attachment]:
    """List the recordings among files in their order: the first is recording 1."""
    return [each for each in attachments if each.media_type.startswith(("audio/", "video/"))]


def _build(match: re.Match[str]) -> RecordingTime:
    recording, hours, minutes, seconds = (int(each or 0) for each in match.groups())
    return RecordingTime(recording or 1, 3600 * hours + 60 * minutes + seconds)
