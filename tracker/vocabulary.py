"""The fixed terms of the field, each with its label on screen, and the terms that England and Scotland use."""

import re
from enum import StrEnum
from typing import Self

ERASED_TEXT = "Erased"
"""What an erasure writes in place of an attachment's name and of other erased text."""


class LabelledEnum(StrEnum):
    """A fixed set of terms, each stored as its value and shown as its label; a member may carry further texts."""

    label: str
    texts: tuple[str, ...]
    """The further texts, which subclasses offer as properties such as `Method.printed`."""

    def __new__(cls, value: str, label: str = "", *texts: str) -> Self:
        """Return a member with its value, label and further texts."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.label = label
        member.texts = texts
        return member


class Role(LabelledEnum):
    """A role that a person is granted at a centre."""

    CANDIDATE = "candidate", "Candidate"
    ASSESSOR = "assessor", "Assessor"
    INTERNAL_VERIFIER = "internal_verifier", "Internal verifier"
    EXTERNAL_VERIFIER = "external_verifier", "External verifier"
    ADMINISTRATOR = "administrator", "Centre administrator"


STAFF_ROLES = (Role.ASSESSOR, Role.INTERNAL_VERIFIER)
"""The roles of the people in a centre's staff register."""


class AwardKind(LabelledEnum):
    """An award in assessing or verifying, with the role that it qualifies for."""

    D32_D33 = "d32_d33", "D32/D33", "assessor"
    A1 = "a1", "A1", "assessor"
    A2 = "a2", "A2", "assessor"
    LD9D = "ld9d", "L&D9D", "assessor"
    LD9DI = "ld9di", "L&D9DI", "assessor"
    TAQA_ASSESSING = "taqa_assessing", "TAQA level 3 (assessing)", "assessor"
    OTHER_ASSESSING = "other_assessing", "Another assessor’s award", "assessor"
    D34 = "d34", "D34", "internal_verifier"
    V1 = "v1", "V1", "internal_verifier"
    LD11 = "ld11", "L&D11", "internal_verifier"
    TAQA_VERIFYING = "taqa_verifying", "TAQA level 4 (internal quality assurance)", "internal_verifier"
    OTHER_VERIFYING = "other_verifying", "Another internal verifier’s award", "internal_verifier"

    @property
    def role(self) -> Role:
        """Return the role that the award qualifies for."""
        return Role(self.texts[0])

    @property
    def needs_title(self) -> bool:
        """Return whether the kind does not say what the award is called."""
        return self in {AwardKind.OTHER_ASSESSING, AwardKind.OTHER_VERIFYING}


class AwardState(LabelledEnum):
    """Award status of a person for a role on a day, computed and never stored."""

    HELD = "held", "Held"
    WORKING_TOWARDS = "working_towards", "Working towards"
    OVERDUE = "overdue", "Target date passed"
    ENDED = "ended", "Ended"
    NOT_RECORDED = "not_recorded", "No award recorded"


class CentreTerms(LabelledEnum):
    """The country whose terms for verification a centre uses on screen and on paper."""

    SCOTLAND = "scotland", "Scotland: internal and external verifier (IV, EV)"
    ENGLAND = "england", "England: internal and external quality assurer (IQA, EQA)"


class CriterionKind(LabelledEnum):
    """The kind of a criterion: performance or knowledge."""

    PERFORMANCE = "performance", "Performance criteria"
    KNOWLEDGE = "knowledge", "Knowledge and understanding"


class LabelOrigin(LabelledEnum):
    """The origin of a criterion's label."""

    PUBLISHED = "published", "As printed in the source"
    ASSIGNED = "assigned", "Assigned by position"


class DocumentType(LabelledEnum):
    """The kind of document that a unit was published as."""

    NOS = "nos", "National Occupational Standard"
    SQA_UNIT = "sqa_unit", "SQA unit"
    LEARNING_OUTCOMES = "learning_outcomes", "Unit of learning outcomes"


class Simulation(LabelledEnum):
    """A unit's rule about evidence from simulation."""

    FORBIDDEN = "forbidden", "Simulation is not allowed"
    PER_CRITERION = "per_criterion", "Simulation is allowed for some criteria"
    UNSTATED = "unstated", "The unit does not say whether simulation is allowed"


class AttemptState(LabelledEnum):
    """The state of an attempt at a unit."""

    IN_PROGRESS = "in_progress", "In progress"
    ASSESSED = "assessed", "Signed by the assessor"
    CONFIRMED = "confirmed", "Confirmed by the candidate"
    VERIFIED = "verified", "Verified"
    CERTIFICATE_CLAIMED = "certificate_claimed", "Certificate claimed"
    VOID = "void", "Void"


