"""The database models, shared by all features: queries read them, and only services change them.

Columns such as `allocated_by_id` and `erased_by_id` say who did an act. They stay where no page shows them: the row
seals cover them (tracker/ledger/row_seals.py), so they are evidence of who acted.
"""

from tracker.models.account_changes import AccountChange, EarlierName
from tracker.models.assessment import Assessment, Decision, Reopening, RequirementConfirmation, Signature
from tracker.models.base import Base
from tracker.models.centre_rules import CentreEvidenceRule
from tracker.models.countersigning import Countersignature, Countersigner
from tracker.models.derived import PersonWord, RegistrationRetention, RegistrationWord, UnallocatedAttempt
from tracker.models.issued_forms import IssuedForm
from tracker.models.job_runs import JobRun, JobStep
from tracker.models.ledger import CheckpointCopy, Event, EventText, IntegrityCheckRun, RowSalt, SigningKey
from tracker.models.library import ImportRun, UnitDraft
from tracker.models.partial_uploads import PartialUpload, UploadPart
from tracker.models.people import (
    AccountLink,
    Centre,
    DeliveryFailure,
    Grant,
    IdempotencyKey,
    Installation,
    Notification,
    Person,
    UnsavedText,
    UserSession,
)
from tracker.models.portfolio import (
    ADDED_FIELDS,
    EVIDENCE_FIELDS,
    SEALED_FIELDS,
    Acknowledgement,
    Attachment,
    CarriedOverClaim,
    Claim,
    Evidence,
    EvidenceVersion,
    RecordWithdrawal,
    Submission,
    VersionAttachment,
)
from tracker.models.privacy import Erasure, PortfolioAccess, RetentionHold, RetentionRule
from tracker.models.question_banks import BankQuestion, QuestionSet
from tracker.models.registration import Allocation, Registration, RegistrationChange, UnitAttempt, VersionMove
from tracker.models.remarks import FeedbackAnswer, FeedbackRemark
from tracker.models.second_factors import RecoveryCode, SecondFactor
from tracker.models.sign_in import CountedAttempt, KnownBrowser, LinkRequest, SignIn
from tracker.models.staff import CpdEntry, InterestDeclaration, StaffAward, StaffCompetence, StaffErasure
from tracker.models.stored_files import CandidateStorage, CentreStorage, DerivedFile, FileDetail
from tracker.models.testimonies import WitnessTestimony
from tracker.models.units import (
    Criterion,
    CriterionLink,
    EvidenceRequirement,
    Guidance,
    GuidanceUnit,
    Qualification,
    Unit,
    UnitCode,
)
from tracker.models.verification import (
    ActionPoint,
    ActionPointCriterion,
    Sample,
    SampleItem,
    Visit,
    VisitAttempt,
)
from tracker.models.witness_list import ListedWitness

__all__ = [
    "ADDED_FIELDS",
    "EVIDENCE_FIELDS",
    "SEALED_FIELDS",
    "AccountChange",
    "AccountLink",
    "Acknowledgement",
    "ActionPoint",
    "ActionPointCriterion",
    "Allocation",
    "Assessment",
    "Attachment",
    "BankQuestion",
    "Base",
    "CandidateStorage",
    "CarriedOverClaim",
    "Centre",
    "CentreEvidenceRule",
    "CentreStorage",
    "CheckpointCopy",
    "Claim",
    "CountedAttempt",
    "Countersignature",
    "Countersigner",
    "CpdEntry",
    "Criterion",
    "CriterionLink",
    "Decision",
    "DeliveryFailure",
    "DerivedFile",
    "EarlierName",
    "Erasure",
    "Event",
    "EventText",
    "Evidence",
    "EvidenceRequirement",
    "EvidenceVersion",
    "FeedbackAnswer",
    "FeedbackRemark",
    "FileDetail",
    "Grant",
    "Guidance",
    "GuidanceUnit",
    "IdempotencyKey",
    "ImportRun",
    "Installation",
    "IntegrityCheckRun",
    "InterestDeclaration",
    "IssuedForm",
    "JobRun",
    "JobStep",
    "KnownBrowser",
    "LinkRequest",
    "ListedWitness",
    "Notification",
    "PartialUpload",
    "Person",
    "PersonWord",
    "PortfolioAccess",
    "Qualification",
    "QuestionSet",
    "RecordWithdrawal",
    "RecoveryCode",
    "Registration",
    "RegistrationChange",
    "RegistrationRetention",
    "RegistrationWord",
    "Reopening",
    "RequirementConfirmation",
    "RetentionHold",
    "RetentionRule",
    "RowSalt",
    "Sample",
    "SampleItem",
    "SecondFactor",
    "SignIn",
    "Signature",
    "SigningKey",
    "StaffAward",
    "StaffCompetence",
    "StaffErasure",
    "Submission",
    "UnallocatedAttempt",
    "Unit",
    "UnitAttempt",
    "UnitCode",
    "UnitDraft",
    "UnsavedText",
    "UploadPart",
    "UserSession",
    "VersionAttachment",
    "VersionMove",
    "Visit",
    "VisitAttempt",
    "WitnessTestimony",
]
