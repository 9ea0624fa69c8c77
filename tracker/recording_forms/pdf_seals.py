"""Seals of issued PDFs (PAdES): made and checked without a certificate authority.

The seal certifies the PDF with no changes allowed. Its certificate is self-signed by the installation, so it is
compared with the certificates of the installation's keys.
"""

import asyncio
import io
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from asn1crypto import pem, x509
from asn1crypto.cms import ContentInfo
from asn1crypto.keys import PrivateKeyInfo
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import fields, signers
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

FIELD = "Seal"
MAX_ATTACHMENT_SIZE = 4 * 1024 * 1024
"""Bytes that are read of each attachment."""
MAX_ATTACHMENTS = 8
"""Our forms have two; a small file could name one of four megabytes a thousand times."""


@dataclass(frozen=True)
class SealCheck:
    """The result of checking a PDF's seal; `fault` says what is wrong with it, or is empty."""

    key: str = ""
    """The key whose certificate sealed it, if it is one of those given."""
    fault: str = ""

    @property
    def is_intact(self) -> bool:
        """Return whether one of the keys sealed the PDF and nothing in it has changed since."""
        return bool(self.key) and not self.fault


def seal_pdf(pdf: bytes, certificate: bytes, private_key: bytes, reason: str) -> bytes:
    """Return the PDF with an invisible seal over all of it; certificate and key are PEM."""
    cert = x509.Certificate.load(_from_pem(certificate))
    others = SimpleCertificateStore()  # type: ignore[no-untyped-call]  # pyHanko leaves it bare
    signer = signers.SimpleSigner(cert, PrivateKeyInfo.load(_from_pem(private_key)), others)
    # without a readable name and the hidden flag an invisible seal breaks PDF/UA
    field = fields.SigFieldSpec(
        FIELD,
        readable_field_name="Seal of the training centre’s record",
        invis_sig_settings=fields.InvisSigSettings(set_print_flag=False, set_hidden_flag=True),
    )
    metadata = signers.PdfSignatureMetadata(
        field_name=FIELD,
        md_algorithm="sha256",
        reason=reason,
        certify=True,
        docmdp_permissions=fields.MDPPerm.NO_CHANGES,
        subfilter=fields.SigSeedSubFilter.PADES,
    )
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    with _own_loop():
        sealed = signers.PdfSigner(metadata, signer, new_field_spec=field).sign_pdf(writer)
    return bytes(sealed.getvalue())


def check_seal(pdf: bytes, certificates: Mapping[str, str]) -> SealCheck:
    """Check whether one of the certificates (PEM, by key) sealed a PDF and nothing in it has changed since."""
    try:
        with _quiet():
            return _check_seal(PdfFileReader(io.BytesIO(pdf)), pdf, certificates)
    except Exception:  # noqa: BLE001 - a library may raise anything on a file that was made to break it
        return SealCheck(fault="it cannot be read")


def read_attachments(pdf: bytes) -> dict[str, bytes]:
    """Return the files attached to a PDF by name; none where it cannot be read."""
    try:
        with _quiet():
            root = PdfFileReader(io.BytesIO(pdf)).root
            names = root["/Names"]["/EmbeddedFiles"]["/Names"]
            return {
                str(names[at]): names[at + 1]["/EF"]["/F"].data[:MAX_ATTACHMENT_SIZE]
                for at in range(0, min(len(names) - 1, 2 * MAX_ATTACHMENTS), 2)
            }
    except Exception:  # noqa: BLE001 - likewise
        return {}


def _check_seal(reader: PdfFileReader, pdf: bytes, certificates: Mapping[str, str]) -> SealCheck:
    seals = reader.embedded_signatures
    if not seals:
        return SealCheck(fault="it has no seal; only issued forms have one")
    if len(seals) > 1:
        return SealCheck(fault="it has more than one seal")
    seal = seals[0]
    known = {_from_pem(text.encode()): key for key, text in certificates.items()}
    key = known.get(seal.signer_cert.dump())
    if key is None:
        return SealCheck(fault="it was not sealed by this installation")
    context = ValidationContext(
        trust_roots=[seal.signer_cert],
        allow_fetching=False,
        revocation_mode="soft-fail",
        moment=seal.self_reported_timestamp,
    )
    with _own_loop():
        status = validate_pdf_signature(seal, signer_validation_context=context)
    covers_whole_file = status.coverage is SignatureCoverageLevel.ENTIRE_FILE and _fills_byte_range_gap(seal, pdf)
    if not (status.intact and status.valid and covers_whole_file):
        return SealCheck(key, "it was changed after it was sealed")
    return SealCheck(key) if status.bottom_line else SealCheck(key, "its seal is not valid")


def _fills_byte_range_gap(seal: EmbeddedPdfSignature, pdf: bytes) -> bool:
    """Return whether the bytes that no seal covers are those of the seal itself, as written here: hex, then zeros."""
    start, end = seal.byte_range[1], seal.byte_range[2]
    message = bytes(seal.pkcs7_content)
    used = len(ContentInfo.load(message).dump())
    written = message[:used].hex().encode("ascii").ljust(end - start - 2, b"0")
    return pdf[start:end].lower() == b"<" + written + b">"


def _from_pem(text: bytes) -> bytes:
    _, _, der = pem.unarmor(text)
    return bytes(der)


@contextmanager
def _own_loop() -> Iterator[None]:
    """Remove the event loop that pyHanko leaves in the thread."""
    try:
        yield
    finally:
        asyncio.set_event_loop(None)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence pyHanko's log: its complaints about a hostile file would look like faults of the server."""
    logger = logging.getLogger("pyhanko")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before
