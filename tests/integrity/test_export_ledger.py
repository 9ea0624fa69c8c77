"""The exported record proves itself with the script inside it, and whatever is changed in it is named."""

import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask
from sqlalchemy import select

from tests.privacy.test_erasure import A_YEAR, erase, registration, wait
from tracker import clock
from tracker.extensions import db
from tracker.ledger import checkpoints, events
from tracker.ledger.canonical_json import canonical_json
from tracker.ledger.events import Actor
from tracker.ledger.transactions import transaction
from tracker.models import Criterion, Event, Grant, IssuedForm, Person
from tracker.storage import file_store
from tracker.verification.services.returning import reopen_verified

Change = Callable[[Path], None]


@pytest.fixture(scope="session")
def exported() -> dict[str, bytes]:
    """What was exported first, for `bundle`."""
    return {}


@pytest.fixture
def bundle(request: pytest.FixtureRequest, exported: dict[str, bytes], tmp_path: Path) -> Path:
    """The demonstration's record, unpacked."""
    if not exported:
        exported["zip"] = export(request.getfixturevalue("demonstration"), tmp_path / "record.zip").read_bytes()
    folder = tmp_path / "bundle"
    with zipfile.ZipFile(BytesIO(exported["zip"])) as archive:
        archive.extractall(folder)
    return folder


def export(app: Flask, path: Path, *more: str) -> Path:
    result = app.test_cli_runner().invoke(args=["export-ledger", str(path), *more])
    assert result.exit_code == 0, result.output
    return path


def verify(
    bundle: Path, *more: str, python: tuple[str, ...] = ("-I",), script: Path | None = None
) -> tuple[int, str]:
    """The script alone, away from the product's code."""
    command = [sys.executable, *python, str(script or bundle / "verify.py"), *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=bundle)
    return done.returncode, done.stdout + done.stderr


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def ledger_of(bundle: Path) -> Path:
    return bundle / "ledger.jsonl"


def rechained(bodies: list[dict[str, Any]]) -> bytes:
    """Events numbered and chained anew: a ledger that holds together."""
    prev, written = events.GENESIS, b""
    for seq, body in enumerate(bodies, 1):
        text = canonical_json({**body, "seq": seq, "prev": prev})
        prev, written = events.hash_body(text), written + text + b"\n"
    return written


