"""What the events of passwords and two-step verification bind: texts of which the ledger holds a salted hash.

`tracker.integrity.credentials` compares them with the rows, so that a credential planted in the database is named.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from tracker.ledger.canonical_json import canonical_json

FACTOR_COLUMNS = ("person_id", "kind", "secret", "credential_id", "public_key")
"""The columns of an app or passkey that say whose it is and what it accepts."""


def describe_factor(row: Mapping[str, Any]) -> str:
    """Return the text that binds an authenticator app or a passkey."""
    values = [row[name].hex() if isinstance(row[name], bytes) else row[name] for name in FACTOR_COLUMNS]
    return canonical_json(values).decode()


def describe_codes(code_hashes: Iterable[str]) -> str:
    """Return the text that binds a person's recovery codes, used or not."""
    return "\n".join(sorted(code_hashes))
