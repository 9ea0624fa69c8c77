"""What the page of each kind of record that an assessor writes has of its own: form, template and services."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from flask import url_for

from tracker.models import Attachment, Evidence
from tracker.portfolio.file_sending import find_thumbnail_url
from tracker.portfolio.file_types import TYPES
from tracker.portfolio.recording_times import list_recordings
from tracker.portfolio.services.partial_uploads import MAX_PART, MAX_RECORDING
from tracker.portfolio.uploads import ACCEPTED_EXTENSIONS
from tracker.records.discussion_forms import DiscussionForm
from tracker.records.forms import ObservationForm
from tracker.records.kinds import get_written_kind
from tracker.records.queries.question_bank import find_guidance
from tracker.records.services.discussions import save_discussion, stamp_time
from tracker.records.services.drafts import REMARKS, save_observation, stamp_criterion
from tracker.records.stamped_times import read_stamped_times
from tracker.records.stamps import MarkedCriterion, read_stamps
from tracker.records.written_forms import WrittenForm
from tracker.vocabulary import RecordKind
from tracker.web.security_headers import allow_microphone

RECORDING_EXTENSIONS = ",".join(
    dict.fromkeys(
        f".{extension}" for each in TYPES if each.shown_as in {"audio", "video"} for extension in each.extensions
    )
)
"""For the `accept` attribute of the field of recordings."""


@dataclass(frozen=True)
class WrittenPage:
    """The page on which a kind of record is written."""

    template: str
    form: type[WrittenForm]
    save: Callable[[Evidence, Mapping[str, Any], int | None], dict[str, str]]
    stamp: Callable[..., MarkedCriterion]
    stamped: str
    """Where a stamp is once it is made."""
    describe: Callable[[Evidence, Any, Sequence[MarkedCriterion]], dict[str, Any]]
    """Return what the template needs beside what every page has, from the record, the form and the known criteria."""


def get_page(record: Evidence) -> WrittenPage:
    """Return the page on which a record is written."""
    get_written_kind(record.record_kind)
    return PAGES[record.record_kind or RecordKind.OBSERVATION]


def describe_observation(record: Evidence, form: ObservationForm, known: Sequence[MarkedCriterion]) -> dict[str, Any]:
    """Return the questions, the files and the stamps of an observation."""
    read = read_stamps(form.narrative.data or "", known)
    return {
        **_describe_questions(form),
        "accept": ACCEPTED_EXTENSIONS,
        "files": [describe_file(record, each) for each in record.attachments],
        "times": read.times_by_criterion,
        "unknown": read.unknown,
        "without_time": read.without_time,
    }


def describe_questions(record: Evidence, form: ObservationForm, _known: Sequence[MarkedCriterion]) -> dict[str, Any]:
    """Return the questions of a record of questions with what a good answer has, and its files."""
    form.narrative.label.text = REMARKS
    return {
        **_describe_questions(form),
        "guidance": find_guidance(record.centre_id, [each.question for each in form.questions]),
        "accept": ACCEPTED_EXTENSIONS,
        "files": [describe_file(record, each) for each in record.attachments],
    }


def describe_discussion(record: Evidence, form: DiscussionForm, known: Sequence[MarkedCriterion]) -> dict[str, Any]:
    """Return the recordings and the stamps of a professional discussion."""
    allow_microphone()
    read = read_stamped_times(form.stamped_times.data or "", known)
    return {
        "accept": RECORDING_EXTENSIONS,
        "recordings": [_describe_recording(record, each) for each in list_recordings(record.attachments)],
        "max_part": MAX_PART,
        "max_recording": MAX_RECORDING,
        "times": {key: [at.typed for at in each] for key, each in read.times_by_criterion.items()},
        "unknown": read.unknown,
        "unreadable": read.unreadable,
    }


PAGES: Mapping[RecordKind, WrittenPage] = MappingProxyType(
    {
        RecordKind.OBSERVATION: WrittenPage(
            "records/write_observation.html",
            ObservationForm,
            save_observation,
            stamp_criterion,
            "The stamp is at the end of the narrative.",
            describe_observation,
        ),
        RecordKind.QUESTIONS: WrittenPage(
            "records/write_questions.html",
            ObservationForm,
            save_observation,
            stamp_criterion,
            "The stamp is at the end of the remarks.",
            describe_questions,
        ),
        RecordKind.PROFESSIONAL_DISCUSSION: WrittenPage(
            "records/write_discussion.html",
            DiscussionForm,
            save_discussion,
            stamp_time,
            "The time is in “Times of the criteria”.",
            describe_discussion,
        ),
    }
)


def describe_file(record: Evidence, attachment: Attachment) -> dict[str, Any]:
    """Return a file of the draft as `forms.upload_field` draws it and as js/upload.js reads it."""
    ids: dict[str, Any] = {"record_id": record.id, "photo_id": attachment.id}
    url = url_for(".download_draft_file", **ids)
    return {
        "id": f"file-{attachment.id}",
        "name": attachment.name,
        "size": attachment.size,
        "url": url,
        "preview_url": find_thumbnail_url(attachment, url),
        "remove_url": url_for(".remove_draft_file", **ids),
        "move_url": url_for(".move_draft_file", **ids),
    }


def _describe_questions(form: ObservationForm) -> dict[str, Any]:
    return {
        "questions": [(place, each) for place, each in enumerate(form.questions) if not each.is_empty],
        "next_question": len(form.questions),
    }


def _describe_recording(record: Evidence, attachment: Attachment) -> dict[str, Any]:
    """Return a recording of the draft as its page plays it."""
    return {**describe_file(record, attachment), "is_video": attachment.media_type.startswith("video/")}
