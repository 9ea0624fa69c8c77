"""The installation's own keys: what it signs with, in files of their own, outside the database and its backups.

A key is named by the hash of its public half. `NAME.key` (mode 0400) signs checkpoints and the codes on forms, by
Ed25519; `NAME.seal.key` and its certificate `NAME.seal.crt` seal PDFs, by ECDSA on P-256, which readers of PDFs know.
The public halves also stand in the database, and each but the first is vouched for by the one before it.
"""

import hashlib
import os
from dataclasses import dataclass
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
    load_pem_public_key,
)
from cryptography.x509.oid import NameOID
from flask import current_app
from sqlalchemy import select

from tracker.clock import now
from tracker.errors import Refused
from tracker.extensions import db
from tracker.ledger.canonical_json import canonical_json
from tracker.ledger.events import OPERATOR, record
from tracker.models import SigningKey

DOMAIN = b"tracker.key.v1\0"
CERTIFICATE_LASTS = timedelta(days=3650)
"""A form is kept for years; the day it was sealed is what counts, and the ledger says that."""


@dataclass(frozen=True)
class Signed:
    key: str
    """The name of the key."""
    signature: str
    """In hex."""


def find_current() -> SigningKey | None:
    """The key that signs now, if one was ever made."""
    return db.session.scalars(select(SigningKey).order_by(SigningKey.id.desc()).limit(1)).first()


def list_keys() -> list[SigningKey]:
    """Every key there has been, the first one first."""
    return list(db.session.scalars(select(SigningKey).order_by(SigningKey.id)))


def make_key() -> SigningKey:
    """The first key, or the next: an event that both sign. The caller commits.

    Raises `Refused` when the file of the key that is to be followed is not there: without it nobody can vouch.
    """
    last = find_current()
    previous = _private_key(last.name) if last else None
    made = Ed25519PrivateKey.generate()
    name = name_of(made.public_key())
    certificate = _make_files(name, made)
    row = SigningKey(
        name=name,
        public_key=made.public_key().public_bytes_raw().hex(),
        certificate=certificate,
        made_at=now(),
    )
    db.session.add(row)
    db.session.flush()
    body = succession(row, last)
    record(
        "key_made",
        row,
        OPERATOR,
        key=name,
        follows=last.name if last else None,
        signed=made.sign(body).hex(),
        vouched=previous.sign(body).hex() if previous else None,
    )
    return row


def succession(key: SigningKey, last: SigningKey | None) -> bytes:
    """What both keys sign when one follows the other."""
    return DOMAIN + canonical_json(
        {
            "key": key.name,
            "public": key.public_key,
            "certificate": hashlib.sha256(key.certificate.encode()).hexdigest(),
            "follows": last.name if last else None,
        }
    )


def sign(name: str, body: bytes) -> str:
    """The signature of a key over bytes that begin with their domain, in hex. Raises `Refused` without its file."""
    return _private_key(name).sign(body).hex()


def is_signed(public_key: str, signature: str, body: bytes) -> bool:
    """Whether the holder of a key, given in hex, signed the bytes."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)).verify(bytes.fromhex(signature), body)
    except (InvalidSignature, ValueError):
        return False
    return True


def read_seal(name: str) -> bytes:
    """The private half of a key's seal, as PEM. Raises `Refused` without its file."""
    try:
        return path_of(name, "seal.key").read_bytes()
    except OSError as error:
        raise _unreadable(path_of(name, "seal.key")) from error


def read_public(name: str) -> Ed25519PublicKey | None:
    """The public half from its file; None where there is none, or it is another's."""
    try:
        found = load_pem_public_key(path_of(name, "pub").read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, Ed25519PublicKey) and name_of(found) == name else None


def name_of(public_key: Ed25519PublicKey) -> str:
    return hashlib.sha256(public_key.public_bytes_raw()).hexdigest()[:16]


def path_of(name: str, ending: str = "key") -> Path:
    folder: Path = current_app.config["KEYS_PATH"]
    return folder / f"{name}.{ending}"


def _private_key(name: str) -> Ed25519PrivateKey:
    try:
        found = load_pem_private_key(path_of(name).read_bytes(), password=None)
    except (OSError, ValueError) as error:
        raise _unreadable(path_of(name)) from error
    if not isinstance(found, Ed25519PrivateKey) or name_of(found.public_key()) != name:
        raise Refused(f"{path_of(name)} holds another key. Nothing was signed. Put the right file back.")
    return found


def _unreadable(path: Path) -> Refused:
    return Refused(
        f"The key {path.name} cannot be read. Nothing was signed. Whoever runs this installation puts it back into "
        f"{path.parent}, from where its keys are kept."
    )


def _make_files(name: str, key: Ed25519PrivateKey) -> str:
    """The private halves, written before anything names them; the seal's certificate as PEM comes out."""
    seal = ec.generate_private_key(ec.SECP256R1())
    certificate = _certificate(name, seal).public_bytes(Encoding.PEM)
    current_app.config["KEYS_PATH"].mkdir(mode=0o700, parents=True, exist_ok=True)
    for ending, private in (("key", key), ("seal.key", seal)):
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        _write(path_of(name, ending), pem)
    _write(path_of(name, "seal.crt"), certificate)
    _write(path_of(name, "pub"), key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return certificate.decode("ascii")


def _certificate(name: str, seal: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    holder = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, f"Recording forms {name}"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, current_app.config["SETTINGS"].base_url),
        ]
    )
    moment = now()
    return (
        x509.CertificateBuilder()
        .subject_name(holder)
        .issuer_name(holder)
        .public_key(seal.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment - timedelta(minutes=5))
        .not_valid_after(moment + CERTIFICATE_LASTS)
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


def _write(path: Path, content: bytes) -> None:
    """A new file that its owner alone may read, safe on disk."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "wb") as sink:
        sink.write(content)
        sink.flush()
        os.fsync(sink.fileno())
