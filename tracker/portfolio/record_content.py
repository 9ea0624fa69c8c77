"""Content of records of assessment beside the fields of evidence: a versioned schema for each kind of record.

It is kept as canonical JSON with the version of its schema. A sealed version stays as it was, so every version of a
schema stays here.
"""

import json
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, TypeVar

from marshmallow import Schema, fields, post_load, validate

from tracker.ledger.canonical_json import canonical_json
from tracker.vocabulary import CriterionKind, Outcome, RecordKind, WitnessStatus

MAX_LINE, MAX_TEXT, MAX_QUESTION = 200, 10_000, 2_000
"""Characters of a line, of a longer text, and of a question or an answer."""
MAX_ANSWER = 5_000
"""Characters of an answer that the candidate writes themselves."""
MAX_QUESTIONS, MAX_STAMPS = 50, 500
MAX_TRANSCRIPT = 200_000
"""Characters of a transcript: two hours of talk have some 110,000."""
MAX_SECOND = 24 * 3600
TIME = validate.Regexp(r"([01][0-9]|2[0-3]):[0-5][0-9]\Z")
OPTIONAL_TIME = validate.Regexp(r"(([01][0-9]|2[0-3]):[0-5][0-9])?\Z")
OPTIONAL_DAY = validate.Regexp(r"([0-9]{4}-[0-9]{2}-[0-9]{2})?\Z")


@dataclass(frozen=True)
class Stamp:
    """A criterion stamped at a time in the narrative, with the words that print it."""

    at: str
    """London time, such as `10:09`."""
    attempt: int
    criterion: int
    unit: str
    kind: CriterionKind
    label: str


@dataclass(frozen=True)
class Question:
    """A question asked, the answer as given, the criterion it is about, and what its asker thought of the answer."""

    question: str = ""
    answer: str = ""
    mark: str = ""
    """The criterion as it was written: `g`, or `INSCC004 K3` for one of another unit."""
    outcome: Outcome | None = None

    @property
    def is_empty(self) -> bool:
        """Return whether nothing was written."""
        return not (self.question.strip() or self.answer.strip() or self.mark.strip() or self.outcome)


@dataclass(frozen=True)
class RecordingStamp:
    """A criterion stamped at a second of a recording, with the words that print it."""

    recording: int
    """Its number among the recordings of the version, from 1."""
    second: int
    attempt: int
    criterion: int
    unit: str
    kind: CriterionKind
    label: str


@dataclass(frozen=True)
class WrittenContent:
    """What every record that an assessor writes says of where and when it was."""

    place: str = ""
    starts: str = ""
    ends: str = ""
    first_attempt: int = 0
    """The attempt for which it was begun: a stamp without a unit's code is of its unit."""

    @property
    def times(self) -> str:
        """Return when it took place: `10:00 to 11:00`, `from 10:00`, or an empty text."""
        if self.starts and self.ends:
            return f"{self.starts} to {self.ends}"
        return f"from {self.starts}" if self.starts else f"until {self.ends}" if self.ends else ""


@dataclass(frozen=True)
class DiscussionContent(WrittenContent):
    """What a professional discussion says besides its summary and its day."""

    areas: str = ""
    """The areas agreed beforehand, each on a line, with the time at which it begins in the recording where known."""
    agreed_on: str = ""
    """The day on which they were agreed, such as `2026-11-12`."""
    stamped_times: str = ""
    """Criteria at times of the recordings as they were typed: `12:31 i, 8`, each time on a line."""
    transcript: str = ""
    stamps: tuple[RecordingStamp, ...] = ()
    """Read from `stamped_times` when the record is finished; a draft has none."""

    @property
    def agreed_day(self) -> date | None:
        """Return the day on which the areas were agreed."""
        return date.fromisoformat(self.agreed_on) if self.agreed_on else None


@dataclass(frozen=True)
class ObservationContent(WrittenContent):
    """What an observation says besides its narrative and its day."""

    questions: tuple[Question, ...] = ()
    feedback: str = ""
    further_action: str = ""
    stamps: tuple[Stamp, ...] = ()
    """Read from the narrative and the questions when the record is finished; a draft has none."""


@dataclass(frozen=True)
class SeenCriterion:
    """A criterion that a witness ticked, with the words that print it."""

    attempt: int
    criterion: int
    unit: str
    kind: CriterionKind
    label: str


