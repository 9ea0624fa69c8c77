"""The ends of attempts in bulk: signatures with their snapshots, samples, action points, issued forms and visits."""

from datetime import datetime, timedelta
from random import Random

from tests.bulk.ledger import Ledger
from tests.bulk.people import LoadedCentre, Member
from tests.bulk.portfolios import Attempt
from tests.bulk.rows import NO, YES, Rows, at, on
from tracker.ledger.canonical_json import canonical_json, sha256
from tracker.models.people import UNSAMPLED_REASONS
from tracker.recording_forms.snapshot import DOMAIN, STATEMENT_OF_COMPETENCE

ENDS = (
    ("void", 2),
    ("in_progress", 8),
    ("assessed", 8),
    ("confirmed", 12),
    ("verified", 45),
    ("certificate_claimed", 25),
)
"""What becomes of an attempt whose evidence is all accepted, and how often of a hundred times."""
SIGNERS = {"assessed": 1, "confirmed": 2, "verified": 3, "certificate_claimed": 3}


class Signer:
    """Ends attempts; their rows are still in the batch."""

    def __init__(self, rows: Rows, ledger: Ledger, random: Random, now: datetime) -> None:
        self.rows, self.ledger, self.random, self.now = rows, ledger, random, now
        self.visited: dict[int, list[int]] = {}
        """The verified attempts of each centre that its next visit names."""

    def end_attempt(self, centre: LoadedCentre, candidate: Member, attempt: Attempt) -> None:
        """Give a finished attempt one of the ends."""
        state = self.random.choices([name for name, _ in ENDS], [weight for _, weight in ENDS])[0]
        moment = min(attempt.last + timedelta(days=2), self.now - timedelta(hours=4))
        signers = SIGNERS.get(state, 0)
        self._set_state(attempt.id, state, at(moment) if signers else None)
        if state == "in_progress" or not attempt.items:
            return
        if signers:
            self._confirm_requirements(attempt, moment)
            digest = self._sign(attempt, candidate, moment, signers)
            if signers == 3:
                self.visited.setdefault(centre.id, []).append(attempt.id)
            if state == "certificate_claimed":
                self._issue_form(centre, attempt, moment + timedelta(hours=3), digest)
        if state == "confirmed" and self.random.random() < 0.2:
            self._raise_action_point(attempt, moment + timedelta(hours=1))

    def _set_state(self, key: int, state: str, assessed_at: str | None) -> None:
        """Change the attempt's row, which is among the last of the batch."""
        attempts = self.rows.by_table["unit_attempt"]
        index = next(i for i in range(len(attempts) - 1, -1, -1) if attempts[i][0] == key)
        row = attempts[index]
        reason = "Entered twice." if state == "void" else None
        attempts[index] = (*row[:5], state, *row[6:9], assessed_at, "Complete." if assessed_at else "", reason)

    def _confirm_requirements(self, attempt: Attempt, moment: datetime) -> None:
        by = attempt.assessor
        for requirement in attempt.unit.requirements:
            key = self.rows.add("requirement_confirmation", attempt.id, 1, requirement, "", at(moment), by.person_id)
            data = f'{{"attempt":{attempt.id},"requirement":{requirement},"round":1}}'
            self.ledger.record(
                moment, by.person_id, by.grant_id, "requirement_confirmed", "requirement_confirmation", key, data
            )

    def _sign(self, attempt: Attempt, candidate: Member, moment: datetime, signers: int) -> str:
        """Add the assessor's, the candidate's and the verifier's signature, or the first of them. Return the hash."""
        snapshot = build_snapshot(attempt, candidate)
        digest, sampled = sha256(DOMAIN, snapshot), self.random.random() < 0.6
        signed = (
            ("assessor", attempt.assessor, "unit_signed", "assessed"),
            ("candidate", candidate, "unit_confirmed", "confirmed"),
            ("internal_verifier", attempt.verifier, "unit_verified", "verified"),
        )[:signers]
        for hours, (role, by, act, state) in enumerate(signed):
            time, verifies = moment + timedelta(hours=hours), role == "internal_verifier"
            if verifies and sampled:
                self._sample(attempt, time - timedelta(minutes=10))
            key = self.rows.add(
                "signature", attempt.id, 1, role, by.person_id, at(time), STATEMENT_OF_COMPETENCE, "",
                snapshot.decode(), digest, at(time), "bulk", on(time) if verifies and sampled else None,
                UNSAMPLED_REASONS[0] if verifies and not sampled else None, YES,
            )  # fmt: skip
            data = f'{{"attempt":{attempt.id},"role":"{role}","round":1,"snapshot":"{digest}","state":"{state}"}}'
            self.ledger.record(time, by.person_id, by.grant_id, act, "signature", key, data)
        return digest

    def _sample(self, attempt: Attempt, moment: datetime) -> None:
        """Add a sample of a claim of each of three items."""
        by = attempt.verifier
        sample = self.rows.add("sample", attempt.id, 1, by.person_id, at(moment), NO, "Sound decisions.")
        for _, _, version, _, claims in attempt.items[:3]:
            self.rows.add("sample_item", sample, version, claims[0][1], YES, "")
        data = f'{{"agreed":3,"attempt":{attempt.id},"decisions":[],"round":1}}'
        self.ledger.record(moment, by.person_id, by.grant_id, "sample_drawn", "sample", sample, data)

    def _issue_form(self, centre: LoadedCentre, attempt: Attempt, moment: datetime, digest: str) -> None:
        number, by = sha256("bulk", str(attempt.id).encode())[:32], centre.administrator
        form = self.rows.add(
            "issued_form", number, attempt.id, 1, at(moment), by.person_id, sha256("bulk", number.encode()), 90_000,
            digest, self.ledger.seq, self.ledger.head, "0" * 16,
        )  # fmt: skip
        self.ledger.record(moment, by.person_id, by.grant_id, "form_issued", "issued_form", form)

    def _raise_action_point(self, attempt: Attempt, moment: datetime) -> None:
        """Add an action point, which the assessor has answered in half of the cases."""
        by, answered = attempt.verifier, self.random.random() < 0.5
        reply = ("Done.", attempt.assessor.person_id, at(moment)) if answered else (None, None, None)
        key = self.rows.add(
            "action_point", attempt.id, 1, by.person_id, at(moment), "Record the date of the observation.",
            on(moment + timedelta(days=14)), *reply, None, None,
        )  # fmt: skip
        self.ledger.record(moment, by.person_id, by.grant_id, "action_point_raised", "action_point", key)

    def add_visits(self, centre: LoadedCentre) -> None:
        """Add an open visit of the external verifier to 20 verified units of a centre, half of them marked as seen."""
        by, visitor = centre.administrator, centre.external_verifier
        starts, ends = self.now - timedelta(days=2), self.now + timedelta(days=12)
        visit = self.rows.add("visit", centre.id, visitor.person_id, at(starts), at(ends), by.person_id, at(starts))
        for index, attempt in enumerate(self.visited.get(centre.id, [])[:20]):
            self.rows.add_whole("visit_attempt", visit, attempt, at(self.now) if index % 2 else None)
        self.ledger.record(starts, by.person_id, by.grant_id, "visit_opened", "visit", visit)


def build_snapshot(attempt: Attempt, candidate: Member) -> bytes:
    """Return the canonical JSON of what is signed, in the form of `take_snapshot`."""
    unit = attempt.unit
    return canonical_json(
        {
            "v": 1,
            "attempt": attempt.id,
            "round": 1,
            "unit": {
                "code": unit.code,
                "version": unit.version,
                "revision": unit.revision,
                "sha256": unit.content_hash,
            },
            "candidate": candidate.person_id,
            "criteria": [
                {"position": position, "label": label, "state": "met"} for _, position, label in unit.criteria
            ],
            "evidence": [
                {
                    "number": number,
                    "version": version,
                    "sha256": digest,
                    "claims": [
                        {"claim": claim, "criterion": criterion, "locator": "p. 2", "outcome": "met"}
                        for claim, criterion in claims
                    ],
                }
                for number, version, _, digest, claims in attempt.items
            ],
            "statement": STATEMENT_OF_COMPETENCE,
        }
    )
