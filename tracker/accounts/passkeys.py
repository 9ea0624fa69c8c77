"""Passkeys (WebAuthn): the options sent to the browser, and verification of the authenticator's response.

The relying party comes from the settings: a Host header could be forged.
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

RELYING_PARTY_NAME = "Evidence tracker"
MAX_ANSWER_LENGTH = 20_000
MAX_ID_LENGTH = 1023
"""Bytes of a credential id that WebAuthn allows."""
DEFAULT_PORTS = {"https": ":443", "http": ":80"}


@dataclass(frozen=True)
class RelyingParty:
    """This site as authenticators know it: its domain, and the origins of its pages."""

    id: str
    origins: tuple[str, ...]


@dataclass(frozen=True)
class KnownPasskey:
    """A registered passkey as it is stored."""

    id: int
    credential_id: str
    public_key: bytes
    sign_count: int


@dataclass(frozen=True)
class NewPasskey:
    """A passkey that has just been created and is not stored yet."""

    credential_id: str
    public_key: bytes
    sign_count: int


def find_relying_party(settings: Settings) -> RelyingParty | None:
    """Return the relying party: the host of `BASE_URL` and its subdomains among `TRUSTED_HOSTS`.

    Returns None where the host is an IP address, for which browsers allow no passkeys.
    """
    base = urlsplit(settings.base_url)
    name = (base.hostname or "").lower()
    if not name or _is_ip_address(name):
        return None
    subdomains = [each for each in settings.trusted_hosts if each.lower().partition(":")[0].endswith(f".{name}")]
    hosts = [base.netloc.rpartition("@")[2], *(each for each in subdomains if not each.startswith("."))]
    default_port = DEFAULT_PORTS.get(base.scheme, "")
    return RelyingParty(name, tuple(f"{base.scheme}://{each.lower().removesuffix(default_port)}" for each in hosts))


def make_challenge() -> str:
    """Return a new random challenge, in base64url."""
    return bytes_to_base64url(secrets.token_bytes(32))


def build_registration_options(
    party: RelyingParty, challenge: str, person_id: int, email: str, name: str, known: Sequence[KnownPasskey]
) -> str:
    """Return the options for `navigator.credentials.create`, as JSON."""
    options = webauthn.generate_registration_options(
        rp_id=party.id,
        rp_name=RELYING_PARTY_NAME,
        user_id=hashlib.sha256(f"tracker.person.v1 {party.id} {person_id}".encode()).digest(),
        user_name=email,
        user_display_name=name,
        challenge=base64url_to_bytes(challenge),
        exclude_credentials=_build_descriptors(known),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED, user_verification=UserVerificationRequirement.PREFERRED
        ),
    )
    return webauthn.options_to_json(options)


def build_authentication_options(party: RelyingParty, challenge: str, known: Sequence[KnownPasskey]) -> str:
    """Return the options for `navigator.credentials.get`, as JSON."""
    options = webauthn.generate_authentication_options(
        rp_id=party.id, challenge=base64url_to_bytes(challenge), allow_credentials=_build_descriptors(known)
    )
    return webauthn.options_to_json(options)


def verify_registration(party: RelyingParty, challenge: str, answer: str) -> NewPasskey | None:
    """Return the passkey that an authenticator created, or None if it answers another challenge or another site."""
    if len(answer) > MAX_ANSWER_LENGTH:
        return None
    try:
        registration = webauthn.verify_registration_response(
            credential=answer,
            expected_challenge=base64url_to_bytes(challenge),
            expected_rp_id=party.id,
            expected_origin=list(party.origins),
        )
    except Exception:  # noqa: BLE001 - hostile input may raise anything in the parsers; all of it means refusal
        return None
    if len(registration.credential_id) > MAX_ID_LENGTH:
        return None
    return NewPasskey(
        bytes_to_base64url(registration.credential_id), registration.credential_public_key, registration.sign_count
    )


def verify_authentication(
    party: RelyingParty, challenge: str, answer: str, known: Sequence[KnownPasskey]
) -> tuple[KnownPasskey, int] | None:
    """Return the passkey that signed the challenge and its new sign count, or None if none of these did.

    Also None if the sign count is lower than the stored one: then the passkey has been cloned.
    """
    if len(answer) > MAX_ANSWER_LENGTH:
        return None
    for each in known:
        try:
            verified = webauthn.verify_authentication_response(
                credential=answer,
                expected_challenge=base64url_to_bytes(challenge),
                expected_rp_id=party.id,
                expected_origin=list(party.origins),
                credential_public_key=each.public_key,
                credential_current_sign_count=each.sign_count,
            )
        except Exception:  # noqa: BLE001, S112 - as above; or another of the passkeys signed
            continue
        if bytes_to_base64url(verified.credential_id) == each.credential_id:
            return each, verified.new_sign_count
    return None


def _build_descriptors(known: Sequence[KnownPasskey]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=base64url_to_bytes(each.credential_id)) for each in known]


def _is_ip_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
