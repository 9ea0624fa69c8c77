"""The signed code on an issued form, small enough for a QR code that a phone can read."""

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass

DOMAIN = b"tracker.form.v1\0"
LAYOUT = struct.Struct(">B16sH32sQ32s8s")
VERSION = 1
SIGNATURE = 64


@dataclass(frozen=True)
class FormCode:
    """A form's number, its round and snapshot, and the length and head of the ledger; hashes and names in hex."""

    number: str
    round: int
    snapshot_hash: str
    ledger_size: int
    ledger_head: str
    key: str

    @property
    def packed(self) -> bytes:
        """Return the code in its binary layout."""
        return LAYOUT.pack(
            VERSION,
            bytes.fromhex(self.number),
            self.round,
            bytes.fromhex(self.snapshot_hash),
            self.ledger_size,
            bytes.fromhex(self.ledger_head),
            bytes.fromhex(self.key),
        )

    @property
    def body(self) -> bytes:
        """Return the bytes that are signed."""
        return DOMAIN + self.packed

    def text(self, signature: str) -> str:
        """Return the code with its signature in base64, as it stands in an address."""
        return urlsafe_b64encode(self.packed + bytes.fromhex(signature)).decode("ascii").rstrip("=")


def parse_code(text: str) -> tuple[FormCode, str]:
    """Return a code and its signature in hex, not checked. Raises `ValueError` for a text that is no code."""
    raw = urlsafe_b64decode(text + "==")  # all codes have the length that this ends
    if len(raw) != LAYOUT.size + SIGNATURE or raw[0] != VERSION:
        raise ValueError(text)
    _, number, round_, snapshot, size, head, key = LAYOUT.unpack(raw[: LAYOUT.size])
    code = FormCode(number.hex(), round_, snapshot.hex(), size, head.hex(), key.hex())
    return code, raw[LAYOUT.size :].hex()
