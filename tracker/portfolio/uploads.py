"""Files that a form sent whole, without JavaScript: each is stored, or its refusal is kept."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from io import SEEK_END

from werkzeug.datastructures import FileStorage

from tracker.errors import Invalid, TooManyAtOnce
from tracker.ledger.transactions import reading
from tracker.portfolio.file_types import EXTENSIONS, shorten_name
from tracker.portfolio.services.files import CheckedFile, store_file
from tracker.portfolio.storage_quotas import check_room
from tracker.web.fair_shares import UPLOADING, take_turn

ACCEPTED_EXTENSIONS = ",".join(f".{extension}" for extension in EXTENSIONS)
"""For the `accept` attribute of a file field."""


@dataclass(frozen=True, slots=True)
class Uploads:
    """Files of one form: those that were stored, and why each of the others was refused."""

    stored: list[CheckedFile] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)


def store_uploads(files: Iterable[FileStorage], candidate_id: int, centre_id: int) -> Uploads:
    """Store the files of a form in the room of a candidate at a centre, with no transaction open."""
    uploads = Uploads()
    for file in files:
        if file.filename:
            try:
                with reading():
                    size = file.stream.seek(0, SEEK_END) + sum(each.stored.size for each in uploads.stored)
                    check_room(candidate_id, centre_id, shorten_name(file.filename), size)
                with take_turn(UPLOADING):
                    uploads.stored.append(store_file(file.stream, file.filename))
            except Invalid as refusal:
                uploads.refusals.append(str(refusal))
            except TooManyAtOnce:
                name = shorten_name(file.filename)
                uploads.refusals.append(f"“{name}” was not added: {UPLOADING.sentence} Upload it again in a minute.")
    return uploads
