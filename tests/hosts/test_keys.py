"""Keys with two hosts: rotated on one, then copied to the other, which signs with the next key from then on."""

import io
import shutil

import pytest
from flask import Flask

from tests.assessment import workflow
from tests.factories import World
from tests.hosts.conftest import Browser
from tests.recording_forms.test_issue_form import address, verify
from tracker.extensions import db
from tracker.integrity.invariants import run_checks
from tracker.integrity.ledger_snapshot import LedgerSnapshot
from tracker.integrity.verify import CHECKS
from tracker.ledger import checkpoint_following, checkpoints, keys

pytestmark = pytest.mark.slow


@pytest.fixture
def rotated(host: Flask, other_host: Flask, world: World) -> None:
    """Alice's unit is verified, and then the key was rotated on the first host."""
    workflow.sign(world, world.cfacc15, "A steady record.")
    workflow.confirm(world.cfacc15)
    verify(world)
    assert checkpoints.write_due(at_once=True)
    result = host.test_cli_runner().invoke(args=["keys", "rotate"])
    assert result.exit_code == 0, result.output


def copy_keys(host: Flask, other_host: Flask) -> None:
    shutil.copytree(host.config["KEYS_PATH"], other_host.config["KEYS_PATH"], dirs_exist_ok=True)


def list_faults(app: Flask) -> list[str]:
    """Return the first fault of each check of keys, checkpoints and issued forms."""
    with app.app_context():
        checkpoint_following.follow()
        results = run_checks(LedgerSnapshot(), [each for each in CHECKS if each.number in {1, 2, 21, 22}])
        faults = [each.first for each in results if each.first]
        db.session.rollback()
        return faults


@pytest.mark.usefixtures("rotated")
def test_until_the_next_key_is_copied_the_other_host_issues_no_form_and_leaves_checkpoints_to_the_first(
    host: Flask, other_host: Flask, world: World, there: Browser, client: Browser
) -> None:
    refused = there(world.dan).post(f"{address(world)}/issue")
    assert refused.status_code == 409
    assert "cannot be read. Nothing was signed." in refused.text
    with other_host.app_context():
        assert checkpoints.write_due(at_once=True) is None
    assert client(world.dan).post(f"{address(world)}/issue").status_code == 303


@pytest.mark.usefixtures("rotated")
def test_with_the_next_key_copied_the_other_host_issues_a_form_that_both_confirm(
    host: Flask, other_host: Flask, world: World, there: Browser, client: Browser
) -> None:
    dan, alice, path = there(world.dan), client(world.alice), address(world)
    copy_keys(host, other_host)
    db.session.rollback()  # SQLite lets the other host write only while nobody reads
    assert dan.post(f"{path}/issue").status_code == 303
    issued = alice.get(f"{path}.pdf").data
    for app in (host, other_host):
        answer = app.test_client().post("/verify", data={"file": (io.BytesIO(issued), "form.pdf")})
        assert "This form was issued here. It is unchanged and current." in answer.text
    with other_host.app_context():
        written = checkpoints.write_due(at_once=True)
        assert written
        assert written.key == keys.find_current_key().name
    assert list_faults(host) == list_faults(other_host) == []