@dataclass(frozen=True)
class WitnessTestimonyContent:
    """What a witness's testimony says besides what they saw, its title and its day."""

    witness: str
    """The witness's name, as they typed it to sign."""
    job: str
    relationship: str
    """How the witness knows the candidate."""
    contact: str
    """The address to which the code was sent; in person the one that the witness gave, or nothing."""
    status: WitnessStatus
    place: str
    criteria: tuple[SeenCriterion, ...]
    statement: str
    """The wording that the witness signed."""
    address_confirmed: bool
    """Whether the witness typed a code that was sent to the address."""


@dataclass(frozen=True)
class AnswersContent:
    """What a candidate answered, on their own, to the questions that an assessor set."""

    questions: tuple[Question, ...]
    """As they were set; none has an outcome, since the assessor marks the answers when they assess them."""
    help_used: str = ""
    """Who or what the candidate used as help, in their words."""


RecordContent = WrittenContent | WitnessTestimonyContent | AnswersContent
Shape = TypeVar("Shape", bound=RecordContent)


class StampSchema(Schema):
    """A stamp of an observation."""

    at = fields.String(required=True, validate=TIME)
    attempt = fields.Integer(required=True, strict=True)
    criterion = fields.Integer(required=True, strict=True)
    unit = fields.String(required=True)
    kind = fields.Enum(CriterionKind, by_value=True, required=True)
    label = fields.String(required=True)

    @post_load
    def make(self, values: dict[str, Any], **_: Any) -> Stamp:
        """Build the dataclass."""
        return Stamp(**values)


class QuestionSchema(Schema):
    """A question of an observation."""

    question = fields.String(required=True, validate=validate.Length(max=MAX_QUESTION))
    answer = fields.String(required=True, validate=validate.Length(max=MAX_QUESTION))
    mark = fields.String(required=True, validate=validate.Length(max=MAX_LINE))
    outcome = fields.Enum(Outcome, by_value=True, required=True, allow_none=True)

    @post_load
    def make(self, values: dict[str, Any], **_: Any) -> Question:
        """Build the dataclass."""
        return Question(**values)


class ObservationSchemaV1(Schema):
    """The content of an observation, version 1."""

    place = fields.String(required=True, validate=validate.Length(max=MAX_LINE))
    starts = fields.String(required=True, validate=OPTIONAL_TIME)
    ends = fields.String(required=True, validate=OPTIONAL_TIME)
    questions = fields.List(fields.Nested(QuestionSchema), required=True, validate=validate.Length(max=MAX_QUESTIONS))
    feedback = fields.String(required=True, validate=validate.Length(max=MAX_TEXT))
    further_action = fields.String(required=True, validate=validate.Length(max=MAX_TEXT))
    first_attempt = fields.Integer(required=True, strict=True)
    stamps = fields.List(fields.Nested(StampSchema), required=True, validate=validate.Length(max=MAX_STAMPS))

    @post_load
    def make(self, values: dict[str, Any], **_: Any) -> ObservationContent:
        """Build the dataclass."""
        return ObservationContent(
            **{**values, "questions": tuple(values["questions"]), "stamps": tuple(values["stamps"])}
        )


class RecordingStampSchema(Schema):
    """A stamp of a professional discussion."""

    recording = fields.Integer(required=True, strict=True, validate=validate.Range(1, 99))
    second = fields.Integer(required=True, strict=True, validate=validate.Range(0, MAX_SECOND))
    attempt = fields.Integer(required=True, strict=True)
    criterion = fields.Integer(required=True, strict=True)
    unit = fields.String(required=True)
    kind = fields.Enum(CriterionKind, by_value=True, required=True)
    label = fields.String(required=True)

    @post_load
    def make(self, values: dict[str, Any], **_: Any) -> RecordingStamp:
        """Build the dataclass."""
        return RecordingStamp(**values)


class DiscussionSchemaV1(Schema):
    """The content of a professional discussion, version 1."""

    place = fields.String(required=True, validate=validate.Length(max=MAX_LINE))
    starts = fields.String(required=True, validate=OPTIONAL_TIME)
    ends = fields.String(required=True, validate=OPTIONAL_TIME)
    first_attempt = fields.Integer(required=True, strict=True)
    areas = fields.String(required=True, validate=validate.Length(max=MAX_TEXT))
    agreed_on = fields.String(required=True, validate=OPTIONAL_DAY)
    stamped_times = fields.String(required=True, validate=validate.Length(max=MAX_TEXT))
    transcript = fields.String(required=True, validate=validate.Length(max=MAX_TRANSCRIPT))
    stamps = fields.List(fields.Nested(RecordingStampSchema), required=True, validate=validate.Length(max=MAX_STAMPS))

    @post_load
    def make(self, values: dict[str, Any], **_: Any) -> DiscussionContent:
        """Build the dataclass."""
        return DiscussionContent(**{**values, "stamps": tuple(values["stamps"])})


