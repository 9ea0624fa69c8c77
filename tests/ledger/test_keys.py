"""Signing keys by themselves: their files, their statements, and which of them count."""

import json
import os
import stat
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from flask import Flask
from sqlalchemy import select

from tests import factories
from tests.factories import World
from tracker.errors import Refused
from tracker.extensions import db
from tracker.ledger import keys, trust_anchor
from tracker.ledger.events import record
from tracker.ledger.transactions import transaction
from tracker.ledger.trust_anchor import TrustAnchor, check_keys, compute_fingerprint, load_anchor, load_key_checks
from tracker.models import Event, SigningKey

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
USAGES = {"digital_signature", "content_commitment"}


@pytest.fixture
def folder(app: Flask) -> Path:
    path: Path = app.config["KEYS_PATH"]
    return path


def make_key() -> SigningKey:
    with transaction():
        return keys.make_key()


def read_statements() -> dict[int, dict[str, Any]]:
    """Return the data of the event that made each key, by the key's id."""
    rows = db.session.execute(select(Event.object_id, Event.body).where(Event.act == "key_made"))
    return {key_id: json.loads(body)["data"] for key_id, body in rows}


def write_public_key(folder: Path, name: str, key: Any) -> None:
    (folder / name).write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


class TestMaking:
    def test_a_key_is_named_after_its_public_half_and_has_four_private_files(self, folder: Path) -> None:
        key = make_key()
        assert key.name == sha256(bytes.fromhex(key.public_key)).hexdigest()[:16]
        assert key.name == compute_fingerprint(key.public_key)[:16]
        assert {each.name for each in folder.iterdir()} == {
            f"{key.name}.{ending}" for ending in ("key", "pub", "seal.key", "seal.crt")
        }
        assert {stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()} == {0o400}
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert keys.get_key_path(key.name, "seal.crt").read_text() == key.certificate
        assert load_anchor().public_keys == {key.name: key.public_key}

    def test_the_first_key_signs_for_itself_and_each_vouches_for_the_next(self, folder: Path) -> None:  # noqa: ARG002 - the database
        first, second = make_key(), make_key()
        assert keys.find_current_key() == second
        assert keys.list_keys() == [first, second]
        events = read_statements()
        body = keys.build_succession_statement(first, None)
        assert (events[first.id]["key"], events[first.id]["follows"], events[first.id]["vouched"]) == (
            first.name,
            None,
            None,
        )
        assert keys.is_signed(first.public_key, events[first.id]["signed"], body)
        body = keys.build_succession_statement(second, first)
        assert (events[second.id]["key"], events[second.id]["follows"]) == (second.name, first.name)
        assert keys.is_signed(second.public_key, events[second.id]["signed"], body)
        assert keys.is_signed(first.public_key, events[second.id]["vouched"], body)

    def test_what_two_keys_sign_is_written_in_one_way_for_ever(self) -> None:
        first = SigningKey(name="0a" * 8, public_key="0b" * 32, certificate="one")
        second = SigningKey(name="0c" * 8, public_key="0d" * 32, certificate="two")
        certificate = sha256(b"two").hexdigest()
        rest = f'"key":"{"0c" * 8}","public":"{"0d" * 32}"}}'
        assert keys.build_succession_statement(second, first) == (
            b"tracker.key.v1\0" + f'{{"certificate":"{certificate}","follows":"{"0a" * 8}",{rest}'.encode()
        )
        assert keys.build_succession_statement(second, None) == (
            b"tracker.key.v1\0" + f'{{"certificate":"{certificate}","follows":null,{rest}'.encode()
        )

    def test_the_certificate_seals_documents_for_ten_years_and_nothing_else(
        self, app: Flask, freeze_clock: Any
    ) -> None:
        freeze_clock(NOON)
        key = make_key()
        certificate = x509.load_pem_x509_certificate(key.certificate.encode())
        assert certificate.subject == certificate.issuer
        [name] = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        [organisation] = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
        assert (name.value, organisation.value) == (f"Recording forms {key.name}", app.config["SETTINGS"].base_url)
        assert certificate.not_valid_before_utc == NOON - timedelta(minutes=5)
        assert certificate.not_valid_after_utc == NOON + timedelta(days=3650)
        public_key = certificate.public_key()
        assert isinstance(public_key, ec.EllipticCurvePublicKey)
        assert public_key.curve.name == "secp256r1"
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
        assert (constraints.critical, constraints.value.ca, constraints.value.path_length) == (True, False, None)
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
        assert usage.critical
        allowed = {name.lstrip("_") for name, value in vars(usage.value).items() if value}
        assert allowed == USAGES

    def test_each_file_is_synced_in_a_folder_that_is_made(self, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
        synced: list[tuple[int, int]] = []

        def sync(number: int) -> None:
            file = os.fstat(number)
            synced.append((file.st_ino, file.st_size))

        monkeypatch.setattr("os.fsync", sync)
        app.config["KEYS_PATH"] /= "of/this/host"
        make_key()
        files = [each.stat() for each in app.config["KEYS_PATH"].iterdir()]
        assert sorted(synced) == sorted((each.st_ino, each.st_size) for each in files)

    def test_the_last_key_signs_now(self, folder: Path) -> None:  # noqa: ARG002 - the database
        assert keys.find_current_key() is None
        made = [make_key() for _ in range(3)]
        assert keys.find_current_key() == made[2]


class TestSigning:
    def test_a_host_can_sign_with_the_keys_that_it_has(self, folder: Path) -> None:
        first, second = make_key(), make_key()
        (folder / f"{first.name}.key").unlink()
        assert [keys.has_private_key(key.name) for key in (first, second)] == [False, True]

    def test_a_signature_is_of_these_bytes_and_this_key(self, folder: Path) -> None:  # noqa: ARG002 - the database
        first, second = make_key(), make_key()
        signature = keys.sign(first.name, b"words")
        assert keys.is_signed(first.public_key, signature, b"words")
        for public_key, signed, body in (
            (first.public_key, signature, b"other words"),
            (second.public_key, signature, b"words"),
            (first.public_key, "00" * 64, b"words"),
            (first.public_key, "no hex", b"words"),
            ("", signature, b"words"),
        ):
            assert not keys.is_signed(public_key, signed, body)

    def test_a_missing_damaged_or_other_file_is_refused(self, folder: Path) -> None:
        first, second = make_key(), make_key()
        path = keys.get_key_path(first.name)
        path.chmod(0o600)
        for content, sentence in (
            (keys.get_key_path(second.name).read_bytes(), "holds another key"),
            (keys.get_key_path(first.name, "seal.key").read_bytes(), "holds another key"),
            (b"words", f"The key {path.name} cannot be read"),
        ):
            path.write_bytes(content)
            with pytest.raises(Refused, match=sentence):
                keys.sign(first.name, b"words")
        path.unlink()
        with pytest.raises(Refused, match=f"restore it to {folder}"):
            keys.sign(first.name, b"words")

    def test_the_key_that_seals_is_read_or_refused(self, folder: Path) -> None:  # noqa: ARG002 - the database
        key = make_key()
        assert keys.read_seal_key(key.name).startswith(b"-----BEGIN PRIVATE KEY-----")
        keys.get_key_path(key.name, "seal.key").unlink()
        with pytest.raises(Refused, match=f"The key {key.name}.seal.key cannot be read"):
            keys.read_seal_key(key.name)


class TestAnchor:
    def test_the_installations_own_anchor_has_its_folder_and_needs_every_file(self, folder: Path) -> None:
        key = make_key()
        anchor = load_anchor()
        assert anchor == TrustAnchor(
            f"in {folder}",
            frozenset({compute_fingerprint(key.public_key)}),
            {key.name: key.public_key},
            needs_every_file=True,
        )
        assert not load_anchor(folder).needs_every_file

    def test_pinned_fingerprints_count_in_place_of_the_folders_keys(self, folder: Path) -> None:
        key, pinned = make_key(), "ab" * 32
        for anchor in (load_anchor(folder, [pinned.upper()]), load_anchor(None, [pinned])):
            assert anchor.fingerprints == {pinned}
            assert anchor.place == "among the fingerprints given"
            assert not anchor.needs_every_file
        assert load_anchor(folder, [pinned]).public_keys == {key.name: key.public_key}
        assert load_anchor(None, [pinned]).public_keys == {}
        with pytest.raises(Refused, match="not the fingerprint of a key"):
            load_anchor(folder, ["ab"])

    def test_each_file_must_hold_the_key_it_is_named_after(self, folder: Path) -> None:
        key, other = make_key(), Ed25519PrivateKey.generate()
        write_public_key(folder, "0" * 16 + ".pub", other)
        write_public_key(folder, "1" * 16 + ".pub", ec.generate_private_key(ec.SECP256R1()))
        (folder / f"{'2' * 16}.pub").write_text("words")
        (folder / f"{'3' * 16}.pub").mkdir()
        (folder / "words.txt").write_text("words")
        anchor = load_anchor()
        assert set(anchor.public_keys) == {key.name}
        assert anchor.faults == (
            f"the file {'0' * 16}.pub holds another key than the one it is named after",
            f"the file {'1' * 16}.pub holds another key than the one it is named after",
            f"the file {'2' * 16}.pub cannot be read as a public key",
            f"the file {'3' * 16}.pub cannot be read as a public key",
        )

    def test_of_a_large_file_only_the_beginning_is_read(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        key = make_key()
        monkeypatch.setattr(trust_anchor, "MAX_FILE_SIZE", 50)
        assert load_anchor().faults == (f"the file {key.name}.pub cannot be read as a public key",)
        assert folder


class TestChecks:
    def list_faults(self, anchor: TrustAnchor, **statements: dict[str, Any]) -> list[tuple[bool, tuple[str, ...]]]:
        stored = {number: data | statements.get(f"key{number}", {}) for number, data in read_statements().items()}
        return [(each.is_trusted, each.faults) for each in check_keys(keys.list_keys(), stored, anchor)]

    def test_the_installations_own_keys_count(self, folder: Path) -> None:  # noqa: ARG002 - the database
        first, second = make_key(), make_key()
        checks = load_key_checks(load_anchor())
        assert [(each.key, each.is_trusted, each.faults) for each in checks] == [
            (first, True, ()),
            (second, True, ()),
        ]

    def test_only_the_event_that_made_a_key_speaks_for_it(self, folder: Path, world: World) -> None:  # noqa: ARG002 - the database
        key = make_key()
        with transaction():
            record("data_exported", key, factories.make_actor(world.dan))
        [check] = load_key_checks(load_anchor())
        assert check.is_trusted

    def test_a_later_key_counts_by_the_word_of_one_that_counts(self, folder: Path) -> None:  # noqa: ARG002 - the database
        first, second = make_key(), make_key()
        only_first = load_anchor(None, [compute_fingerprint(first.public_key)])
        assert self.list_faults(only_first) == [(True, ()), (True, ())]
        only_second = load_anchor(None, [compute_fingerprint(second.public_key)])
        nothing = f"nothing outside the database vouches for key {first.name}: it is not among the fingerprints given"
        assert self.list_faults(only_second) == [(False, (nothing,)), (True, ())]
        neither = load_anchor(None, ["ab" * 32])
        assert [trusted for trusted, _ in self.list_faults(neither)] == [False, False]

    def test_a_key_that_was_not_vouched_for_counts_only_by_the_anchor(self, folder: Path) -> None:  # noqa: ARG002 - the database
        first, second = make_key(), make_key()
        fault = f"key {second.name} was not vouched for by {first.name}, which it follows"
        changed = {"key2": {"vouched": "00" * 64}}
        assert self.list_faults(load_anchor(), **changed) == [(True, ()), (True, (fault,))]
        only_first = load_anchor(None, [compute_fingerprint(first.public_key)])
        trusted, faults = self.list_faults(only_first, **changed)[1]
        assert (trusted, len(faults)) == (False, 2)

    def test_a_key_that_did_not_sign_its_own_event_does_not_count_nor_does_its_word(self, folder: Path) -> None:  # noqa: ARG002 - the database
        first = make_key()
        make_key()
        anchor = load_anchor(None, [compute_fingerprint(first.public_key)])
        (is_trusted, faults), (is_next_trusted, next_faults) = self.list_faults(anchor, key1={"signed": "00" * 64})
        assert (is_trusted, faults) == (False, (f"key {first.name} did not sign the event that made it",))
        assert not is_next_trusted
        assert next_faults[0].startswith("nothing outside the database vouches")

    def test_a_key_without_an_event_does_not_count(self, folder: Path) -> None:  # noqa: ARG002 - the database
        key = make_key()
        [check] = check_keys(keys.list_keys(), {}, load_anchor())
        assert (check.is_trusted, check.faults) == (False, (f"key {key.name} did not sign the event that made it",))

    def test_a_missing_file_is_named_in_the_installations_own_folder(self, folder: Path) -> None:
        make_key()
        second = make_key()
        (folder / f"{second.name}.pub").unlink()
        fault = f"the file {second.name}.pub of a key in the database is missing"
        assert self.list_faults(load_anchor()) == [(True, ()), (True, (fault,))]
        assert self.list_faults(load_anchor(folder)) == [(True, ()), (True, ())]

    @pytest.mark.parametrize("name", ["0" * 16, "short", "long"])
    def test_a_key_under_another_name_is_named(self, folder: Path, name: str) -> None:  # noqa: ARG002 - the database
        key = make_key()
        own = compute_fingerprint(key.public_key)
        key.name = {"short": own[:15], "long": own[:17]}.get(name, name)
        with db.session.no_autoflush:
            [check] = check_keys([key], {}, load_anchor(None, [own]))
        assert check.faults[0] == f"key {key.name} is not named after its public key"
        assert not check.is_trusted
        db.session.rollback()

    def test_a_public_key_that_is_no_key_is_named(self, folder: Path) -> None:  # noqa: ARG002 - the database
        row = SigningKey(id=1, name="0" * 16, public_key="words", certificate="")
        [check] = check_keys([row], {}, load_anchor(None, ["ab" * 32]))
        assert check.faults[0] == f"key {'0' * 16} is not named after its public key"
