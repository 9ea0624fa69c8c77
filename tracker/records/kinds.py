"""The kinds of records that an assessor writes: their words, and the content with which each begins."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tracker.portfolio.record_content import DiscussionContent, ObservationContent, WrittenContent
from tracker.vocabulary import Method, RecordKind


@dataclass(frozen=True)
class WrittenKind:
    """A kind of record that an assessor writes."""

    slug: str
    """As addresses and names of files name it."""
    noun: str
    title: str
    """What the title of a record begins with."""
    method: Method
    declaration: str
    make_content: Callable[..., WrittenContent]


WRITTEN_KINDS: Mapping[RecordKind, WrittenKind] = MappingProxyType(
    {
        RecordKind.OBSERVATION: WrittenKind(
            "observation",
            "observation",
            "Observation",
            Method.OBSERVATION,
            "I declare that I observed this myself, that this record is true, and that I have removed customers’ "
            "personal details or have permission to use them.",
            ObservationContent,
        ),
        RecordKind.PROFESSIONAL_DISCUSSION: WrittenKind(
            "discussion",
            "professional discussion",
            "Professional discussion",
            Method.PROFESSIONAL_DISCUSSION,
            "I declare that I held this discussion with the candidate, that this record and its recordings are true, "
            "and that I have removed customers’ personal details or have permission to use them.",
            DiscussionContent,
        ),
        RecordKind.QUESTIONS: WrittenKind(
            "questions",
            "record of questions",
            "Questions and answers",
            Method.QUESTIONING,
            "I declare that I asked these questions myself, that the answers are as the candidate gave them, and "
            "that I have removed customers’ personal details or have permission to use them.",
            ObservationContent,
        ),
    }
)


def find_written_kind(slug: str) -> RecordKind | None:
    """Return the kind that an address names; None for no kind."""
    return next((kind for kind, words in WRITTEN_KINDS.items() if words.slug == slug), None)


def get_written_kind(kind: RecordKind | None) -> WrittenKind:
    """Return the words of a kind that an assessor writes."""
    assert kind is not None  # noqa: S101 - a record has a kind
    return WRITTEN_KINDS[kind]
