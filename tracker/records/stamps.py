"""Stamps in the narrative of an observation: a time and criteria in square brackets, such as `[10:09 5, g]`.

The narrative is the only place where a stamp is kept, so that typing and stamping cannot disagree. Which criterion a
mark names does not depend on the other units of the observation: without a unit's code it is of its first unit.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from tracker.matrix import MatrixColumn
from tracker.portfolio.record_content import DiscussionContent, ObservationContent, Question, Stamp, WrittenContent
from tracker.portfolio.recording_times import RecordingTime
from tracker.vocabulary import CriterionKind

STAMP = re.compile(r"\[([0-9]{1,2}:[0-9]{2})[ \t]+([^\[\]\n]{1,200})\]")
TIME_OF_DAY = re.compile(r"([01]?[0-9]|2[0-3]):[0-5][0-9]")
KNOWLEDGE = "K "
"""What stands before the label of a knowledge item that a performance criterion of its unit has too."""


@dataclass(frozen=True)
class StampableUnit:
    """A unit whose criteria can be stamped: an open attempt of the candidate that is allocated to the author."""

    attempt_id: int
    code: str
    title: str
    columns: tuple[MatrixColumn, ...]


@dataclass(frozen=True)
class MarkedCriterion:
    """A criterion with the mark that stamps it."""

    unit: StampableUnit
    column: MatrixColumn
    mark: str

    @property
    def value(self) -> str:
        """Return the value of its button: `7-41`."""
        return f"{self.unit.attempt_id}-{self.column.id}"

    @property
    def key(self) -> tuple[int, int]:
        """Return its attempt and criterion."""
        return self.unit.attempt_id, self.column.id

    def stamp(self, at: str) -> Stamp:
        """Return its stamp at a time."""
        return Stamp(at, self.unit.attempt_id, self.column.id, self.unit.code, self.column.kind, self.column.label)


@dataclass(frozen=True)
class ReadStamps:
    """What the stamps of a text name, in order, and the marks that name no criterion or no time of day."""

    stamps: tuple[Stamp, ...]
    unknown: tuple[str, ...]
    """Those that name no criterion, such as `[10:09 99]`."""
    without_time: tuple[str, ...]
    """Those whose time does not exist, such as `[24:05 5]`."""

    @property
    def times_by_criterion(self) -> dict[tuple[int, int], list[str]]:
        """Return the times of each stamped criterion, by attempt and criterion."""
        times: dict[tuple[int, int], list[str]] = {}
        for stamp in self.stamps:
            known = times.setdefault((stamp.attempt, stamp.criterion), [])
            if stamp.at not in known:
                known.append(stamp.at)
        return times


@dataclass(frozen=True)
class Places:
    """Where a record shows each criterion, and the marks of questions that name none."""

    by_criterion: Mapping[tuple[int, int], list[str]]
    """Times, and numbers of questions, by attempt and criterion."""
    unknown: tuple[str, ...]

    def select(self, criteria: Collection[MarkedCriterion]) -> dict[tuple[int, int], list[str]]:
        """Return the places of these criteria alone."""
        keys = {each.key for each in criteria}
        return {key: places for key, places in self.by_criterion.items() if key in keys}


def mark_criteria(units: Iterable[StampableUnit], first_attempt: int) -> list[MarkedCriterion]:
    """Return every criterion of the units with its mark.

    Args:
        units: the units.
        first_attempt: the attempt for which the observation was begun; the marks of its criteria carry no code.
    """
    return [
        MarkedCriterion(unit, column, mark if unit.attempt_id == first_attempt else f"{unit.code} {mark}")
        for unit in units
        for column, mark in _mark_unit(unit)
    ]


def read_stamps(text: str, criteria: Iterable[MarkedCriterion]) -> ReadStamps:
    """Return the stamps in a text; a mark of the first unit may carry its code too."""
    by_mark = index_marks(criteria)
    stamps, unknown, without_time = [], [], []
    for at, marks in STAMP.findall(text):
        for mark in marks.split(","):
            criterion = by_mark.get(normalise_mark(mark))
            if not TIME_OF_DAY.fullmatch(at):
                without_time.append(f"[{at} {mark.strip()}]")
            elif criterion:
                stamps.append(criterion.stamp(at.zfill(5)))
            elif mark.strip():
                unknown.append(f"[{at} {mark.strip()}]")
    return ReadStamps(tuple(stamps), tuple(dict.fromkeys(unknown)), tuple(dict.fromkeys(without_time)))


def find_criterion(mark: str, criteria: Iterable[MarkedCriterion]) -> MarkedCriterion | None:
    """Return the criterion that a mark names, or None."""
    return index_marks(criteria).get(normalise_mark(mark))


def list_places(content: WrittenContent, criteria: Collection[MarkedCriterion]) -> Places:
    """Return where the stamps and the questions of a record show each criterion.

    Args:
        content: the content with its stamps.
        criteria: the criteria that the mark of a question can name.
    """
    if isinstance(content, DiscussionContent):
        return _list_recording_places(content)
    if not isinstance(content, ObservationContent):
        return Places({}, ())
    asked = list_question_places(content.questions, criteria)
    places = ReadStamps(content.stamps, (), ()).times_by_criterion
    for key, numbers in asked.by_criterion.items():
        places.setdefault(key, []).extend(numbers)
    return Places(places, asked.unknown)


def list_question_places(questions: Iterable[Question], criteria: Collection[MarkedCriterion]) -> Places:
    """Return the numbers of the questions about each criterion."""
    places: dict[tuple[int, int], list[str]] = {}
    unknown = []
    for number, question in enumerate(questions, 1):
        for mark in filter(None, map(str.strip, question.mark.split(","))):
            if criterion := find_criterion(mark, criteria):
                places.setdefault(criterion.key, []).append(f"question {number}")
            else:
                unknown.append(f"“{mark}”")
    return Places(places, tuple(unknown))


def _list_recording_places(content: DiscussionContent) -> Places:
    places: dict[tuple[int, int], list[str]] = {}
    for each in content.stamps:
        known = places.setdefault((each.attempt, each.criterion), [])
        known.append(RecordingTime(each.recording, each.second).locator)
    return Places(places, ())


def split_stamps(text: str) -> tuple[tuple[str, bool], ...]:
    """Return a text in pieces, each with whether it is a stamp."""
    pieces, end = [], 0
    for found in STAMP.finditer(text):
        pieces += [(text[end : found.start()], False), (found[0], True)]
        end = found.end()
    return tuple((piece, is_stamp) for piece, is_stamp in (*pieces, (text[end:], False)) if piece)


def add_stamp(text: str, criterion: MarkedCriterion, at: str) -> str:
    """Return a narrative with a stamp at its end."""
    gap = "" if not text or text.endswith((" ", "\n")) else " "
    return f"{text}{gap}[{at} {criterion.mark}] "


def _mark_unit(unit: StampableUnit) -> Iterator[tuple[MatrixColumn, str]]:
    performance = {each.label for each in unit.columns if each.kind is CriterionKind.PERFORMANCE}
    for column in unit.columns:
        is_same = column.kind is CriterionKind.KNOWLEDGE and column.label in performance
        yield column, f"{KNOWLEDGE if is_same else ''}{column.label}"


def index_marks(criteria: Iterable[MarkedCriterion]) -> Mapping[str, MarkedCriterion]:
    """Return the criteria by the marks that name them."""
    index: dict[str, MarkedCriterion] = {}
    for each in criteria:
        index.setdefault(normalise_mark(each.mark), each)
        index.setdefault(normalise_mark(f"{each.unit.code} {each.mark}"), each)
    return index


def normalise_mark(mark: str) -> str:
    """Return a mark with single spaces."""
    return " ".join(mark.split())