class QuestionsSchemaV1(ObservationSchemaV1):
    """The content of a record of questions and answers, version 1: what an observation has, without stamps."""

    stamps = fields.List(fields.Nested(StampSchema), required=True, validate=validate.Length(max=0))


class SeenCriterionSchema(Schema):
    """A criterion that a witness ticked."""

    attempt = fields.Integer(required=True, strict=True)
    criterion = fields.Integer(required=True, strict=True)
    unit = fields.String(required=True)
    kind = fields.Enum(CriterionKind, by_value=True, required=True)
    label = fields.String(required=True)

    @post_load
    def make(self, values: dict[str, Any], **_: Any) -> SeenCriterion:
        """Build the dataclass."""
        return SeenCriterion(**values)


class WitnessTestimonySchemaV1(Schema):
    """The content of a witness's testimony, version 1."""

    witness = fields.String(required=True, validate=validate.Length(min=1, max=MAX_LINE))
    job = fields.String(required=True, validate=validate.Length(min=1, max=MAX_LINE))
    relationship = fields.String(required=True, validate=validate.Length(min=1, max=MAX_LINE))
    contact = fields.String(required=True, validate=validate.Length(max=254))
    status = fields.Enum(WitnessStatus, by_value=True, required=True)
    place = fields.String(required=True, validate=validate.Length(max=MAX_LINE))
    criteria = fields.List(fields.Nested(SeenCriterionSchema), required=True, validate=validate.Length(min=1))
    statement = fields.String(required=True, validate=validate.Length(min=1))
    address_confirmed = fields.Boolean(required=True)

    @post_load
    def make(self, values: dict[str, Any], **_: Any) -> WitnessTestimonyContent:
        """Build the dataclass."""
        return WitnessTestimonyContent(**{**values, "criteria": tuple(values["criteria"])})


class AnsweredSchema(QuestionSchema):
    """A set question with the candidate's answer."""

    answer = fields.String(required=True, validate=validate.Length(max=MAX_ANSWER))
    outcome = fields.Enum(Outcome, by_value=True, required=True, allow_none=True, validate=validate.Equal(None))


class AnswersSchemaV1(Schema):
    """The content of answers to set questions, version 1."""

    questions = fields.List(
        fields.Nested(AnsweredSchema), required=True, validate=validate.Length(min=1, max=MAX_QUESTIONS)
    )
    help_used = fields.String(required=True, validate=validate.Length(max=MAX_QUESTION))

    @post_load
    def make(self, values: dict[str, Any], **_: Any) -> AnswersContent:
        """Build the dataclass."""
        return AnswersContent(tuple(values["questions"]), values["help_used"])


SCHEMAS: dict[tuple[RecordKind, int], type[Schema]] = {
    (RecordKind.OBSERVATION, 1): ObservationSchemaV1,
    (RecordKind.WITNESS_TESTIMONY, 1): WitnessTestimonySchemaV1,
    (RecordKind.PROFESSIONAL_DISCUSSION, 1): DiscussionSchemaV1,
    (RecordKind.QUESTIONS, 1): QuestionsSchemaV1,
    (RecordKind.ANSWERS, 1): AnswersSchemaV1,
}
"""The schema of each kind and version. A version is never changed: a change is a new version."""
NEWEST = dict.fromkeys(RecordKind, 1)
"""The version in which each kind is written now."""


def dump_content(kind: RecordKind, content: RecordContent) -> str:
    """Return content as canonical JSON of the newest version of its schema. Raises `ValidationError`."""
    version = NEWEST[kind]
    values = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(content).items()}
    schema = SCHEMAS[kind, version]()
    schema.load(schema.dump(values))
    return canonical_json({"version": version, **schema.dump(values)}).decode("ascii")


def load_content(kind: RecordKind | None, text: str | None) -> RecordContent | None:
    """Return stored content, whatever the version of its schema; None for an ordinary item and after an erasure.

    Raises:
        ValidationError: the text is not what the schema of its kind and version allows.
    """
    if kind is None or text is None or not text.startswith("{"):
        return None
    values = json.loads(text)
    schema = SCHEMAS[kind, values.pop("version")]()
    loaded: RecordContent = schema.load(values)
    return loaded


def load_as(shape: type[Shape], kind: RecordKind | None, text: str | None) -> Shape | None:
    """Return stored content where it has this shape; None for any other, for an ordinary item and after an erasure.

    The shape `WrittenContent` is that of every record that an assessor writes.
    """
    content = load_content(kind, text)
    return content if isinstance(content, shape) else None