def flip(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def form_file(bundle: Path, ending: str) -> Path:
    return next((bundle / "forms").glob(f"*.{ending}"))


def carol() -> Actor:
    query = select(Grant).join(Person, Person.id == Grant.person_id).where(Person.name == "Carol Hughes")
    grant = db.session.scalars(query).one()
    return Actor(grant.person_id, grant.id, "test-session")


class TestWhole:
    def test_it_proves_itself(self, bundle: Path) -> None:
        code, said = verify(bundle)
        assert (code, said.splitlines()[-1]) == (0, "Every check passed."), said
        assert "✓ Forms of every centre: 1 as issued, 0 of them superseded since; 0 erased when due." in said

    def test_it_proves_itself_unpacked_or_not(self, demonstration: Flask, tmp_path: Path) -> None:
        packed = export(demonstration, tmp_path / "record.zip")
        with zipfile.ZipFile(packed) as archive:
            archive.extract("verify.py", tmp_path)
        code, said = verify(tmp_path, str(packed))
        assert code == 0, said

    def test_a_name_that_stands_twice_in_the_zip_is_named(self, demonstration: Flask, tmp_path: Path) -> None:
        packed = export(demonstration, tmp_path / "record.zip")
        with zipfile.ZipFile(packed, "a") as archive:
            archive.extract("verify.py", tmp_path)
            with pytest.warns(UserWarning, match="Duplicate"):
                archive.writestr("ledger.jsonl", b"")
        code, said = verify(tmp_path, str(packed))
        assert code == 1
        assert "the ZIP has two files of the same name" in said

    def test_it_holds_the_ledgers_very_bytes_and_no_name(self, demonstration: Flask, tmp_path: Path) -> None:
        packed = zipfile.ZipFile(export(demonstration, tmp_path / "record.zip"))
        bodies = list(db.session.scalars(select(Event.body).order_by(Event.seq)))
        assert packed.read("ledger.jsonl").splitlines() == bodies[:-1]  # the last tells of the export itself
        told_of = packed.read("ledger.jsonl") + packed.read("checkpoints.jsonl") + packed.read("contents.json")
        for name in db.session.scalars(select(Person.name)):
            assert name.encode() not in told_of

    def test_the_ledger_tells_that_it_was_exported(self, demonstration: Flask, tmp_path: Path) -> None:
        export(demonstration, tmp_path / "record.zip")
        event = db.session.scalars(select(Event).order_by(Event.seq.desc())).first()
        assert event
        assert event.act == "record_exported"
        assert json.loads(event.body)["data"]["forms"] == 1
        assert demonstration.test_cli_runner().invoke(args=["verify"]).exit_code == 0

    def test_it_verifies_after_a_key_rotation(self, demonstration: Flask, tmp_path: Path) -> None:
        demonstration.test_cli_runner().invoke(args=["keys", "rotate"])
        shutil.unpack_archive(export(demonstration, tmp_path / "record.zip"), tmp_path / "bundle")
        code, said = verify(tmp_path / "bundle")
        assert code == 0, said
        assert len(list((tmp_path / "bundle/keys").glob("*.pub"))) == 2

    def test_a_centre_gets_its_own_forms_and_the_whole_ledger(self, demonstration: Flask, tmp_path: Path) -> None:
        export(demonstration, tmp_path / "theirs.zip", "--centre", "HCA-2041")
        demonstration.test_cli_runner().invoke(
            args=[
                *("centres", "create", "Other", "--number", "O-1"),
                *("--admin", "o@example.org", "--admin-name", "Olga Reyes"),
            ]
        )
        export(demonstration, tmp_path / "other.zip", "--centre", "O-1")
        for name, forms in (("theirs", 1), ("other", 0)):
            shutil.unpack_archive(tmp_path / f"{name}.zip", tmp_path / name)
            code, said = verify(tmp_path / name)
            assert code == 0, said
            assert f": {forms} as issued" in said

    def test_a_form_that_is_superseded_is_counted_so(self, demonstration: Flask, tmp_path: Path) -> None:
        attempt = db.session.scalars(select(IssuedForm)).one().attempt
        criterion = db.session.scalars(select(Criterion.id).where(Criterion.unit_id == attempt.unit_id)).first()
        with transaction():
            reopen_verified(attempt, [criterion or 0], "Look again.", carol())
        shutil.unpack_archive(export(demonstration, tmp_path / "record.zip"), tmp_path / "bundle")
        assert "1 as issued, 1 of them superseded since" in verify(tmp_path / "bundle")[1]

    def test_a_form_that_was_erased_is_not_missed(self, demonstration: Flask, tmp_path: Path) -> None:
        try:
            wait(4 * A_YEAR)
            erase(registration("Chloe"), is_full=True)
            shutil.unpack_archive(export(demonstration, tmp_path / "record.zip"), tmp_path / "bundle")
        finally:
            clock.frozen = None
        code, said = verify(tmp_path / "bundle")
        assert code == 0, said
        assert ": 0 as issued, 0 of them superseded since; 1 erased when due." in said

    def test_checkpoints_held_elsewhere_agree(self, bundle: Path, tmp_path: Path) -> None:
        held = tmp_path / "held.jsonl"
        held.write_bytes(lines(bundle / "checkpoints.jsonl")[0])
        code, said = verify(bundle, "--checkpoints", str(held))
        assert code == 0
        assert "Your own checkpoints that agree with the ledger: 1." in said

    def test_without_cryptography_it_says_what_it_did_not_check(self, bundle: Path) -> None:
        code, said = verify(bundle, python=("-I", "-S"))
        assert code == 2
        assert "NOT checked: whether the signatures on keys, checkpoints, codes" in said
        ledger_of(bundle).write_bytes(flip(ledger_of(bundle).read_bytes(), 300))
        assert verify(bundle, python=("-I", "-S"))[0] == 1


def spoil(name: str, at: int = -40) -> Change:
    """One byte of a file of the bundle."""

    def change(bundle: Path) -> None:
        path = next(bundle.glob(name))
        content = path.read_bytes()
        path.write_bytes(flip(content, at % len(content)))

    return change


def leave_out(bundle: Path) -> None:
    kept = lines(ledger_of(bundle))
    ledger_of(bundle).write_bytes(b"".join(kept[:8] + kept[9:]))


def leave_out_and_rechain(bundle: Path) -> None:
    bodies = [json.loads(each) for each in lines(ledger_of(bundle))]
    ledger_of(bundle).write_bytes(rechained(bodies[:8] + bodies[9:]))


def swap(bundle: Path) -> None:
    kept = lines(ledger_of(bundle))
    kept[8], kept[9] = kept[9], kept[8]
    ledger_of(bundle).write_bytes(b"".join(kept))


def swap_and_rechain(bundle: Path) -> None:
    bodies = [json.loads(each) for each in lines(ledger_of(bundle))]
    bodies[8], bodies[9] = bodies[9], bodies[8]
    ledger_of(bundle).write_bytes(rechained(bodies))


def append(bundle: Path) -> None:
    bodies = [json.loads(each) for each in lines(ledger_of(bundle))]
    ledger_of(bundle).write_bytes(rechained([*bodies, {**bodies[-1], "act": "unit_verified"}]))


def cut_short(bundle: Path) -> None:
    ledger_of(bundle).write_bytes(b"".join(lines(ledger_of(bundle))[:-1]))


def write_otherwise(bundle: Path) -> None:
    """The same event in other bytes."""
    kept = lines(ledger_of(bundle))
    kept[-1] = kept[-1].replace(b'"v":1', b'"v": 1')
    ledger_of(bundle).write_bytes(b"".join(kept))


def forge_a_checkpoint(bundle: Path) -> None:
    """The ledger with another end, and a checkpoint of it by another key."""
    append(bundle)
    body = lines(ledger_of(bundle))
    last = checkpoints.parse_line(lines(bundle / "checkpoints.jsonl")[-1].decode())
    assert last
    other = replace(last, size=len(body), head=events.hash_body(body[-1].rstrip(b"\n")), key="0123456789abcdef")
    add_line(bundle, replace(other, signature=Ed25519PrivateKey.generate().sign(other.body).hex()))


def forge_under_its_name(bundle: Path) -> None:
    last = checkpoints.parse_line(lines(bundle / "checkpoints.jsonl")[-1].decode())
    assert last
    add_line(bundle, replace(last, signature=Ed25519PrivateKey.generate().sign(last.body).hex()))


def add_line(bundle: Path, found: checkpoints.Checkpoint) -> None:
    path = bundle / "checkpoints.jsonl"
    path.write_bytes(path.read_bytes() + f"{found.line}\n".encode())


def leave_out_a_form(bundle: Path) -> None:
    form_file(bundle, "pdf").unlink()


def put_a_form_in(bundle: Path) -> None:
    shutil.copy(form_file(bundle, "pdf"), bundle / "forms" / f"{'0' * 32}.pdf")


def another_key(bundle: Path) -> None:
    """A key of the forger's own under the name of the record's."""
    path = next((bundle / "keys").glob("*.pub"))
    public = Ed25519PrivateKey.generate().public_key()
    path.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def widen_the_list(bundle: Path) -> None:
    said = json.loads((bundle / "contents.json").read_text())
    said["contents"]["centre"] = 1
    (bundle / "contents.json").write_text(json.dumps(said))


def put_a_file_in(bundle: Path) -> None:
    (bundle / "more.txt").write_text("more")


CHANGES: dict[str, tuple[Change, str]] = {
    "a byte of an event": (spoil("ledger.jsonl", 300), "event "),
    "a byte of the last event": (spoil("ledger.jsonl", -3), "event "),
    "an event left out": (leave_out, "event 9 is missing: event 10 is in its place"),
    "an event left out, chained anew": (leave_out_and_rechain, "events, but the ledger has"),
    "two events swapped": (swap, "event 9 is missing: event 10 is in its place"),
    "two events swapped, chained anew": (swap_and_rechain, "has another hash of event"),
    "an event appended": (append, "no checkpoint covers the last 1 events"),
    "the ledger cut short": (cut_short, "events, but the ledger has"),
    "an event in other bytes": (write_otherwise, "is not written canonically"),
    "a byte of a checkpoint": (spoil("checkpoints.jsonl"), "checkpoints.jsonl: checkpoint "),
    "a checkpoint by another key": (forge_a_checkpoint, "is signed with key 0123456789abcdef, which is not of this record"),
    "a checkpoint forged under the key's name": (forge_under_its_name, "was changed: its signature is not valid"),
    "a byte of a public key": (spoil("keys/*.pub"), ".pub "),
    "a key put in place of another": (another_key, ".pub is not the key of that name"),
    "a byte of a certificate": (spoil("keys/*.seal.crt"), "did not sign for itself and its certificate"),
    "a byte of a form": (spoil("forms/*.pdf", 5_000), ".pdf is not the file that was issued"),
    "a byte of a snapshot": (spoil("forms/*.json"), ".json is not the snapshot that was signed"),
    "a byte of a code": (spoil("forms/*.code"), ".code "),
    "a byte of a code's facts": (spoil("forms/*.code", 30), ".code is not the code of this form"),
    "a form left out": (leave_out_a_form, ".pdf is missing"),
    "a form put in": (put_a_form_in, "belongs to no form in the ledger"),
    "a byte of the read me": (spoil("README.txt"), "README.txt was changed after the export"),
    "a byte of the list": (spoil("contents.json", 60), "contents.json "),
    "the list about another centre": (widen_the_list, "contents.json was changed: its signature is not valid"),
    "a file put in": (put_a_file_in, "more.txt does not belong to this export"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_what_was_changed_is_named(bundle: Path, name: str) -> None:
    change, sentence = CHANGES[name]
    change(bundle)
    code, said = verify(bundle)
    assert code == 1, said
    assert sentence in said.splitlines()[-1]
    assert said.splitlines()[-1].startswith("✗ ")


def test_a_byte_of_the_script_is_named_by_another_copy(bundle: Path, tmp_path: Path) -> None:
    copy = shutil.copy(bundle / "verify.py", tmp_path / "mine.py")
    spoil("verify.py", 20)(bundle)
    code, said = verify(bundle, str(bundle), script=copy)
    assert code == 1
    assert "verify.py was changed after the export" in said


def test_a_record_made_up_whole_does_not_agree_with_a_checkpoint_held_elsewhere(bundle: Path, tmp_path: Path) -> None:
    """Its maker had other keys: the lines that were mailed before are not of it."""
    last = checkpoints.parse_line(lines(bundle / "checkpoints.jsonl")[-1].decode())
    assert last
    other = replace(last, head="0" * 64, key="0123456789abcdef")
    held = tmp_path / "held.jsonl"
    held.write_text(f"{other.line}\n")
    code, said = verify(bundle, "--checkpoints", str(held))
    assert code == 1
    assert "your own checkpoints: checkpoint 1 is signed with key 0123456789abcdef" in said


def test_it_could_not_run_without_a_record(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    code, said = verify(bundle, str(tmp_path / "empty"))
    assert code == 2
    assert "contains no exported ledger" in said
    (tmp_path / "no.zip").write_text("nothing")
    assert verify(bundle, str(tmp_path / "no.zip"))[0] == 2


class TestRefused:
    def test_without_a_key(self, app: Flask, tmp_path: Path) -> None:
        app.config["KEYS_PATH"] = tmp_path / "keys"
        result = app.test_cli_runner().invoke(args=["export-ledger", str(tmp_path / "record.zip")])
        assert result.exit_code == 1
        assert "Nothing was exported" in result.output
        assert list(tmp_path.iterdir()) == []

    def test_where_a_form_is_not_as_it_was_issued(self, demonstration: Flask, tmp_path: Path) -> None:
        path = file_store.get_path(db.session.scalars(select(IssuedForm.sha256)).one())
        path.chmod(0o600)
        path.write_bytes(path.read_bytes() + b" ")
        result = demonstration.test_cli_runner().invoke(args=["export-ledger", str(tmp_path / "record.zip")])
        assert result.exit_code == 1
        assert "was changed. Nothing was exported. For details: flask verify" in " ".join(result.output.split())
        assert not (tmp_path / "record.zip").exists()

    def test_for_a_centre_that_is_not_there(self, demonstration: Flask, tmp_path: Path) -> None:
        result = demonstration.test_cli_runner().invoke(
            args=["export-ledger", str(tmp_path / "r.zip"), "--centre", "X"]
        )
        assert result.exit_code == 1
        assert "There is no centre X. Nothing was exported." in result.output
