"""The trust anchor: a key counts only if something outside the database vouches for it."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Flask
from flask.testing import FlaskCliRunner
from sqlalchemy import text

from tests.integrity.tampering import list_violations, tampering_transaction
from tracker.config import Settings
from tracker.extensions import db
from tracker.ledger import checkpoints, events, keys
from tracker.ledger.canonical_json import canonical_json
from tracker.ledger.transactions import transaction
from tracker.ledger.trust_anchor import compute_fingerprint
from tracker.models import Event, SigningKey


@pytest.fixture
def folder(app_with_signing_key: Flask) -> Path:
    """The installation's own folder of keys, with one key; the ledger has a checkpoint."""
    assert checkpoints.write_due(at_once=True)
    path: Path = app_with_signing_key.config["KEYS_PATH"]
    return path


@pytest.fixture
def verify(app_with_signing_key: Flask) -> Callable[..., tuple[int, str]]:
    """`verify(options…)` runs `flask verify` and returns its exit code and output."""

    def run(*options: str) -> tuple[int, str]:
        result = app_with_signing_key.test_cli_runner().invoke(args=["verify", *options])
        return result.exit_code, result.output

    return run


def get_fingerprint(at: int = 0) -> str:
    return compute_fingerprint(keys.list_keys()[at].public_key)


def rotate() -> None:
    with transaction():
        keys.make_key()
    checkpoints.write_due(at_once=True)


def copy_public_keys(folder: Path, target: Path) -> Path:
    target.mkdir()
    for path in (*folder.glob("*.pub"), *folder.glob("*.crt")):
        shutil.copy(path, target)
    return target


def list_violations_of(number: int) -> list[str]:
    return [each for each in list_violations() if each.startswith(f"{number}: ")]


def forge_everything() -> None:
    """Replace the installation's key by a forger's own, and chain and sign everything anew with it.

    This needs the database and the file of checkpoints, and no private key. All signatures are valid.
    """
    forged_key = Ed25519PrivateKey.generate()
    (row,) = keys.list_keys()
    new_name = keys.compute_key_name(forged_key.public_key())
    forged_row = SigningKey(
        name=new_name, public_key=forged_key.public_key().public_bytes_raw().hex(), certificate=row.certificate
    )
    signed = forged_key.sign(keys.build_succession_statement(forged_row, None)).hex()
    db.session.execute(
        text("UPDATE signing_key SET name = :name, public_key = :public"),
        {"name": forged_row.name, "public": forged_row.public_key},
    )
    prev = events.GENESIS
    for event in db.session.query(Event).order_by(Event.seq).all():
        body = {**json.loads(event.body), "prev": prev}
        if body["act"] == "key_made":
            body["data"] |= {"key": new_name, "signed": signed}
        written = canonical_json(body)
        db.session.execute(
            text("UPDATE event SET body = :body, prev = :prev, hash = :hash WHERE seq = :seq"),
            {"body": written, "prev": prev, "hash": (prev := events.hash_body(written)), "seq": event.seq},
        )
    (last,) = (each for _, each in checkpoints.read_checkpoints() if each)
    forged = replace(last, head=prev, key=new_name)
    line = replace(forged, signature=forged_key.sign(forged.body).hex()).line
    checkpoints.get_path().write_text(f"{line}\n")
    db.session.execute(text("UPDATE checkpoint_copy SET line = :line"), {"line": line})


