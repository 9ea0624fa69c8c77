"""A model of an attempt, with which the product is compared.

Every act returns whether the product must allow it, and changes the model as the product must change.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tracker.vocabulary import Outcome, RecordStanding

IN_PROGRESS, ASSESSED, CONFIRMED, VERIFIED, VOID = "in_progress", "assessed", "confirmed", "verified", "void"
MET, NEEDS_MORE = Outcome.MET, Outcome.NEEDS_MORE


@dataclass(eq=False)
class ModelClaim:
    """A claim, with its last decision and the number of the version that was decided on."""

    outcome: Outcome | None = None
    decided_on: int | None = None
    is_added: bool = False
    """Whether the assessor added it with a reason."""


@dataclass
class ModelVersion:
    number: int
    text: str
    is_taken_back: bool = False
    standing: RecordStanding | None = None
    """Of a record; None of what the candidate wrote."""
    stamped: tuple[str, ...] = ()
    """The criteria that a record names."""

    @property
    def counts(self) -> bool:
        return self.standing is None or self.standing.counts


@dataclass
class ModelAssessment:
    """An assessment that can still be undone: the outcome of each claim, and whether the item is accepted."""

    marks: dict[ModelClaim, Outcome]
    is_accepted: bool


@dataclass
class ModelItem:
    text: str
    claims: dict[str, ModelClaim]
    versions: list[ModelVersion] = field(default_factory=list)
    assessed_versions: set[int] = field(default_factory=set)
    """The numbers of the versions whose assessment was started."""
    pending: dict[int, ModelAssessment] = field(default_factory=dict)
    """Assessments by the number of their version."""
    is_record: bool = False
    removed: list[tuple[str, int]] = field(default_factory=list)
    """Of a record: the claims that ended with a reason, each with how many versions there were."""

    @property
    def current_version(self) -> ModelVersion | None:
        """Return the last version that was submitted and not withdrawn."""
        return next((each for each in reversed(self.versions) if not each.is_taken_back), None)

    @property
    def undecided(self) -> list[str]:
        version = self.current_version
        return [label for label, claim in self.claims.items() if version and claim.decided_on != version.number]


@dataclass
class Model:
    """Chloe's attempt; the labels are her unit's assessable criteria."""

    labels: list[str]
    state: str = IN_PROGRESS
    round: int = 1
    items: list[ModelItem] = field(default_factory=list)
    is_confirmed: bool = False
    """Whether every evidence requirement is confirmed in this round."""
    signatures: list[str] = field(default_factory=list)
    action_points: list[str] = field(default_factory=list)
    """The state of each action point: `raised`, `answered` or `closed`."""
    is_sampled: bool = False

    @property
    def is_open(self) -> bool:
        return self.state == IN_PROGRESS

    @property
    def met(self) -> set[str]:
        return {
            label
            for item in self.items
            for label, claim in item.claims.items()
            if item.current_version and claim.outcome is MET
        }

    # the candidate
    def log(self, text: str, labels: list[str]) -> bool:
        if not self.is_open:
            return False
        self.items.append(ModelItem(text, {label: ModelClaim() for label in labels}))
        return True

    def rewrite(self, item: ModelItem, text: str) -> bool:
        item.text = text
        return True

    def tick(self, item: ModelItem, label: str) -> bool:
        """Claim the criterion, or remove an undecided claim."""
        claim = item.claims.get(label)
        if not self.is_open or (claim and claim.outcome):
            return False
        if claim:
            del item.claims[label]
        else:
            item.claims[label] = ModelClaim()
        return True

    def submit_item(self, item: ModelItem) -> bool:
        if not self.is_open or not item.claims or (item.current_version and item.current_version.text == item.text):
            return False
        item.versions.append(ModelVersion(len(item.versions) + 1, item.text))
        return True

    def take_back(self, item: ModelItem) -> bool:
        version = item.current_version
        if version is None or version.number in item.assessed_versions:
            return False
        version.is_taken_back = True
        return True

    # the assessor
    def assess(self, item: ModelItem, outcome: Outcome, *, accept: bool) -> bool:
        """Give every claim one outcome, then accept or return the item; it counts when the time to undo is over."""
        assert item.current_version
        if not self.is_open or item.current_version.number in item.pending:
            return False
        if item.is_record and not (accept and item.current_version.counts):
            return False
        item.assessed_versions.add(item.current_version.number)
        item.pending[item.current_version.number] = ModelAssessment(
            dict.fromkeys(item.claims.values(), outcome), accept
        )
        return True

    def undo(self, item: ModelItem) -> bool:
        assert item.current_version
        return item.pending.pop(item.current_version.number, None) is not None

    def wait(self) -> None:
        """Let assessments count whose time to undo is over, unless their claim or version has gone."""
        for item in self.items:
            for number, assessment in item.pending.items():
                if self.is_open and item.claims and item.current_version and item.current_version.number == number:
                    for claim, outcome in assessment.marks.items():
                        if assessment.is_accepted or outcome is not MET:
                            claim.outcome, claim.decided_on = outcome, number
            item.pending.clear()

    def remove_claim(self, item: ModelItem, label: str) -> bool:
        if not self.is_open or item.claims.pop(label, None) is None:
            return False
        item.removed.append((label, len(item.versions)))
        return True

    def add(self, item: ModelItem, label: str) -> bool:
        if not self.is_open or label in item.claims:
            return False
        item.claims[label] = ModelClaim(is_added=True)
        return True

    # records of assessment: the assessor writes and withdraws, the candidate answers, the verifier decides
    def observe(self, text: str, labels: list[str]) -> bool:
        if not self.is_open:
            return False
        self.items.append(ModelItem(text, {}, is_record=True))
        return self.write_again(self.items[-1], text, labels)

    def write_again(self, item: ModelItem, text: str, labels: list[str]) -> bool:
        if not self.is_open:
            return False
        version = ModelVersion(
            len(item.versions) + 1, text, standing=RecordStanding.WAITING, stamped=tuple(dict.fromkeys(labels))
        )
        item.versions.append(version)
        self._claim_stamped(item, version.stamped)
        return True

    def answer_record(self, item: ModelItem, *, agrees: bool) -> bool:
        version = item.current_version
        if version is None or version.standing is not RecordStanding.WAITING:
            return False
        if item.claims and self.state == VOID:
            return False
        version.standing = RecordStanding.AGREED if agrees else RecordStanding.OBJECTED
        return True

    def decide_objection(self, item: ModelItem, *, is_upheld: bool) -> bool:
        version = item.current_version
        if (
            version is None
            or version.standing is not RecordStanding.OBJECTED
            or not item.claims
            or self.state == VOID
        ):
            return False
        version.standing = RecordStanding.UPHELD if is_upheld else RecordStanding.DISMISSED
        if is_upheld:
            self._take_out_of_use(item, version)
        return True

    def withdraw_record(self, item: ModelItem) -> bool:
        version = item.current_version
        if version is None or version.standing not in {RecordStanding.WAITING, RecordStanding.OBJECTED}:
            return False
        version.standing = RecordStanding.WITHDRAWN
        self._take_out_of_use(item, version)
        return True

    def _take_out_of_use(self, item: ModelItem, version: ModelVersion) -> None:
        """Take a version out of use with those before it that never counted; claims go back to what is left."""
        for each in item.versions:
            each.is_taken_back |= each is version or not each.counts
        if not self.is_open:
            return
        left, before = item.current_version, set(item.claims)
        if left is None:
            item.claims.clear()
        else:
            ended = {label for label, count in item.removed if count >= left.number}
            self._claim_stamped(item, [label for label in left.stamped if label not in ended])
        item.removed += [(label, len(item.versions)) for label in sorted(before - set(item.claims))]

    def _claim_stamped(self, item: ModelItem, labels: Iterable[str]) -> None:
        """Claim what is stamped; what is not, and was neither decided nor added by the assessor, ends."""
        stamped = list(labels)
        for label in [each for each, claim in item.claims.items() if each not in stamped]:
            if item.claims[label].outcome is None and not item.claims[label].is_added:
                del item.claims[label]
        for label in stamped:
            item.claims.setdefault(label, ModelClaim())

    def confirm_requirements(self) -> bool:
        self.is_confirmed |= self.is_open
        return self.is_open

    def withdraw_confirmation(self) -> bool:
        self.is_confirmed &= not self.is_open
        return self.is_open

    def sign(self) -> bool:
        ready = self.met == set(self.labels) and not any(item.undecided for item in self.items)
        return self._sign(
            IN_PROGRESS, ASSESSED, "assessor", ready=ready and self.is_confirmed and not self._is_waited_for
        )

    def answer(self) -> bool:
        return self._move_action_point("raised", "answered")

    def retract(self) -> bool:
        return self._reopen(ASSESSED, None)

    # the candidate again
    def confirm(self) -> bool:
        return self._sign(ASSESSED, CONFIRMED, "candidate", ready=True)

    def dispute(self, label: str) -> bool:
        return self._reopen(ASSESSED, label)

    # the internal verifier
    def sample(self) -> bool:
        if self.state == VOID:
            return False
        self.is_sampled = True
        return True

    def disagree(self, claim: ModelClaim) -> bool:
        """Only this claim needs more; a signed round ends, and the assessor has an action point."""
        if not self.sample():
            return False
        claim.outcome = NEEDS_MORE
        self.action_points.append("raised")
        if self.state in {ASSESSED, CONFIRMED, VERIFIED}:
            self._reopen(self.state, None)
        return True

    def verify(self, *, unsampled: bool) -> bool:
        ready = (unsampled or self.is_sampled) and not self._is_waited_for
        return self._sign(CONFIRMED, VERIFIED, "internal_verifier", ready=ready)

    def return_unit(self, label: str) -> bool:
        if not self._reopen(CONFIRMED, label):
            return False
        self.action_points.append("raised")
        return True

    def close(self) -> bool:
        return self._move_action_point("answered", "closed")

    def ask_again(self) -> bool:
        """Close an answered action point and raise another."""
        if not self.close():
            return False
        self.action_points.append("raised")
        return True

    def reopen(self, label: str) -> bool:
        return self._reopen(VERIFIED, label)

    # the administrator
    def void(self) -> bool:
        is_new, self.state = self.state != VOID, VOID
        return is_new

    @property
    def _is_waited_for(self) -> bool:
        return any(state != "closed" for state in self.action_points)

    def _sign(self, before: str, after: str, role: str, *, ready: bool) -> bool:
        if self.state != before or not ready:
            return False
        self.state = after
        self.signatures.append(role)
        return True

    def _reopen(self, before: str, label: str | None) -> bool:
        if self.state != before:
            return False
        for claim in self._claims_of(label):
            if claim.outcome is MET:
                claim.outcome = NEEDS_MORE
        self.state, self.round, self.signatures = IN_PROGRESS, self.round + 1, []
        self.is_confirmed = self.is_sampled = False
        return True

    def _claims_of(self, label: str | None) -> Iterator[ModelClaim]:
        return (item.claims[label] for item in self.items if label in item.claims)

    def _move_action_point(self, before: str, after: str) -> bool:
        if before not in self.action_points:
            return False
        self.action_points[self.action_points.index(before)] = after
        return True