OPEN_ATTEMPT_STATES = (AttemptState.IN_PROGRESS, AttemptState.ASSESSED, AttemptState.CONFIRMED)
"""The states in which a candidate, an assessor or an internal verifier still has something to do."""


class Method(LabelledEnum):
    """The method by which evidence was gathered."""

    @property
    def printed(self) -> str:
        """Return the short form on the recording form."""
        return self.texts[0]

    @property
    def help(self) -> str:
        """Return a sentence that explains the method to a candidate."""
        return self.texts[1]

    OBSERVATION = "observation", "Observation", "OBS", "Your assessor watched or listened to you work."
    WORK_PRODUCT = "work_product", "Work product", "WP", "Something you made or wrote in the job."
    WITNESS_TESTIMONY = (
        "witness_testimony",
        "Witness testimony",
        "WT",
        "Someone who saw you do it says so in writing.",
    )
    EXPERT_WITNESS = (
        "expert_witness",
        "Expert witness",
        "EW",
        "A witness whom the centre has approved as an expert in this work.",
    )
    PROFESSIONAL_DISCUSSION = (
        "professional_discussion",
        "Professional discussion",
        "PD",
        "A planned discussion with your assessor, usually recorded.",
    )
    QUESTIONING = "questioning", "Questions and answers", "Q&A", "Answers you gave, spoken or written."
    REFLECTIVE_ACCOUNT = (
        "reflective_account",
        "Reflective account",
        "RA",
        "Your written account of what you did, and why.",
    )
    ASSIGNMENT = "assignment", "Assignment", "ASG", "A task set for you, such as a project or a report."
    PRIOR_LEARNING = (
        "prior_learning",
        "Prior learning",
        "RPL",
        "Something you achieved before you began this award.",
    )
    SIMULATION = "simulation", "Simulation", "SIM", "Practised, not real work. Some units do not allow it."


class RecordKind(LabelledEnum):
    """The kind of a record of assessment: evidence with content of its own.

    Somebody else than the candidate wrote it, but for answers to questions that were set for them.
    """

    OBSERVATION = "observation", "Observation"
    WITNESS_TESTIMONY = "witness_testimony", "Witness testimony"
    PROFESSIONAL_DISCUSSION = "professional_discussion", "Professional discussion"
    QUESTIONS = "questions_asked", "Questions and answers"
    ANSWERS = "answers", "Answers to set questions"


class WitnessStatus(LabelledEnum):
    """What makes a witness able to tell whether the candidate's work met the standards, in their own words."""

    ASSESSOR_QUALIFIED = "assessor_qualified", "I hold an assessor’s award"
    FAMILIAR = "familiar", "I know these standards from my work"
    OTHER = "other", "Neither"

    @property
    def described(self) -> str:
        """Return the status as others read it."""
        return {
            "assessor_qualified": "Holds an assessor’s award",
            "familiar": "Knows these standards from their work",
            "other": "Holds no assessor’s award, and does not know these standards from their work",
        }[self.value]


class ListedStatus(LabelledEnum):
    """The status of a witness on a centre's list, the highest first."""

    EXPERT = "expert", "Expert witness"
    ASSESSOR_QUALIFIED = "assessor_qualified", "Holds an assessor’s award"
    FAMILIAR = "familiar", "Familiar with the standards"
    OTHER = "other", "Non-expert witness"

    @property
    def described(self) -> str:
        """Return the status as a testimony's version seals it."""
        return f"on the centre’s witness list: {self.label[0].lower()}{self.label[1:]}"


class WitnessTestimonyState(LabelledEnum):
    """The state of a testimony that was asked for, computed from its times and never stored."""

    ASKED = "asked", "Waiting for the witness"
    EXPIRED = "expired", "Link expired"
    WITHDRAWN = "withdrawn", "Withdrawn"
    DECLINED = "declined", "Declined by the witness"
    SIGNED = "signed", "Signed, to be authenticated by the assessor"
    AUTHENTICATED = "authenticated", "Authenticated by the assessor"
    REFUSED = "refused", "Refused by the assessor"


class AcknowledgementAnswer(LabelledEnum):
    """The answer to a record: the candidate's, a verifier's decision on their objection, or an authentication."""

    AGREED = "agreed", "Agreed"
    OBJECTED = "objected", "Objected"
    UPHELD = "upheld", "Objection upheld"
    DISMISSED = "dismissed", "Objection dismissed"
    AUTHENTICATED = "authenticated", "Authenticated"


