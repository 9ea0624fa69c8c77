"""Export of the ledger: the script in the export verifies it, and every change of the export is detected."""

import json
import shutil
import subprocess
import sys
import zipfile
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from flask import Flask
from sqlalchemy import select

from tests.privacy.test_erasure import A_YEAR, erase, registration, wait
from tests.stored_files import stored_path
from tracker import clock
from tracker.extensions import db
from tracker.ledger import checkpoints, events
from tracker.ledger.canonical_json import canonical_json
from tracker.ledger.events import Actor
from tracker.ledger.transactions import transaction
from tracker.models import Criterion, Event, Grant, IssuedForm, Person
from tracker.verification.services.returning import reopen_verified

Change = Callable[[Path], None]


@pytest.fixture(scope="session")
def exported() -> dict[str, bytes]:
    """The first export, for the fixture `bundle`."""
    return {}


@pytest.fixture
def bundle(request: pytest.FixtureRequest, exported: dict[str, bytes], tmp_path: Path) -> Path:
    """The folder of the demonstration's unpacked export."""
    if not exported:
        exported["zip"] = export(request.getfixturevalue("demonstration"), tmp_path / "record.zip").read_bytes()
    folder = tmp_path / "bundle"
    with zipfile.ZipFile(BytesIO(exported["zip"])) as archive:
        archive.extractall(folder)
    return folder


def export(app: Flask, path: Path, *options: str) -> Path:
    result = app.test_cli_runner().invoke(args=["export-ledger", str(path), *options])
    assert result.exit_code == 0, result.output
    return path


def verify(
    bundle: Path, *arguments: str, python: tuple[str, ...] = ("-I",), script: Path | None = None
) -> tuple[int, str]:
    """Run the exported script without the product's code. Return its exit code and output."""
    command = [sys.executable, *python, str(script or bundle / "verify.py"), *arguments]
    process = subprocess.run(command, capture_output=True, text=True, check=False, cwd=bundle)
    return process.returncode, process.stdout + process.stderr


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def get_ledger_path(bundle: Path) -> Path:
    return bundle / "ledger.jsonl"


def rechain(bodies: list[dict[str, Any]]) -> bytes:
    """Return a ledger of these events, numbered and chained anew, so that its chain is valid."""
    prev, ledger = events.GENESIS, b""
    for seq, body in enumerate(bodies, 1):
        text = canonical_json({**body, "seq": seq, "prev": prev})
        prev, ledger = events.hash_body(text), ledger + text + b"\n"
    return ledger


