"""Candidates in bulk: a registration with two units, evidence in versions, claims, assessments and decisions."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from random import Random

from tests.bulk.ledger import Ledger
from tests.bulk.people import LoadedCentre, Member, add_member
from tests.bulk.rows import NO, YES, Rows, at, on
from tests.bulk.sizes import Size

COURSE = timedelta(days=365)
"""How long a candidate needs for both units."""
EVENTS_BESIDE = 14
"""About how many events a candidate has beside those of their items."""
METHODS = ("work_product", "observation", "witness_testimony", "professional_discussion", "reflective_account")
NARRATIVE = "I took the call, listened, and did what our procedure asks. " * 6
DECLARATION = "I confirm that this is my own work."


@dataclass(frozen=True)
class BulkUnit:
    """What of a published unit the rows need."""

    id: int
    code: str
    version: str
    revision: int
    content_hash: str
    criteria: list[tuple[int, int, str]]
    """The id, position and label of each assessable criterion."""
    requirements: list[int]


@dataclass
class Attempt:
    """An attempt with what was claimed and decided, for its signatures."""

    id: int
    unit: BulkUnit
    assessor: Member
    verifier: Member
    is_finished: bool
    items: list[tuple[int, int, int, str, list[tuple[int, int]]]] = field(default_factory=list)
    """The number, version's number and id, and hash of each accepted item, with its claims and their criteria."""
    last: datetime = datetime.min  # noqa: DTZ901 - moments of bulk data are in UTC and carry no zone
    """When something was last decided."""


