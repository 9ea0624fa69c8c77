"""Professional discussions for tests: written, recorded, finished and answered by the services that the pages call."""

import io
from typing import Any

from tests import factories
from tests.records.observations import finish
from tests.records.recordings import make_wav
from tracker.clock import today
from tracker.ledger.transactions import transaction
from tracker.models import Attachment, Evidence, Person, UnitAttempt
from tracker.portfolio.services.files import store_file
from tracker.records.services.discussions import save_discussion
from tracker.records.services.drafts import start_record
from tracker.records.services.files import attach_to_record
from tracker.vocabulary import RecordKind

AREAS = "0:00 Limits of authority\n0:01 Key performance indicators"
TIMES = "0:00 5, g\n0:01 g"


def begin_discussion(
    attempt: UnitAttempt, author: Person, stamped_times: str = TIMES, *, recordings: int = 1, **fields: Any
) -> Evidence:
    """Begin a professional discussion that is complete enough to finish."""
    with transaction():
        record = start_record(attempt, RecordKind.PROFESSIONAL_DISCUSSION, factories.make_actor(author))
        values = {
            "areas": AREAS,
            "agreed_on": today(),
            "place": "Video call",
            "starts": "10:00",
            "ends": "10:40",
            "narrative": "Alice explained when she refers a refund.",
            "transcript": "Bob: When do you refer it?\n\nAlice: Above £50.",
            "stamped_times": stamped_times,
            **fields,
        }
        assert not save_discussion(record, values, None)
    for number in range(recordings):
        add_recording(record, f"discussion-{number + 1}.wav", hertz=440 + number)
    return record


def add_recording(record: Evidence, name: str = "discussion.wav", hertz: int = 440) -> Attachment:
    stored = store_file(io.BytesIO(make_wav(2_000, hertz)), name)
    with transaction():
        return attach_to_record(record, stored)


def discuss(attempt: UnitAttempt, author: Person, stamped_times: str = TIMES, **fields: Any) -> Evidence:
    """Begin and finish a professional discussion."""
    record = begin_discussion(attempt, author, stamped_times, **fields)
    finish(record)
    return record
