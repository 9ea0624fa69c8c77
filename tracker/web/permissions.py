"""Permission table: which roles may do which act."""

from enum import StrEnum

from tracker.vocabulary import Role


class Act(StrEnum):
    """An act that needs a role, as listed in `PERMISSIONS`."""

    # on a unit attempt
    READ_ATTEMPT = "read_attempt"
    READ_EVIDENCE = "read_evidence"
    CLAIM_CRITERION = "claim_criterion"
    ANSWER_REMARK = "answer_remark"
    CONFIRM_UNIT = "confirm_unit"
    ASSESS_EVIDENCE = "assess_evidence"
    SIGN_UNIT = "sign_unit"
    ANSWER_ACTION_POINT = "answer_action_point"
    VERIFY_UNIT = "verify_unit"
    MARK_SEEN = "mark_seen"
    ISSUE_FORM = "issue_form"
    ALLOCATE = "allocate"
    MOVE_ATTEMPT = "move_attempt"
    # on a candidate's own evidence, drafts included
    ADD_EVIDENCE = "add_evidence"
    # on a record of assessment
    WRITE_RECORD = "write_record"
    ACKNOWLEDGE_RECORD = "acknowledge_record"
    DECIDE_OBJECTION = "decide_objection"
    ASK_WITNESS = "ask_witness"
    # on a registration
    READ_REGISTRATION = "read_registration"
    READ_INDEX = "read_index"
    # on a centre
    ADMINISTER_CENTRE = "administer_centre"
    READ_UNIT_DRAFT = "read_unit_draft"
    READ_STAFF_REGISTER = "read_staff_register"
    READ_QUESTION_BANK = "read_question_bank"
    WRITE_QUESTION_BANK = "write_question_bank"
    READ_WITNESS_LIST = "read_witness_list"
    LIST_WITNESS = "list_witness"
    # on a staff record, one's own or at one's centre
    READ_STAFF_RECORD = "read_staff_record"
    WRITE_OWN_STAFF_RECORD = "write_own_staff_record"
    # on a queue of one's own
    LIST_OWN_QUEUE = "list_own_queue"
    LIST_VERIFICATIONS = "list_verifications"
    LIST_VISITS = "list_visits"


CANDIDATE, ASSESSOR, VERIFIER = Role.CANDIDATE, Role.ASSESSOR, Role.INTERNAL_VERIFIER
VISITOR, ADMINISTRATOR = Role.EXTERNAL_VERIFIER, Role.ADMINISTRATOR

PERMISSIONS: dict[Act, frozenset[Role]] = {
    Act.READ_ATTEMPT: frozenset({CANDIDATE, ASSESSOR, VERIFIER, VISITOR, ADMINISTRATOR}),
    Act.READ_EVIDENCE: frozenset({CANDIDATE, ASSESSOR, VERIFIER, VISITOR}),
    Act.CLAIM_CRITERION: frozenset({CANDIDATE}),
    Act.ANSWER_REMARK: frozenset({CANDIDATE}),
    Act.CONFIRM_UNIT: frozenset({CANDIDATE}),
    Act.ASSESS_EVIDENCE: frozenset({ASSESSOR}),
    Act.SIGN_UNIT: frozenset({ASSESSOR}),
    Act.ANSWER_ACTION_POINT: frozenset({ASSESSOR}),
    Act.VERIFY_UNIT: frozenset({VERIFIER}),
    Act.MARK_SEEN: frozenset({VISITOR}),
    Act.ISSUE_FORM: frozenset({ASSESSOR, VERIFIER, ADMINISTRATOR}),
    Act.ALLOCATE: frozenset({ADMINISTRATOR}),
    Act.MOVE_ATTEMPT: frozenset({ADMINISTRATOR}),
    Act.ADD_EVIDENCE: frozenset({CANDIDATE}),
    Act.WRITE_RECORD: frozenset({ASSESSOR}),
    Act.ACKNOWLEDGE_RECORD: frozenset({CANDIDATE}),
    Act.DECIDE_OBJECTION: frozenset({VERIFIER}),
    Act.ASK_WITNESS: frozenset({CANDIDATE, ASSESSOR}),
    Act.READ_REGISTRATION: frozenset({CANDIDATE, ADMINISTRATOR}),
    Act.READ_INDEX: frozenset({CANDIDATE, ASSESSOR, VERIFIER, VISITOR, ADMINISTRATOR}),
    Act.ADMINISTER_CENTRE: frozenset({ADMINISTRATOR}),
    Act.READ_UNIT_DRAFT: frozenset({ADMINISTRATOR, ASSESSOR}),
    Act.READ_STAFF_REGISTER: frozenset({ADMINISTRATOR, VERIFIER}),
    Act.READ_QUESTION_BANK: frozenset({ADMINISTRATOR, ASSESSOR, VERIFIER}),
    Act.WRITE_QUESTION_BANK: frozenset({ADMINISTRATOR, ASSESSOR}),
    Act.READ_WITNESS_LIST: frozenset({ADMINISTRATOR, ASSESSOR, VERIFIER}),
    Act.LIST_WITNESS: frozenset({ADMINISTRATOR, ASSESSOR}),
    Act.READ_STAFF_RECORD: frozenset({ADMINISTRATOR, ASSESSOR, VERIFIER}),
    Act.WRITE_OWN_STAFF_RECORD: frozenset({ASSESSOR, VERIFIER}),
    Act.LIST_OWN_QUEUE: frozenset({ASSESSOR}),
    Act.LIST_VERIFICATIONS: frozenset({VERIFIER}),
    Act.LIST_VISITS: frozenset({VISITOR}),
}
"""The roles that may do each act (docs/rules.md, Roles and permissions).

A role counts when it is granted at the object's centre now. For an attempt the person must also be its candidate,
be allocated to it now, or be on a visit that names it now: `tracker.web.authorise` checks this.
"""

ACTS_THAT_SHOW_EVIDENCE = frozenset(
    {
        Act.READ_EVIDENCE,
        Act.ASSESS_EVIDENCE,
        Act.READ_INDEX,
        Act.WRITE_RECORD,
        Act.ACKNOWLEDGE_RECORD,
        Act.DECIDE_OBJECTION,
    }
)
"""The acts that the portfolio access log notes as reading evidence; the others read units and forms."""

ROLES_NEEDING_SECOND_FACTOR = frozenset({ASSESSOR, VERIFIER, VISITOR, ADMINISTRATOR})
"""The roles that need two-step verification everywhere, except in the demonstration."""
