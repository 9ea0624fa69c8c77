"""Test doubles of an authenticator app and of an authenticator that creates passkeys and signs with them."""

import hashlib
import json
import secrets
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any

import cbor2
import pyotp
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from tests.factories import SECRET
from tracker import clock

PRESENT, VERIFIED, WITH_KEY = 0x01, 0x04, 0x40


def step_now() -> int:
    return int(clock.now().timestamp()) // 30


def code_at(step: int, secret: str = SECRET) -> str:
    return pyotp.TOTP(secret).generate_otp(step)


def code_now(secret: str = SECRET) -> str:
    return code_at(step_now(), secret)


@dataclass
class Authenticator:
    """An authenticator with one passkey. `uses` is the signature counter it reports."""

    origin: str
    uses: int = 0
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(16))

    def make(self, question: dict[str, Any], **overrides: str) -> str:
        """Return what `navigator.credentials.create` returns; `overrides` replace fields of its client data."""
        numbers = self.key.public_key().public_numbers()
        public_key = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)}
        attested = (
            bytes(16) + struct.pack(">H", len(self.credential_id)) + self.credential_id + cbor2.dumps(public_key)
        )
        data = self._data(question["rp"]["id"], WITH_KEY) + attested
        return self._response(
            clientDataJSON=self._client_data("webauthn.create", question, overrides),
            attestationObject=cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data}),
        )

    def sign(self, question: dict[str, Any], **overrides: str) -> str:
        """Return what `navigator.credentials.get` returns."""
        self.uses += 1
        data, client_data = self._data(question["rpId"]), self._client_data("webauthn.get", question, overrides)
        signature = self.key.sign(data + hashlib.sha256(client_data).digest(), ec.ECDSA(SHA256()))
        return self._response(clientDataJSON=client_data, authenticatorData=data, signature=signature)

    def _data(self, party: str, flags: int = 0) -> bytes:
        hashed = hashlib.sha256(party.encode()).digest()
        return hashed + bytes([PRESENT | VERIFIED | flags]) + struct.pack(">I", self.uses)

    def _client_data(self, act: str, question: dict[str, Any], overrides: dict[str, str]) -> bytes:
        client_data = {"type": act, "challenge": question["challenge"], "origin": self.origin, **overrides}
        return json.dumps(client_data).encode()

    def _response(self, **response: bytes) -> str:
        name = encode_base64url(self.credential_id)
        parts = {key: encode_base64url(value) for key, value in response.items()}
        return json.dumps(
            {"id": name, "rawId": name, "type": "public-key", "response": parts, "clientExtensionResults": {}}
        )


def encode_base64url(value: bytes) -> str:
    return urlsafe_b64encode(value).decode().rstrip("=")


def decode_base64url(value: str) -> bytes:
    return urlsafe_b64decode(value + "=" * (-len(value) % 4))
