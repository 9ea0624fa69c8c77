"""The migration that records details and derived files: those that are there are taken over as they are."""

import hashlib
import io

from flask import Flask
from sqlalchemy import select

from tests.migrations.test_migrations import REVISIONS, load_rows, migrate
from tests.portfolio.files import pdf
from tests.stored_files import stored_path
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Attachment, DerivedFile, Evidence, FileDetail
from tracker.portfolio.services.files import attach_file, store_file


def test_details_and_derived_files_are_recorded_as_they_are(empty_app: Flask) -> None:
    migrate(REVISIONS[0])
    load_rows(empty_app)
    file = store_file(io.BytesIO(pdf()), "minutes.pdf")
    with transaction():
        attach_file(db.session.scalars(select(Evidence)).one(), file)
    sha256 = db.session.scalars(select(Attachment.sha256)).one()
    db.session.remove()
    migrate("0018_candidate_two_step")
    stored = stored_path(sha256)
    stored.with_suffix(".details").write_text('{"pages": 3, "remark": "xfa"}', encoding="utf-8")
    stored.with_suffix(".page-1.jpg").write_bytes(b"a page")
    migrate(REVISIONS[0])
    details = db.session.scalars(select(FileDetail)).one()
    derived = db.session.scalars(select(DerivedFile)).one()
    assert (details.sha256, details.pages, details.remark) == (sha256, 3, "xfa")
    assert (derived.source_sha256, derived.name) == (sha256, "page-1.jpg")
    assert derived.sha256 == hashlib.sha256(b"a page").hexdigest()
