"""Criteria stamped at times of a recording, each time on a line: `12:31 i, 8`, in the second recording `2/0:45 j`.

As in an observation, what is typed is the only place where a stamp is kept. So typing and stamping cannot disagree.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from tracker.portfolio.record_content import MAX_SECOND, RecordingStamp
from tracker.portfolio.recording_times import RecordingTime, split_line
from tracker.records.stamps import MarkedCriterion, index_marks, normalise_mark


@dataclass(frozen=True)
class StampedTimes:
    """What the lines of a text stamp, in order of time, and what of them cannot be read."""

    stamps: tuple[RecordingStamp, ...]
    unknown: tuple[str, ...]
    """Marks that name no criterion, each with its time: `12:31 99`."""
    unreadable: tuple[str, ...]
    """Lines that do not begin with a time, or have no criterion after it."""

    @property
    def times_by_criterion(self) -> dict[tuple[int, int], list[RecordingTime]]:
        """Return the times of each stamped criterion, by attempt and criterion."""
        times: dict[tuple[int, int], list[RecordingTime]] = {}
        for each in self.stamps:
            times.setdefault((each.attempt, each.criterion), []).append(RecordingTime(each.recording, each.second))
        return times


def read_stamped_times(text: str, criteria: Iterable[MarkedCriterion]) -> StampedTimes:
    """Return the stamps of a text; a criterion stamped twice at one second is stamped once."""
    by_mark = index_marks(criteria)
    stamps: dict[RecordingStamp, None] = {}
    unknown, unreadable = [], []
    for line in filter(None, map(str.strip, text.splitlines())):
        at, marks = split_line(line)
        if at is None or not marks or at.second > MAX_SECOND:
            unreadable.append(f"“{line}”")
            continue
        for mark in filter(None, map(normalise_mark, marks.split(","))):
            criterion = by_mark.get(mark)
            if criterion:
                stamps[_stamp(criterion, at)] = None
            else:
                unknown.append(f"“{at.typed} {mark}”")
    ordered = sorted(stamps, key=lambda each: (each.recording, each.second))
    return StampedTimes(tuple(ordered), tuple(dict.fromkeys(unknown)), tuple(dict.fromkeys(unreadable)))


def add_stamp_line(text: str, criterion: MarkedCriterion, at: RecordingTime) -> str:
    """Return the lines with a stamp at their end."""
    gap = "" if not text or text.endswith("\n") else "\n"
    return f"{text}{gap}{at.typed} {criterion.mark}\n"


def _stamp(criterion: MarkedCriterion, at: RecordingTime) -> RecordingStamp:
    unit, column = criterion.unit, criterion.column
    return RecordingStamp(at.recording, at.second, unit.attempt_id, column.id, unit.code, column.kind, column.label)