class TestVerify:
    def test_the_installation_s_own_keys_are_trusted(
        self, folder: Path, verify: Callable[..., tuple[int, str]]
    ) -> None:
        assert list_violations_of(2) == []
        assert len(list(folder.glob("*.pub"))) == 1
        assert verify()[0] == 0

    @pytest.mark.usefixtures("folder")
    def test_a_forged_key_that_signed_everything_anew_is_detected(self) -> None:
        with tampering_transaction():
            forge_everything()
            assert list_violations_of(1) == []
            forged = keys.list_keys()[0].name
            folder = keys.get_key_path(forged).parent
            assert list_violations_of(2) == [
                f"2: nothing outside the database vouches for key {forged}: it is not in {folder}",
                f"2: checkpoint 1 is signed with key {forged}, which is not a trusted key of this installation",
            ]

    @pytest.mark.usefixtures("folder")
    def test_a_forged_next_key_is_detected(self) -> None:
        forged_key = Ed25519PrivateKey.generate()
        (row,) = keys.list_keys()
        forged_row = SigningKey(
            id=row.id + 1,
            name=keys.compute_key_name(forged_key.public_key()),
            public_key=forged_key.public_key().public_bytes_raw().hex(),
            certificate=row.certificate,
            made_at=row.made_at,
        )
        with tampering_transaction():
            db.session.add(forged_row)
            db.session.flush()
            assert f"key {forged_row.name} did not sign the event that made it" in list_violations_of(2)[0]

    def test_a_file_that_is_no_key_is_named(self, folder: Path) -> None:
        (folder / "0123456789abcdef.pub").write_text("no key")
        assert list_violations_of(2) == ["2: the file 0123456789abcdef.pub cannot be read as a public key"]

    def test_a_file_with_another_key_is_named(self, folder: Path) -> None:
        name = keys.list_keys()[0].name
        shutil.copy(folder / f"{name}.pub", folder / "0123456789abcdef.pub")
        assert list_violations_of(2) == [
            "2: the file 0123456789abcdef.pub holds another key than the one it is named after"
        ]

    def test_a_missing_file_of_the_first_key_is_named(self, folder: Path) -> None:
        name = keys.list_keys()[0].name
        (folder / f"{name}.pub").unlink()
        assert f"nothing outside the database vouches for key {name}" in list_violations_of(2)[0]

    def test_a_missing_file_of_a_later_key_is_named_and_the_key_before_vouches_for_it(self, folder: Path) -> None:
        rotate()
        name = keys.list_keys()[1].name
        (folder / f"{name}.pub").unlink()
        assert list_violations_of(2) == [f"2: the file {name}.pub of a key in the database is missing"]

    def test_a_database_without_its_keys_is_named(self, folder: Path) -> None:
        with tampering_transaction():
            db.session.execute(text("DELETE FROM signing_key"))
            assert f"2: the database has no key, but there is one in {folder}" in list_violations_of(2)

    @pytest.mark.usefixtures("folder")
    def test_a_key_under_another_name_is_detected(self) -> None:
        with tampering_transaction():
            db.session.execute(text("UPDATE signing_key SET name = '0123456789abcdef'"))
            assert "key 0123456789abcdef is not named after its public key" in list_violations_of(2)[0]


class TestOptions:
    def test_keys_from_another_folder(
        self, folder: Path, tmp_path: Path, verify: Callable[..., tuple[int, str]]
    ) -> None:
        own = copy_public_keys(folder, tmp_path / "own")
        shutil.rmtree(folder)
        assert verify()[0] == 1
        assert verify("--keys", str(own))[0] == 0

    def test_a_key_made_later_needs_no_file_in_another_folder(
        self, folder: Path, tmp_path: Path, verify: Callable[..., tuple[int, str]]
    ) -> None:
        own = copy_public_keys(folder, tmp_path / "own")
        rotate()
        assert verify("--keys", str(own))[0] == 0

    def test_a_folder_with_only_a_later_key_does_not_vouch_for_the_first(
        self, folder: Path, tmp_path: Path, verify: Callable[..., tuple[int, str]]
    ) -> None:
        first = keys.list_keys()[0].name
        rotate()
        own = copy_public_keys(folder, tmp_path / "own")
        (own / f"{first}.pub").unlink()
        code, output = verify("--keys", str(own))
        assert code == 1
        assert f"nothing outside the database vouches for key {first}" in output

    def test_a_pinned_fingerprint_needs_no_file(self, folder: Path, verify: Callable[..., tuple[int, str]]) -> None:
        shutil.rmtree(folder)
        assert verify("--fingerprint", get_fingerprint())[0] == 0
        assert verify("--fingerprint", "AB:" * 31 + "ab")[0] == 1

    def test_what_is_no_fingerprint_is_refused(self, folder: Path, verify: Callable[..., tuple[int, str]]) -> None:
        code, output = verify("--fingerprint", keys.list_keys()[0].name)
        assert code == 2
        assert "is not the fingerprint of a key, which has 64 digits" in output
        assert folder.exists()

    @pytest.mark.usefixtures("folder")
    def test_the_setting_pins_a_key(self, app_with_signing_key: Flask) -> None:
        before = app_with_signing_key.config["SETTINGS"]
        for pinned, expected in ((get_fingerprint(), 0), ("ab" * 32, 2)):
            app_with_signing_key.config["SETTINGS"] = replace(before, key_fingerprints=(pinned,))
            assert len(list_violations_of(2)) == expected

    def test_the_setting_is_read_from_the_environment(self) -> None:
        digits = "AB:" * 31 + "ab"
        settings = Settings.from_environment({"KEY_FINGERPRINTS": f"{digits}, {'cd' * 32}"})
        assert settings.key_fingerprints == ("ab" * 32, "cd" * 32)
        with pytest.raises(ValueError, match="is not the fingerprint of a key"):
            Settings.from_environment({"KEY_FINGERPRINTS": "ab"})

    @pytest.mark.usefixtures("folder")
    def test_fingerprints_are_listed(self, app_with_signing_key: Flask) -> None:
        runner: FlaskCliRunner = app_with_signing_key.test_cli_runner()
        assert get_fingerprint() in runner.invoke(args=["keys", "list"]).output
