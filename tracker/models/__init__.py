"""One shared model; every feature reads it, the services alone change it."""

from tracker.models.assessment import Decision, Reopening, RequirementConfirmation, Review, Signature
from tracker.models.base import Base
from tracker.models.ledger import Event, EventText
from tracker.models.people import (
    AccountLink,
    Centre,
    FailedSignIn,
    Grant,
    IdempotencyKey,
    Installation,
    Notice,
    Person,
    UserSession,
)
from tracker.models.portfolio import (
    EVIDENCE_FIELDS,
    Attachment,
    Claim,
    Evidence,
    EvidenceVersion,
    Submission,
    VersionAttachment,
)
from tracker.models.registration import Allocation, Registration, UnitAttempt
from tracker.models.standards import Criterion, EvidenceRequirement, Guidance, GuidanceUnit, Unit
from tracker.models.verification import (
    Finding,
    FindingCriterion,
    Sample,
    SampleItem,
    Visit,
    VisitAttempt,
)

__all__ = [
    "EVIDENCE_FIELDS",
    "AccountLink",
    "Allocation",
    "Attachment",
    "Base",
    "Centre",
    "Claim",
    "Criterion",
    "Decision",
    "Event",
    "EventText",
    "Evidence",
    "EvidenceRequirement",
    "EvidenceVersion",
    "FailedSignIn",
    "Finding",
    "FindingCriterion",
    "Grant",
    "Guidance",
    "GuidanceUnit",
    "IdempotencyKey",
    "Installation",
    "Notice",
    "Person",
    "Registration",
    "Reopening",
    "RequirementConfirmation",
    "Review",
    "Sample",
    "SampleItem",
    "Signature",
    "Submission",
    "Unit",
    "UnitAttempt",
    "UserSession",
    "VersionAttachment",
    "Visit",
    "VisitAttempt",
]
