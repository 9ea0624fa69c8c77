"""Centres and their staff in bulk: an assessor for each 25 candidates, a verifier and a pending invitation for each 100."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.bulk.ledger import Ledger
from tests.bulk.rows import NO, Rows, at

CANDIDATES_PER_ASSESSOR, CANDIDATES_PER_VERIFIER, CANDIDATES_PER_INVITATION = 25, 100, 100
GIVEN = (
    "Aisha", "Ben", "Catriona", "Dev", "Ellie", "Fergus", "Grace", "Hamish", "Isla", "Jamal", "Kirsty", "Lewis",
    "Mairi", "Niall", "Olivia", "Priya", "Ross", "Shona", "Tariq", "Una", "Victor", "Wendy", "Yusuf", "Zofia",
)  # fmt: skip
FAMILY = (
    "Anderson", "Begum", "Campbell", "Douglas", "Elliot", "Fraser", "Graham", "Hussain", "Irvine", "Johnston", "Khan",
    "Lindsay", "MacDonald", "Nowak", "O’Neill", "Paterson", "Quinn", "Robertson", "Singh", "Taylor", "Urquhart",
    "Wallace", "Young",
)  # fmt: skip


@dataclass(frozen=True)
class Member:
    """A person with one role at a centre."""

    person_id: int
    grant_id: int


@dataclass
class LoadedCentre:
    """A centre with its staff, the first of each role first, and the ids of its first candidates."""

    id: int
    administrator: Member
    external_verifier: Member
    assessors: list[Member] = field(default_factory=list)
    verifiers: list[Member] = field(default_factory=list)
    candidates: list[Member] = field(default_factory=list)


def name_of(number: int) -> str:
    """Return an invented name; each given name meets each family name before one of them returns."""
    return f"{GIVEN[number % len(GIVEN)]} {FAMILY[(number * 7 + number // len(GIVEN)) % len(FAMILY)]}"


def add_centre(rows: Rows, ledger: Ledger, candidates: int, moment: datetime, key: int | None) -> LoadedCentre:
    """Add the staff for so many candidates, of the centre with this id or of a new one."""
    if key is None:
        number = rows.next_ids["centre"]
        key = rows.add("centre", f"Centre {number:02}", f"BULK-{number}", "scotland", at(moment))
        ledger.record(moment, None, None, "centre_created", "centre", key)
    centre = LoadedCentre(
        key,
        add_member(rows, ledger, key, "administrator", None, moment),
        add_member(rows, ledger, key, "external_verifier", None, moment),
    )
    by = centre.administrator
    for role, members, share in (
        ("assessor", centre.assessors, CANDIDATES_PER_ASSESSOR),
        ("internal_verifier", centre.verifiers, CANDIDATES_PER_VERIFIER),
    ):
        members += [
            add_member(rows, ledger, key, role, by, moment + timedelta(minutes=1))
            for _ in range(max(1, -(-candidates // share)))
        ]
    return centre


def add_member(
    rows: Rows, ledger: Ledger, centre: int, role: str, by: Member | None, moment: datetime, *, invited: bool = False
) -> Member:
    """Add a person with a role at a centre, granted by its administrator or by the operator."""
    number = rows.next_ids["person"]
    password, confirmed = (None, None) if invited else ("-", at(moment))
    person = rows.add("person", name_of(number), f"person{number}@example.org", password, confirmed, at(moment))
    granted_by, under = (by.person_id, by.grant_id) if by else (None, None)
    grant = rows.add("grant", person, centre, role, at(moment), None, granted_by, at(moment))
    data = f'{{"centre":{centre},"person":{person},"role":"{role}"}}'
    ledger.record(moment, granted_by, under, "grant_given", "grant", grant, data)
    if not invited:
        rows.add("sign_in", person, at(moment + timedelta(hours=1)), "succeeded", "192.0.2.1", "Firefox on Linux", NO)
    return Member(person, grant)
