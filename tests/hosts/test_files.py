"""Files with two hosts: what is uploaded, made or issued on one is read, shown and checked on the other."""

import hashlib
import io

import pytest
from flask import Flask

from tests import factories
from tests.assessment import workflow
from tests.factories import World
from tests.hosts.conftest import Browser
from tests.portfolio import files
from tests.portfolio.test_download import attach, fetch
from tests.recording_forms.test_issue_form import verify
from tests.storage.s3 import connect
from tracker.config import S3Location
from tracker.integrity.invariants import run_checks
from tracker.integrity.ledger_snapshot import LedgerSnapshot
from tracker.integrity.verify import CHECKS
from tracker.ledger.transactions import transaction
from tracker.models import Evidence
from tracker.storage import file_store

FILE_CHECKS = {16, 17, 20, 21, 22, 32}


@pytest.fixture
def complaint(world: World) -> Evidence:
    with transaction():
        return factories.make_evidence(world.cfacc15, "Complaint CH-2231")


def list_file_faults(app: Flask) -> list[str]:
    with app.app_context():
        results = run_checks(LedgerSnapshot(), [each for each in CHECKS if each.number in FILE_CHECKS])
        return [each.first for each in results if each.first]


def test_a_file_uploaded_on_one_host_is_read_on_the_other(
    host: Flask, other_host: Flask, world: World, complaint: Evidence, there: Browser
) -> None:
    address = attach(complaint, b"three calls", "calls.txt")
    assert fetch(there(world.alice), address).data == b"three calls"
    uploaded = there(world.alice).post(
        f"/evidence/{complaint.id}/files", data={"file": (io.BytesIO(b"four calls"), "more.txt")}
    )
    assert uploaded.status_code == 201
    assert file_store.read(hashlib.sha256(b"four calls").hexdigest()) == b"four calls"
    assert list_file_faults(host) == list_file_faults(other_host) == []


def test_a_picture_made_on_one_host_is_shown_on_the_other(
    host: Flask,
    other_host: Flask,
    world: World,
    complaint: Evidence,
    there: Browser,
    client: Browser,
    bucket: S3Location,
) -> None:
    address = f"{attach(complaint, files.picture(), 'call.jpg')}?show=1"
    shown = fetch(client(world.alice), address).data
    before = connect(bucket).list_objects_v2(Bucket=bucket.bucket)["KeyCount"]
    assert before == 2
    assert fetch(there(world.alice), address).data == shown
    assert connect(bucket).list_objects_v2(Bucket=bucket.bucket)["KeyCount"] == before, "it was not made again"
    assert list_file_faults(other_host) == []


def test_a_form_issued_on_one_host_is_printed_and_checked_on_the_other(
    host: Flask, other_host: Flask, world: World, there: Browser, client: Browser
) -> None:
    workflow.sign(world, world.cfacc15, "A steady record.")
    workflow.confirm(world.cfacc15)
    verify(world)
    address = f"/attempts/{world.cfacc15.id}/form"
    assert client(world.dan).post(f"{address}/issue").status_code == 303
    issued = client(world.alice).get(f"{address}.pdf").data
    assert there(world.alice).get(f"{address}.pdf").data == issued
    answer = other_host.test_client().post("/verify", data={"file": (io.BytesIO(issued), "form.pdf")})
    assert "This form was issued here. It is unchanged and current." in answer.text
    assert list_file_faults(other_host) == []


def test_a_unit_signed_on_one_host_is_verified_on_the_other(
    host: Flask, other_host: Flask, world: World, there: Browser, client: Browser
) -> None:
    workflow.sign(world, world.cfacc15, "A steady record.")
    workflow.confirm(world.cfacc15)
    with other_host.app_context():
        verify(world)
    address = f"/attempts/{world.cfacc15.id}/form"
    assert there(world.dan).post(f"{address}/issue").status_code == 303
    assert client(world.alice).get(f"{address}.pdf").data.startswith(b"%PDF")