class RecordStanding(LabelledEnum):
    """The standing of a version of a record, computed from its acknowledgements and never stored."""

    WAITING = "waiting", "Not yet agreed by the candidate"
    AGREED = "agreed", "Agreed by the candidate"
    OBJECTED = "objected", "Candidate objected"
    UPHELD = "upheld", "Objection upheld"
    DISMISSED = "dismissed", "Objection dismissed"
    WITHDRAWN = "withdrawn", "Withdrawn by its author"
    AUTHENTICATED = "authenticated", "Authenticated by the assessor"

    @property
    def counts(self) -> bool:
        """Return whether a version in this standing counts (docs/rules.md, Records of assessment, rule 4)."""
        return self in {RecordStanding.AGREED, RecordStanding.DISMISSED, RecordStanding.AUTHENTICATED}


class Outcome(LabelledEnum):
    """An assessor's decision on one claim. No marks, no grades."""

    MET = "met", "Met"
    NEEDS_MORE = "needs_more", "Needs more"
    NOT_MET = "not_met", "Not met"

    @property
    def on_answer(self) -> str:
        """Return what it says of an answer to a set question."""
        return "Answer shows it" if self is Outcome.MET else "Not yet"


class CriterionState(LabelledEnum):
    """The state of a criterion, computed from claims and current decisions and never stored."""

    @property
    def sign(self) -> str:
        """Return the sign that is shown beside the label."""
        return self.texts[0]

    MET = "met", "Met", "✓"
    NEEDS_MORE = "needs_more", "Needs more", "◐"
    CLAIMED = "claimed", "Claimed", "○"
    NOTHING_YET = "nothing_yet", "Nothing yet", "–"


class ClaimMark(LabelledEnum):
    """The mark of a claim in a matrix and on a recording form (docs/rules.md, Assessment, rule 15).

    A claim that was decided and has no mark does not count: it was not met, or its version was returned.
    """

    @property
    def sign(self) -> str:
        """Return the sign that is printed."""
        return self.texts[0]

    MET = "met", "a decision “met” on this criterion stands on this evidence", "✓"
    CONTRIBUTES = "contributes", "contributes: shown, more was needed", "◐"
    CLAIMED = "claimed", "claimed, not yet assessed", "○"


class AssessmentState(LabelledEnum):
    """The state of an assessment; the candidate sees it once it is released."""

    DRAFT = "draft", "Draft"
    AWAITING_COUNTERSIGNATURE = "awaiting_countersignature", "Waiting to be countersigned"
    RELEASED = "released", "Released"


class CountersignatureEnd(LabelledEnum):
    """What ended a countersignature that was asked for before it was answered."""

    NEW_VERSION = "new_version", "The evidence changed"
    ALLOCATION = "allocation", "The unit was allocated to another assessor"
    WITHDRAWAL = "withdrawal", "The candidate was withdrawn"
    VOID = "void", "The unit was voided"
    UNIT_VERSION = "unit_version", "The unit moved to another version"
    DISAGREEMENT = "disagreement", "The internal verifier disagreed with a decision"
    ROUND = "round", "The signature was superseded"
    NEW_COUNTERSIGNER = "new_countersigner", "Another countersigner was named"
    NOT_RELEASABLE = "not_releasable", "The assessment could no longer be released"
    TAKEN_BACK = "taken_back", "The assessor took it back"


class AssessmentOutcome(LabelledEnum):
    """The outcome of an assessment for the evidence as a whole."""

    ACCEPTED = "accepted", "Accepted"
    RETURNED = "returned", "Returned"


class SignatureRole(LabelledEnum):
    """The role in which a person signs an attempt."""

    ASSESSOR = "assessor", "Assessor"
    CANDIDATE = "candidate", "Candidate"
    INTERNAL_VERIFIER = "internal_verifier", "Internal verifier"
    COUNTERSIGNER = "countersigner", "Countersigner"


class ReopeningKind(LabelledEnum):
    """The reason why a signed attempt went back to `in_progress` in a new round."""

    DISPUTE = "dispute", "Disputed by the candidate"
    RETRACTION = "retraction", "Retracted by the assessor"
    RETURN = "return", "Returned by the internal verifier"
    REOPENING = "reopening", "Reopened by the internal verifier"
    DISAGREEMENT = "disagreement", "Sampled by the internal verifier, who disagreed"
    NOT_COUNTERSIGNED = "not_countersigned", "Not countersigned"


class PortfolioPart(LabelledEnum):
    """The part of a portfolio that somebody opened, for the portfolio access log."""

    UNITS = "units", "Units and forms"
    EVIDENCE = "evidence", "Evidence"


class LinkPurpose(LabelledEnum):
    """The purpose of a one-time link to an account."""

    INVITATION = "invitation", "Invitation"
    RESET = "reset", "Password reset"
    CONFIRM_ADDRESS = "confirm_address", "Confirmation of an email address"
    NEW_BROWSER = "new_browser", "Sign-in with a new browser"


