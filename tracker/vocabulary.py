"""The field's fixed words, each with its label on screen. Imports nothing of ours."""

from enum import StrEnum
from typing import Self


class Word(StrEnum):
    """A fixed word stored as text, with the label that people read."""

    label: str

    def __new__(cls, value: str, label: str = "") -> Self:
        word = str.__new__(cls, value)
        word._value_ = value
        word.label = label or value.replace("_", " ").capitalize()
        return word


class Role(Word):
    CANDIDATE = "candidate", "Candidate"
    ASSESSOR = "assessor", "Assessor"
    INTERNAL_VERIFIER = "internal_verifier", "Internal verifier"
    EXTERNAL_VERIFIER = "external_verifier", "External verifier"
    ADMINISTRATOR = "administrator", "Centre administrator"


class CriterionKind(Word):
    PERFORMANCE = "performance", "Performance criteria"
    KNOWLEDGE = "knowledge", "Knowledge and understanding"


class LabelOrigin(Word):
    PUBLISHED = "published", "As printed in the source"
    ASSIGNED = "assigned", "Assigned by position"


class DocumentType(Word):
    NOS = "nos", "National Occupational Standard"
    SQA_UNIT = "sqa_unit", "SQA unit"
    LEARNING_OUTCOMES = "learning_outcomes", "Unit of learning outcomes"


class Simulation(Word):
    FORBIDDEN = "forbidden", "Simulation is not allowed"
    PER_CRITERION = "per_criterion", "Simulation is allowed for some criteria"
    UNSTATED = "unstated", "The unit does not say whether simulation is allowed"


class AttemptState(Word):
    IN_PROGRESS = "in_progress", "In progress"
    ASSESSED = "assessed", "Signed by the assessor"
    CONFIRMED = "confirmed", "Confirmed by the candidate"
    VERIFIED = "verified", "Verified"
    CERTIFICATE_CLAIMED = "certificate_claimed", "Certificate claimed"
    VOID = "void", "Void"


class Method(Word):
    """How evidence was gathered; `printed` is the short form on the recording form."""

    printed: str
    help: str

    def __new__(cls, value: str, label: str = "", printed: str = "", help_line: str = "") -> Self:
        word = str.__new__(cls, value)
        word._value_ = value
        word.label = label
        word.printed = printed
        word.help = help_line
        return word

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
        "A planned talk with your assessor, usually recorded.",
    )
    QUESTIONING = "questioning", "Questions and answers", "Q&A", "Answers you gave, spoken or written."
    REFLECTIVE_ACCOUNT = (
        "reflective_account",
        "Reflective account",
        "RA",
        "Your own story of what you did, and why.",
    )
    ASSIGNMENT = "assignment", "Assignment", "ASG", "A task set for you, such as a project or a report."
    PRIOR_LEARNING = (
        "prior_learning",
        "Prior learning",
        "RPL",
        "Something you achieved before you began this award.",
    )
    SIMULATION = "simulation", "Simulation", "SIM", "Practised, not real work. Some units do not allow it."


class Outcome(Word):
    """An assessor's decision on one claim. No marks, no grades."""

    MET = "met", "Met"
    NEEDS_MORE = "needs_more", "Needs more"
    NOT_MET = "not_met", "Not met"


class CriterionState(Word):
    """Derived from claims and live decisions, never stored; `sign` is shown with the word."""

    sign: str

    def __new__(cls, value: str, label: str = "", sign: str = "") -> Self:
        word = str.__new__(cls, value)
        word._value_ = value
        word.label = label
        word.sign = sign
        return word

    MET = "met", "Met", "✓"
    NEEDS_MORE = "needs_more", "Needs more", "◐"
    CLAIMED = "claimed", "Claimed", "○"
    NOTHING_YET = "nothing_yet", "Nothing yet", "–"


class AssessmentState(Word):
    DRAFT = "draft", "Draft"
    RELEASED = "released", "Released"


class AssessmentOutcome(Word):
    ACCEPTED = "accepted", "Accepted"
    RETURNED = "returned", "Returned"


class SignatureRole(Word):
    ASSESSOR = "assessor", "Assessor"
    CANDIDATE = "candidate", "Candidate"
    INTERNAL_VERIFIER = "internal_verifier", "Internal verifier"
    COUNTERSIGNER = "countersigner", "Countersigner"


class ReopeningKind(Word):
    """Why a signed attempt went back to `in_progress`, one round up."""

    DISPUTE = "dispute", "Disputed by the candidate"
    RETRACTION = "retraction", "Retracted by the assessor"
    RETURN = "return", "Returned by the internal verifier"
    REOPENING = "reopening", "Reopened by the internal verifier"


class PortfolioPart(Word):
    """What of a portfolio somebody opened."""

    UNITS = "units", "Units and forms"
    EVIDENCE = "evidence", "Evidence"


class LinkPurpose(Word):
    INVITATION = "invitation", "Invitation"
    RESET = "reset", "Password reset"


class SecondFactorKind(Word):
    """What somebody proves themselves by, beside their password."""

    APP = "app", "Authenticator app"
    PASSKEY = "passkey", "Passkey"


class LinkKind(Word):
    """What one criterion is to another."""

    SAME = "same", "The same in substance"
    REPLACED_BY = "replaced_by", "Replaced by"


class DraftState(Word):
    """Where a unit read in on screen stands; only a published one is a version of the library."""

    BEING_CHECKED = "being_checked", "Being checked"
    DRAFT = "draft", "Draft"
    PUBLISHED = "published", "Published"
    DISCARDED = "discarded", "Discarded"


class ImportOutcome(Word):
    """What a unit of a file is to the library."""

    NEW = "new", "New"
    UNCHANGED = "unchanged", "Unchanged"
    CHANGED = "changed", "Changed"
    REFUSED = "refused", "Refused"


class ImportState(Word):
    PREVIEWED = "previewed", "Waiting for your word"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Stopped by a fault"
    CANCELLED = "cancelled", "Cancelled"
