"""The installation's signing keys: files outside the database and its backups (docs/integrity.md, Keys).

A key is named by the hash of its public half. `NAME.key` (mode 0400) signs checkpoints and the codes on forms with
Ed25519. `NAME.seal.key`, with the certificate `NAME.seal.crt`, seals PDFs with ECDSA on P-256, which PDF readers
know. The public halves are also in the database, and each key but the first is signed by the one before it.
"""

import hashlib
import os
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID
from flask import current_app
from sqlalchemy import func, select

from tracker.clock import now
from tracker.errors import Refused
from tracker.extensions import db
from tracker.ledger.canonical_json import canonical_json
from tracker.ledger.events import OPERATOR, record
from tracker.models import SigningKey

DOMAIN = b"tracker.key.v1\0"
NAME_LENGTH = 16
"""Hex digits in the name of a key."""
CERTIFICATE_LIFETIME = timedelta(days=3650)
"""Ten years: forms are kept for long, and PDF readers warn of an expired certificate."""


def find_current_key() -> SigningKey | None:
    """Return the key that signs now, or None if no key was made yet."""
    newest = select(func.max(SigningKey.id)).scalar_subquery()
    return db.session.scalars(select(SigningKey).where(SigningKey.id == newest)).one_or_none()


def list_keys() -> list[SigningKey]:
    """List all keys, the oldest first."""
    return list(db.session.scalars(select(SigningKey).order_by(SigningKey.id)))


def make_key() -> SigningKey:
    """Make the first key, or the next one, and record its event; the caller commits.

    Both the new key and the key before it sign the statement that one follows the other.

    Raises:
        Refused: the file of the key before it is missing.
    """
    last = find_current_key()
    previous = _load_private_key(last.name) if last else None
    private_key = Ed25519PrivateKey.generate()
    name = compute_key_name(private_key.public_key())
    certificate = _make_key_files(name, private_key)
    row = SigningKey(
        name=name,
        public_key=private_key.public_key().public_bytes_raw().hex(),
        certificate=certificate,
        made_at=now(),
    )
    db.session.add(row)
    body = build_succession_statement(row, last)
    record(
        "key_made",
        row,
        OPERATOR,
        key=name,
        follows=last.name if last else None,
        signed=private_key.sign(body).hex(),
        vouched=previous.sign(body).hex() if previous else None,
    )
    return row


def build_succession_statement(key: SigningKey, last: SigningKey | None) -> bytes:
    """Return the statement that both keys sign when one follows the other."""
    return DOMAIN + canonical_json(
        {
            "key": key.name,
            "public": key.public_key,
            "certificate": hashlib.sha256(key.certificate.encode()).hexdigest(),
            "follows": last.name if last else None,
        }
    )


def sign(name: str, body: bytes) -> str:
    """Return a key's signature, in hex, over bytes that begin with their domain tag.

    Raises:
        Refused: the file of the key cannot be read, or holds another key.
    """
    return _load_private_key(name).sign(body).hex()


def has_private_key(name: str) -> bool:
    """Return whether this host can sign with a key: its file is here and can be read."""
    try:
        _load_private_key(name)
    except Refused:
        return False
    return True


def list_private_keys() -> list[str]:
    """Return the names of the keys with which this host can sign, the newest file first.

    The database is not asked, since somebody may have written to it.
    """
    folder: Path = current_app.config["KEYS_PATH"]
    paths = sorted(folder.glob("*.key"), key=lambda path: path.stat().st_mtime, reverse=True)
    return [path.stem for path in paths if len(path.stem) == NAME_LENGTH and has_private_key(path.stem)]


def is_signed_here(name: str, signature: str, body: bytes) -> bool:
    """Return whether one of the keys of `list_private_keys` signed the bytes; the signature is in hex."""
    if name not in list_private_keys():
        return False
    return is_signed(_load_private_key(name).public_key().public_bytes_raw().hex(), signature, body)


def is_signed(public_key: str, signature: str, body: bytes) -> bool:
    """Return whether the signature over the bytes was made with this key; key and signature are in hex."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)).verify(bytes.fromhex(signature), body)
    except (InvalidSignature, ValueError):
        return False
    return True


def read_seal_key(name: str) -> bytes:
    """Return the private key that seals PDFs, as PEM.

    Raises:
        Refused: its file cannot be read.
    """
    try:
        return get_key_path(name, "seal.key").read_bytes()
    except OSError as error:
        raise _build_unreadable_error(get_key_path(name, "seal.key")) from error


def compute_key_name(public_key: Ed25519PublicKey) -> str:
    """Return the name of a key: the first 16 hex digits of its hash."""
    return hashlib.sha256(public_key.public_bytes_raw()).hexdigest()[:NAME_LENGTH]


def get_key_path(name: str, ending: str = "key") -> Path:
    """Return the path of one of a key's files."""
    folder: Path = current_app.config["KEYS_PATH"]
    return folder / f"{name}.{ending}"


def _load_private_key(name: str) -> Ed25519PrivateKey:
    try:
        private_key = load_pem_private_key(get_key_path(name).read_bytes(), password=None)
    except (OSError, ValueError) as error:
        raise _build_unreadable_error(get_key_path(name)) from error
    if not isinstance(private_key, Ed25519PrivateKey) or compute_key_name(private_key.public_key()) != name:
        raise Refused(f"{get_key_path(name)} holds another key. Nothing was signed. Restore the right file.")
    return private_key


def _build_unreadable_error(path: Path) -> Refused:
    return Refused(
        f"The key {path.name} cannot be read. Nothing was signed. Your system operator can restore it to "
        f"{path.parent} from the copy of the keys."
    )


def _make_key_files(name: str, key: Ed25519PrivateKey) -> str:
    """Write the files of a new key and return the certificate of its seal as PEM."""
    seal = ec.generate_private_key(ec.SECP256R1())
    certificate = _make_certificate(name, seal).public_bytes(Encoding.PEM)
    current_app.config["KEYS_PATH"].mkdir(mode=0o700, parents=True, exist_ok=True)
    for ending, private in (("key", key), ("seal.key", seal)):
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        _write_key_file(get_key_path(name, ending), pem)
    _write_key_file(get_key_path(name, "seal.crt"), certificate)
    _write_key_file(
        get_key_path(name, "pub"), key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    return certificate.decode("ascii")


def _make_certificate(name: str, seal: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, f"Recording forms {name}"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, current_app.config["SETTINGS"].base_url),
        ]
    )
    moment = now()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(seal.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment - timedelta(minutes=5))
        .not_valid_after(moment + CERTIFICATE_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True, content_commitment=True, key_encipherment=False, data_encipherment=False,
                key_agreement=False, key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False,
            ),
            critical=True,
        )
        .sign(seal, hashes.SHA256())
    )  # fmt: skip


def _write_key_file(path: Path, content: bytes) -> None:
    """Write a new file that only its owner may read, and sync it to disk."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "wb") as sink:
        sink.write(content)
        sink.flush()
        os.fsync(sink.fileno())
