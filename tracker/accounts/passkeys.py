"""Passkeys (WebAuthn): what a browser is asked, and whether what its authenticator answers is true.

Who we are to it comes from the settings alone. A Host header is never believed.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

import webauthn
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from tracker.config import Settings

NAME = "Evidence tracker"
MAX_ANSWER_LENGTH = 20_000
MAX_ID_LENGTH = 1023
"""Bytes of a credential's id, by the standard."""
DEFAULT_PORTS = {"https": ":443", "http": ":80"}


@dataclass(frozen=True)
class RelyingParty:
    """This site, as authenticators know it: a name, and the origins from which it asks."""

    id: str
    origins: tuple[str, ...]


@dataclass(frozen=True)
class KnownPasskey:
    """A passkey that somebody registered, as it is kept."""

    id: int
    credential_id: str
    public_key: bytes
    sign_count: int


@dataclass(frozen=True)
class NewPasskey:
    """A passkey that has just been made."""

    credential_id: str
    public_key: bytes
    sign_count: int


def find_relying_party(settings: Settings) -> RelyingParty | None:
    """The host of `BASE_URL`, and of `TRUSTED_HOSTS` what lies under it; None for a number, which has no passkeys."""
    base = urlsplit(settings.base_url)
    name = (base.hostname or "").lower()
    if not name or _is_number(name):
        return None
    under = [each for each in settings.trusted_hosts if each.lower().partition(":")[0].endswith(f".{name}")]
    hosts = [base.netloc.rpartition("@")[2], *(each for each in under if not each.startswith("."))]
    usual = DEFAULT_PORTS.get(base.scheme, "")
    return RelyingParty(name, tuple(f"{base.scheme}://{each.lower().removesuffix(usual)}" for each in hosts))


def make_challenge() -> str:
    return bytes_to_base64url(secrets.token_bytes(32))


def build_registration_options(
    party: RelyingParty, challenge: str, person_id: int, email: str, name: str, known: Sequence[KnownPasskey]
) -> str:
    """What the browser passes to `navigator.credentials.create`, as JSON."""
    options = webauthn.generate_registration_options(
        rp_id=party.id,
        rp_name=NAME,
        user_id=hashlib.sha256(f"tracker.person.v1 {party.id} {person_id}".encode()).digest(),
        user_name=email,
        user_display_name=name,
        challenge=base64url_to_bytes(challenge),
        exclude_credentials=_described(known),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED, user_verification=UserVerificationRequirement.PREFERRED
        ),
    )
    return webauthn.options_to_json(options)


def build_authentication_options(party: RelyingParty, challenge: str, known: Sequence[KnownPasskey]) -> str:
    """What the browser passes to `navigator.credentials.get`, as JSON."""
    options = webauthn.generate_authentication_options(
        rp_id=party.id, challenge=base64url_to_bytes(challenge), allow_credentials=_described(known)
    )
    return webauthn.options_to_json(options)


def check_made(party: RelyingParty, challenge: str, answer: str) -> NewPasskey | None:
    """The passkey that an authenticator made for us; None if the answer is to another question or site."""
    if len(answer) > MAX_ANSWER_LENGTH:
        return None
    try:
        made = webauthn.verify_registration_response(
            credential=answer,
            expected_challenge=base64url_to_bytes(challenge),
            expected_rp_id=party.id,
            expected_origin=list(party.origins),
        )
    except Exception:  # noqa: BLE001 - whatever hostile bytes do to its parsers, the answer is no
        return None
    if len(made.credential_id) > MAX_ID_LENGTH:
        return None
    return NewPasskey(bytes_to_base64url(made.credential_id), made.credential_public_key, made.sign_count)


def verify_authentication(
    party: RelyingParty, challenge: str, answer: str, known: Sequence[KnownPasskey]
) -> tuple[KnownPasskey, int] | None:
    """Which of these passkeys signed the challenge, and how often it was used by now.

    None if none did, or if one counts fewer uses than it did before: then there are two of it.
    """
    if len(answer) > MAX_ANSWER_LENGTH:
        return None
    for each in known:
        try:
            proven = webauthn.verify_authentication_response(
                credential=answer,
                expected_challenge=base64url_to_bytes(challenge),
                expected_rp_id=party.id,
                expected_origin=list(party.origins),
                credential_public_key=each.public_key,
                credential_current_sign_count=each.sign_count,
            )
        except Exception:  # noqa: BLE001, S112 - likewise; or it was another of them that signed
            continue
        if bytes_to_base64url(proven.credential_id) == each.credential_id:
            return each, proven.new_sign_count
    return None


def _described(known: Sequence[KnownPasskey]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=base64url_to_bytes(each.credential_id)) for each in known]


def _is_number(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