class PortfolioMaker:
    """Makes candidates one after the other, from the one who registered first to the newest."""

    def __init__(self, rows: Rows, ledger: Ledger, units: list[BulkUnit], size: Size, now: datetime) -> None:
        self.rows, self.ledger, self.units, self.size, self.now = rows, ledger, units, size, now
        self.unrecorded_after = 0

    def add_candidate(
        self, centre: LoadedCentre, index: int, started: datetime, random: Random
    ) -> tuple[Member, int, list[Attempt]]:
        """Add a candidate with two attempts and their evidence; return them with the registration's id."""
        candidate = add_member(self.rows, self.ledger, centre.id, "candidate", centre.administrator, started)
        self._add_access(centre, candidate, index)
        registration = self._add_registration(centre, candidate, started, random)
        pace = random.uniform(0.7, 1.3)
        attempts = [
            self._add_attempt(centre, candidate, registration, index, number, started, pace) for number in range(2)
        ]
        self._add_items(centre, candidate, attempts, started, random)
        return candidate, registration, attempts

    def _add_registration(self, centre: LoadedCentre, candidate: Member, started: datetime, random: Random) -> int:
        by = centre.administrator
        known = random.random() < 0.96 or self.now - started > timedelta(days=60)
        withdrawn = at(started + timedelta(days=30)) if random.random() < 0.03 else None
        registration = self.rows.add(
            "registration", centre.id, candidate.person_id, f"C{candidate.person_id:06}",
            f"AB{candidate.person_id:08}" if known else None, on(started) if known else None, at(started),
            by.person_id, withdrawn, "Left the employer." if withdrawn else None,
        )  # fmt: skip
        data = f'{{"candidate":{candidate.person_id},"centre":{centre.id},"qualification":null}}'
        self.ledger.record(
            started, by.person_id, by.grant_id, "candidate_registered", "registration", registration, data
        )
        if random.random() < 0.003:
            self.rows.add("retention_hold", registration, "An appeal.", at(started), by.person_id)
        return registration

    def _add_access(self, centre: LoadedCentre, candidate: Member, index: int) -> None:
        """Add entries of the portfolio access log: of the assessor on two days."""
        reader = centre.assessors[index % len(centre.assessors)].person_id
        for days in (2, 9):
            moment = self.now - timedelta(days=days)
            self.rows.add_whole(
                "portfolio_access", candidate.person_id, centre.id, on(moment), reader, "evidence", "assessor",
                at(moment), at(moment),
            )  # fmt: skip

    def _add_attempt(
        self, centre: LoadedCentre, candidate: Member, registration: int, index: int, number: int,
        started: datetime, pace: float,
    ) -> Attempt:  # fmt: skip
        """Add the attempt at the first unit or at another one, and its allocations; one in 40 has no assessor."""
        unit = self.units[0] if number == 0 else self.units[1 + index % (len(self.units) - 1)]
        is_finished = self.now - started > COURSE * pace * (number + 1) / 2
        by = centre.administrator
        key = self.rows.add(
            "unit_attempt", registration, centre.id, candidate.person_id, unit.id, "in_progress", 1, 1, at(started),
            None, "", None,
        )  # fmt: skip
        self.ledger.record(started, by.person_id, by.grant_id, "attempt_started", "unit_attempt", key)
        attempt = Attempt(
            key, unit, centre.assessors[index % len(centre.assessors)], centre.verifiers[index % len(centre.verifiers)],
            is_finished, last=started,
        )  # fmt: skip
        for role, person in (("assessor", attempt.assessor), ("internal_verifier", attempt.verifier)):
            if is_finished or index % 40 != 7:
                self._allocate(by, key, role, person, started)
        return attempt

    def _allocate(self, by: Member, attempt: int, role: str, person: Member, moment: datetime) -> None:
        allocation = self.rows.add(
            "allocation", attempt, person.person_id, role, at(moment), None, "New candidate", by.person_id
        )
        data = f'{{"attempt":{attempt},"person":{person.person_id},"role":"{role}"}}'
        self.ledger.record(moment, by.person_id, by.grant_id, "allocation_made", "allocation", allocation, data)

    def _add_items(
        self, centre: LoadedCentre, candidate: Member, attempts: list[Attempt], started: datetime, random: Random
    ) -> None:
        """Add the evidence, half of it for each unit; the newest items of a unit in progress wait for assessment."""
        items, self.unrecorded_after = self.size.items, self.ledger.recorded + self.size.events - EVENTS_BESIDE
        span = min(COURSE, self.now - started) - timedelta(hours=2)
        for index in range(items):
            attempt = attempts[index % 2]
            moment = started + timedelta(hours=1) + span * index / items
            share = index / items
            if attempt.is_finished or share < 0.7:
                outcome = "accepted"
            else:
                outcome = "" if share >= 0.8 else "returned"
            is_draft = index == items - 1 and not outcome and random.random() < 0.2
            self._add_item(centre, candidate, attempt, index, moment, "draft" if is_draft else outcome, random)

    def _add_item(
        self, centre: LoadedCentre, candidate: Member, attempt: Attempt, index: int, moment: datetime, outcome: str,
        random: Random,
    ) -> None:  # fmt: skip
        """Add an item with its versions and claims, and what the assessor did with it."""
        is_draft, day = outcome == "draft", moment - timedelta(days=2)
        fields = (
            f"Complaint CH-{2000 + index}: case notes and three contacts", METHODS[index % len(METHODS)], on(day),
            "Late shift", "Case CH-1", NARRATIVE, "", "", "",
        )  # fmt: skip
        evidence = self.rows.add(
            "evidence", centre.id, candidate.person_id, None if is_draft else index + 1, 1, at(moment), at(moment),
            *fields,
        )  # fmt: skip
        claims = self._add_claims(candidate, attempt, evidence, index // 2, moment)
        files = [self._add_file(evidence, moment)] if index % 5 in {0, 3} else []
        if is_draft:
            return
        versions = 2 if outcome == "accepted" and random.random() < 0.1 else 1
        for number in range(1, versions + 1):
            sent = moment + timedelta(minutes=20 * (number - 1))
            digest = sha256(f"{evidence} {number}".encode()).hexdigest()
            version = self.rows.add("evidence_version", evidence, number, digest, at(sent), *fields)
            for position, file in enumerate(files, 1):
                self.rows.add_whole("version_attachment", version, file, position)
            submission = self.rows.add("submission", version, DECLARATION, at(sent), candidate.person_id, YES, None)
            self._record(
                sent, candidate, "evidence_submitted", "submission", submission,
                f'{{"content":"{digest}","evidence":{evidence},"number":{index + 1}}}',
            )  # fmt: skip
            is_last = number == versions
            if not is_last or outcome:
                self._assess(attempt, version, sent, claims, outcome if is_last else "returned", random, digest)
        if outcome == "accepted":
            attempt.items.append((index + 1, versions, version, digest, claims))

    def _add_file(self, evidence: int, moment: datetime) -> int:
        digest = sha256(f"file {evidence}".encode()).hexdigest()
        return self.rows.add(
            "attachment", evidence, "case notes.pdf", "application/pdf", 180_000, digest, at(moment), 1
        )

    def _add_claims(
        self, candidate: Member, attempt: Attempt, evidence: int, index: int, moment: datetime
    ) -> list[tuple[int, int]]:
        criteria, count = attempt.unit.criteria, self.size.claims
        chosen = [criteria[(index * count + offset) % len(criteria)][0] for offset in range(count)]
        time = at(moment)
        return [
            (self.rows.add("claim", attempt.id, evidence, each, "p. 2", time, candidate.person_id), each)
            for each in chosen
        ]

    def _assess(
        self, attempt: Attempt, version: int, sent: datetime, claims: list[tuple[int, int]], outcome: str,
        random: Random, digest: str,
    ) -> None:  # fmt: skip
        """Add a released assessment, with a decision on each claim where it was accepted."""
        moment, by = sent + timedelta(minutes=10), attempt.assessor
        accepted, time = outcome == "accepted", at(moment)
        attempt.last = max(attempt.last, moment)
        assessment = self.rows.add(
            "assessment", attempt.id, version, by.person_id, "released", outcome, accepted, accepted, accepted, NO,
            "Clear and complete." if accepted else "Say what you did yourself.", "{}", time, time, time,
        )  # fmt: skip
        if accepted:
            for claim, _ in claims:
                met = attempt.is_finished or random.random() < 0.93
                self.rows.add(
                    "decision", attempt.id, claim, version, assessment, "met" if met else "needs_more",
                    "" if met else "Show how you checked it.", time, by.person_id,
                )  # fmt: skip
        self._record(
            moment, by, "assessment_released", "assessment", assessment,
            f'{{"attempt":{attempt.id},"content":"{digest}","outcome":"{outcome}"}}',
        )  # fmt: skip

    def _record(self, moment: datetime, by: Member, act: str, kind: str, key: int, data: str) -> None:
        if self.ledger.recorded < self.unrecorded_after:
            self.ledger.record(moment, by.person_id, by.grant_id, act, kind, key, data)