class AttemptKind(LabelledEnum):
    """What an attempt is made at, each counted by itself to limit the rate of attempts."""

    SIGN_IN = "sign_in", "Sign-in"
    PASSWORD_CONFIRMATION = "password_confirmation", "Password confirmation"
    SECOND_STEP = "second_step", "Two-step verification"
    LINK = "link", "Link by email"


class SignInOutcome(LabelledEnum):
    """What came of a sign-in, as its person reads it."""

    SUCCEEDED = "succeeded", "Signed in"
    WRONG_PASSWORD = "wrong_password", "Failed: wrong password"
    WRONG_CODE = "wrong_code", "Failed: wrong code or passkey"


class AccountChangeKind(LabelledEnum):
    """What a change of an account changes that waits before it takes effect."""

    EMAIL = "email", "Email address"
    TWO_STEP_VERIFICATION = "two_step_verification", "Two-step verification"


class SecondFactorKind(LabelledEnum):
    """The kind of second factor: what proves a person's identity besides the password."""

    APP = "app", "Authenticator app"
    PASSKEY = "passkey", "Passkey"


class SecondStepMethod(LabelledEnum):
    """How the second step of two-step verification was done."""

    APP = "app", "Authenticator app"
    PASSKEY = "passkey", "Passkey"
    RECOVERY_CODE = "recovery_code", "Recovery code"


class SigningTwoStep(LabelledEnum):
    """Whom a centre asks for two-step verification when they sign; only people who have set it up are asked."""

    STAFF = "staff", "Yes, of those who assess or verify"
    EVERYBODY = "everybody", "Yes, of everybody who signs, candidates included"
    NOBODY = "nobody", "No, the password is enough"


class LinkKind(LabelledEnum):
    """The relation of one criterion to another."""

    SAME = "same", "The same in substance"
    REPLACED_BY = "replaced_by", "Replaced by"


class DraftState(LabelledEnum):
    """The state of a unit draft; only a published one is a version in the library."""

    BEING_CHECKED = "being_checked", "Being checked"
    DRAFT = "draft", "Draft"
    PUBLISHED = "published", "Published"
    DISCARDED = "discarded", "Discarded"


class ImportOutcome(LabelledEnum):
    """The result of comparing a unit in an imported file with the library."""

    NEW = "new", "New"
    UNCHANGED = "unchanged", "Unchanged"
    CHANGED = "changed", "Changed"
    REFUSED = "refused", "Refused"


class ImportState(LabelledEnum):
    """The state of an import of units."""

    PREVIEWED = "previewed", "Awaiting confirmation"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Stopped by an error"
    CANCELLED = "cancelled", "Cancelled"


class JobState(LabelledEnum):
    """The state of a job run. The last three are its ends."""

    WAITING = "waiting", "Waiting"
    RUNNING = "running", "Running"
    FINISHED = "finished", "Finished"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


class FormOutcome(LabelledEnum):
    """What became of a form that a job was to print with many others."""

    PRINTED = "printed", "Printed"
    WITHDRAWN = "withdrawn", "Candidate withdrawn"
    ERASED = "erased", "Records erased"
    VOID = "void", "Unit void"
    FAILED = "failed", "Could not be printed"


ENGLISH_TERMS = {
    "verifier": "quality assurer",
    "verifiers": "quality assurers",
    "verification": "quality assurance",
    "IV": "IQA",
    "IVs": "IQAs",
    "EV": "EQA",
    "EVs": "EQAs",
}
"""England's terms by Scotland's; all texts in the code use Scotland's."""
SCOTTISH_TERM = re.compile(r"(?<!two-step )\b(verifiers?|verification|[IE]Vs?)\b", re.IGNORECASE)


def use_terms(text: str, terms: CentreTerms) -> str:
    """Replace Scotland's terms in a text by those of a centre and keep the capitals.

    For England `Internal verifier` becomes `Internal quality assurer`, and `(by IV)` becomes `(by IQA)`. For Scotland
    the text is returned unchanged.
    """
    return SCOTTISH_TERM.sub(_translate, text) if terms is CentreTerms.ENGLAND else text


def _translate(match: re.Match[str]) -> str:
    word = match[0]
    if word in ENGLISH_TERMS:
        return ENGLISH_TERMS[word]
    english = ENGLISH_TERMS.get(word.lower())
    if english is None:
        return word  # for instance `iv`, a Roman numeral
    is_title = match.string[: match.start()].endswith(("Internal ", "External "))
    return english.title() if is_title else english.capitalize()