def flip(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def read_fingerprint(bundle: Path) -> str:
    """Return the fingerprint of the first key in the bundle."""
    public_key = load_pem_public_key(next((bundle / "keys").glob("*.pub")).read_bytes())
    assert isinstance(public_key, Ed25519PublicKey)
    return sha256(public_key.public_bytes_raw()).hexdigest()


def form_file(bundle: Path, ending: str) -> Path:
    return next((bundle / "forms").glob(f"*.{ending}"))


def carol() -> Actor:
    query = select(Grant).join(Person, Person.id == Grant.person_id).where(Person.name == "Carol Hughes")
    grant = db.session.scalars(query).one()
    return Actor(grant.person_id, grant.id, "test-session")


class TestUnchanged:
    def test_the_export_passes_every_check(self, bundle: Path) -> None:
        code, output = verify(bundle)
        assert (code, output.splitlines()[-1]) == (0, "Every check passed."), output
        assert "✓ Forms of every centre: 1 as issued, 0 of them superseded since; 0 erased when due." in output

    def test_the_zip_itself_passes_every_check(self, demonstration: Flask, tmp_path: Path) -> None:
        path = export(demonstration, tmp_path / "record.zip")
        with zipfile.ZipFile(path) as archive:
            archive.extract("verify.py", tmp_path)
        code, output = verify(tmp_path, str(path))
        assert code == 0, output

    def test_a_name_used_twice_in_the_zip_is_reported(self, demonstration: Flask, tmp_path: Path) -> None:
        path = export(demonstration, tmp_path / "record.zip")
        with zipfile.ZipFile(path, "a") as archive:
            archive.extract("verify.py", tmp_path)
            with pytest.warns(UserWarning, match="Duplicate"):
                archive.writestr("ledger.jsonl", b"")
        code, output = verify(tmp_path, str(path))
        assert code == 1
        assert "the ZIP has two files of the same name" in output

    def test_the_export_has_the_bytes_of_the_ledger_and_no_name(self, demonstration: Flask, tmp_path: Path) -> None:
        archive = zipfile.ZipFile(export(demonstration, tmp_path / "record.zip"))
        bodies = list(db.session.scalars(select(Event.body).order_by(Event.seq)))
        assert archive.read("ledger.jsonl").splitlines() == bodies[:-1]  # the last event records the export itself
        content = archive.read("ledger.jsonl") + archive.read("checkpoints.jsonl") + archive.read("contents.json")
        for name in db.session.scalars(select(Person.name)):
            assert name.encode() not in content

    def test_the_export_is_recorded_in_the_ledger(self, demonstration: Flask, tmp_path: Path) -> None:
        export(demonstration, tmp_path / "record.zip")
        event = db.session.scalars(select(Event).order_by(Event.seq.desc())).first()
        assert event
        assert event.act == "record_exported"
        assert json.loads(event.body)["data"]["forms"] == 1
        assert demonstration.test_cli_runner().invoke(args=["verify"]).exit_code == 0

    def test_the_export_passes_after_a_key_rotation(self, demonstration: Flask, tmp_path: Path) -> None:
        demonstration.test_cli_runner().invoke(args=["keys", "rotate"])
        shutil.unpack_archive(export(demonstration, tmp_path / "record.zip"), tmp_path / "bundle")
        code, output = verify(tmp_path / "bundle")
        assert code == 0, output
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
            code, output = verify(tmp_path / name)
            assert code == 0, output
            assert f": {forms} as issued" in output

    def test_a_superseded_form_is_counted_as_superseded(self, demonstration: Flask, tmp_path: Path) -> None:
        attempt = db.session.scalars(select(IssuedForm)).one().attempt
        criterion = db.session.scalars(select(Criterion.id).where(Criterion.unit_id == attempt.unit_id)).first()
        with transaction():
            reopen_verified(attempt, [criterion or 0], "Look again.", carol())
        shutil.unpack_archive(export(demonstration, tmp_path / "record.zip"), tmp_path / "bundle")
        assert "1 as issued, 1 of them superseded since" in verify(tmp_path / "bundle")[1]

    def test_an_erased_form_is_not_reported_as_missing(self, demonstration: Flask, tmp_path: Path) -> None:
        try:
            wait(4 * A_YEAR)
            erase(registration("Chloe"), is_full=True)
            shutil.unpack_archive(export(demonstration, tmp_path / "record.zip"), tmp_path / "bundle")
        finally:
            clock.frozen = None
        code, output = verify(tmp_path / "bundle")
        assert code == 0, output
        assert ": 0 as issued, 0 of them superseded since; 1 erased when due." in output

    def test_checkpoints_kept_elsewhere_agree(self, bundle: Path, tmp_path: Path) -> None:
        path = tmp_path / "kept.jsonl"
        path.write_bytes(lines(bundle / "checkpoints.jsonl")[0])
        code, output = verify(bundle, "--checkpoints", str(path))
        assert code == 0
        assert "Your own checkpoints that agree with the ledger: 1." in output

    def test_the_script_prints_fingerprints_and_says_that_it_cannot_know_whose_they_are(self, bundle: Path) -> None:
        code, output = verify(bundle)
        assert code == 0
        assert f"Their fingerprints: {read_fingerprint(bundle)}." in output
        assert "Not checked: whose keys these are." in output

    def test_keys_known_from_elsewhere_are_recognised(self, bundle: Path, tmp_path: Path) -> None:
        own_keys = shutil.copytree(bundle / "keys", tmp_path / "own")
        for options in (("--keys", str(own_keys)), ("--fingerprint", read_fingerprint(bundle))):
            code, output = verify(bundle, *options)
            assert code == 0, output
            assert "✓ The first key is one of the keys you trust." in output
            assert "Not checked" not in output

    def test_keys_that_are_not_those_known_from_elsewhere_are_detected(self, bundle: Path, tmp_path: Path) -> None:
        own_keys = shutil.copytree(bundle / "keys", tmp_path / "own")
        replace_a_key(tmp_path / "own" / "..", own_keys.name)
        for options in (("--keys", str(own_keys)), ("--fingerprint", "ab" * 32)):
            code, output = verify(bundle, *options)
            assert code == 1, output
            assert "is not one of the keys you trust" in output

    def test_what_is_no_fingerprint_or_no_key_is_refused(self, bundle: Path, tmp_path: Path) -> None:
        assert verify(bundle, "--fingerprint", "ab")[0] == 2
        assert verify(bundle, "--keys", str(tmp_path))[0] == 2
        (tmp_path / "own.pub").write_text("no key")
        assert "your own key own.pub cannot be read" in verify(bundle, "--keys", str(tmp_path))[1]

    def test_without_cryptography_the_script_says_what_it_did_not_check(self, bundle: Path) -> None:
        code, output = verify(bundle, python=("-I", "-S"))
        assert code == 2
        assert "NOT checked: whether the signatures on keys, checkpoints, codes" in output
        get_ledger_path(bundle).write_bytes(flip(get_ledger_path(bundle).read_bytes(), 300))
        assert verify(bundle, python=("-I", "-S"))[0] == 1


def flip_byte(name: str, at: int = -40) -> Change:
    """Return a change of one byte of a file of the bundle."""

    def change(bundle: Path) -> None:
        path = next(bundle.glob(name))
        content = path.read_bytes()
        path.write_bytes(flip(content, at % len(content)))

    return change


def change_facts_of_code(bundle: Path) -> None:
    """Change a byte of the facts in a form's code, which stays readable."""
    path = next(bundle.glob("forms/*.code"))
    code = path.read_bytes()
    raw = flip(urlsafe_b64decode(code + b"=" * (-len(code) % 4)), 20)
    path.write_bytes(urlsafe_b64encode(raw).rstrip(b"="))


def leave_out(bundle: Path) -> None:
    events_left = lines(get_ledger_path(bundle))
    get_ledger_path(bundle).write_bytes(b"".join(events_left[:8] + events_left[9:]))


def leave_out_and_rechain(bundle: Path) -> None:
    bodies = [json.loads(each) for each in lines(get_ledger_path(bundle))]
    get_ledger_path(bundle).write_bytes(rechain(bodies[:8] + bodies[9:]))


def swap(bundle: Path) -> None:
    bodies = lines(get_ledger_path(bundle))
    bodies[8], bodies[9] = bodies[9], bodies[8]
    get_ledger_path(bundle).write_bytes(b"".join(bodies))


def swap_and_rechain(bundle: Path) -> None:
    bodies = [json.loads(each) for each in lines(get_ledger_path(bundle))]
    bodies[8], bodies[9] = bodies[9], bodies[8]
    get_ledger_path(bundle).write_bytes(rechain(bodies))


def append(bundle: Path) -> None:
    bodies = [json.loads(each) for each in lines(get_ledger_path(bundle))]
    get_ledger_path(bundle).write_bytes(rechain([*bodies, {**bodies[-1], "act": "unit_verified"}]))


def cut_short(bundle: Path) -> None:
    get_ledger_path(bundle).write_bytes(b"".join(lines(get_ledger_path(bundle))[:-1]))


def write_otherwise(bundle: Path) -> None:
    """Write the last event in other bytes."""
    bodies = lines(get_ledger_path(bundle))
    bodies[-1] = bodies[-1].replace(b'"v":2', b'"v": 2')
    get_ledger_path(bundle).write_bytes(b"".join(bodies))


def forge_a_checkpoint(bundle: Path) -> None:
    """Append an event, and a checkpoint of it by another key."""
    append(bundle)
    body = lines(get_ledger_path(bundle))
    last = checkpoints.parse_line(lines(bundle / "checkpoints.jsonl")[-1].decode())
    assert last
    forged_checkpoint = replace(
        last, size=len(body), head=events.hash_body(body[-1].rstrip(b"\n")), key="0123456789abcdef"
    )
    add_line(
        bundle, replace(forged_checkpoint, signature=Ed25519PrivateKey.generate().sign(forged_checkpoint.body).hex())
    )


def forge_a_checkpoint_under_the_same_key_name(bundle: Path) -> None:
    last = checkpoints.parse_line(lines(bundle / "checkpoints.jsonl")[-1].decode())
    assert last
    add_line(bundle, replace(last, signature=Ed25519PrivateKey.generate().sign(last.body).hex()))


def add_line(bundle: Path, checkpoint: checkpoints.Checkpoint) -> None:
    path = bundle / "checkpoints.jsonl"
    path.write_bytes(path.read_bytes() + f"{checkpoint.line}\n".encode())


def leave_out_a_checkpoint(bundle: Path) -> None:
    path = bundle / "checkpoints.jsonl"
    path.write_bytes(b"".join(lines(path)[1:]))


def leave_out_a_form(bundle: Path) -> None:
    form_file(bundle, "pdf").unlink()


def put_a_form_in(bundle: Path) -> None:
    shutil.copy(form_file(bundle, "pdf"), bundle / "forms" / f"{'0' * 32}.pdf")


def replace_a_key(bundle: Path, folder: str = "keys") -> None:
    """Replace a public key by the forger's own."""
    path = next((bundle / folder).glob("*.pub"))
    public = Ed25519PrivateKey.generate().public_key()
    path.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def widen_the_list(bundle: Path) -> None:
    contents = json.loads((bundle / "contents.json").read_text())
    contents["contents"]["centre"] = 1
    (bundle / "contents.json").write_text(json.dumps(contents))


def put_a_file_in(bundle: Path) -> None:
    (bundle / "more.txt").write_text("more")


CHANGES: dict[str, tuple[Change, str]] = {
    "a byte of an event": (flip_byte("ledger.jsonl", 300), "event "),
    "a byte of the last event": (flip_byte("ledger.jsonl", -3), "event "),
    "an event left out": (leave_out, "event 9 is missing: event 10 is in its place"),
    "an event left out, chained anew": (leave_out_and_rechain, "has another hash of event"),
    "two events swapped": (swap, "event 9 is missing: event 10 is in its place"),
    "two events swapped, chained anew": (swap_and_rechain, "has another hash of event"),
    "an event appended": (append, "no checkpoint covers the last 1 events"),
    "the ledger cut short": (cut_short, "events, but the ledger has"),
    "an event in other bytes": (write_otherwise, "is not written canonically"),
    "a byte of a checkpoint": (flip_byte("checkpoints.jsonl"), "checkpoints.jsonl: checkpoint "),
    "a checkpoint by another key": (forge_a_checkpoint, "is signed with key 0123456789abcdef, which is not of this record"),
    "a checkpoint forged under the key's name": (forge_a_checkpoint_under_the_same_key_name, "was changed: its signature is not valid"),
    "a checkpoint left out": (leave_out_a_checkpoint, "checkpoint 1 is missing or does not follow"),
    "a byte of a public key": (flip_byte("keys/*.pub"), ".pub "),
    "a key put in place of another": (replace_a_key, ".pub is not the key of that name"),
    "a byte of a certificate": (flip_byte("keys/*.seal.crt"), "did not sign for itself and its certificate"),
    "a byte of a form": (flip_byte("forms/*.pdf", 5_000), ".pdf is not the file that was issued"),
    "a byte of a snapshot": (flip_byte("forms/*.json"), ".json is not the snapshot that was signed"),
    "a byte of a code": (flip_byte("forms/*.code"), ".code "),
    "a byte of a code's facts": (change_facts_of_code, ".code is not the code of this form"),
    "a form left out": (leave_out_a_form, ".pdf is missing"),
    "a form put in": (put_a_form_in, "belongs to no form in the ledger"),
    "a byte of the read me": (flip_byte("README.txt"), "README.txt was changed after the export"),
    "a byte of the list": (flip_byte("contents.json", 60), "contents.json "),
    "the list about another centre": (widen_the_list, "contents.json was changed: its signature is not valid"),
    "a file put in": (put_a_file_in, "more.txt does not belong to this export"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_the_export_is_detected(bundle: Path, name: str) -> None:
    change, sentence = CHANGES[name]
    change(bundle)
    code, output = verify(bundle)
    assert code == 1, output
    assert sentence in output.splitlines()[-1]
    assert output.splitlines()[-1].startswith("✗ ")


def test_a_changed_byte_of_the_script_is_detected_by_another_copy(bundle: Path, tmp_path: Path) -> None:
    copy = shutil.copy(bundle / "verify.py", tmp_path / "mine.py")
    flip_byte("verify.py", 20)(bundle)
    code, output = verify(bundle, str(bundle), script=copy)
    assert code == 1
    assert "verify.py was changed after the export" in output


def test_a_forged_export_does_not_agree_with_a_checkpoint_kept_elsewhere(bundle: Path, tmp_path: Path) -> None:
    """A forger has other keys, so that the checkpoints emailed before do not agree."""
    last = checkpoints.parse_line(lines(bundle / "checkpoints.jsonl")[-1].decode())
    assert last
    other_checkpoint = replace(last, head="0" * 64, key="0123456789abcdef")
    path = tmp_path / "kept.jsonl"
    path.write_text(f"{other_checkpoint.line}\n")
    code, output = verify(bundle, "--checkpoints", str(path))
    assert code == 1
    assert "your own checkpoints: checkpoint 1 is signed with key 0123456789abcdef" in output


def test_a_folder_without_an_export_is_refused(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    code, output = verify(bundle, str(tmp_path / "empty"))
    assert code == 2
    assert "contains no exported ledger" in output
    (tmp_path / "no.zip").write_text("nothing")
    assert verify(bundle, str(tmp_path / "no.zip"))[0] == 2


class TestRefused:
    def test_an_export_without_a_key_is_refused(self, app: Flask, tmp_path: Path) -> None:
        app.config["KEYS_PATH"] = tmp_path / "keys"
        result = app.test_cli_runner().invoke(args=["export-ledger", str(tmp_path / "record.zip")])
        assert result.exit_code == 1
        assert "Nothing was exported" in result.output
        assert list(tmp_path.iterdir()) == []

    def test_an_export_with_a_changed_form_is_refused(self, demonstration: Flask, tmp_path: Path) -> None:
        path = stored_path(db.session.scalars(select(IssuedForm.sha256)).one())
        path.chmod(0o600)
        path.write_bytes(path.read_bytes() + b" ")
        result = demonstration.test_cli_runner().invoke(args=["export-ledger", str(tmp_path / "record.zip")])
        assert result.exit_code == 1
        assert "was changed. Nothing was exported. For details: flask verify" in " ".join(result.output.split())
        assert not (tmp_path / "record.zip").exists()

    def test_an_export_of_an_unknown_centre_is_refused(self, demonstration: Flask, tmp_path: Path) -> None:
        result = demonstration.test_cli_runner().invoke(
            args=["export-ledger", str(tmp_path / "r.zip"), "--centre", "X"]
        )
        assert result.exit_code == 1
        assert "There is no centre X. Nothing was exported." in result.output
