"""A centre's staff register: awards, occupational competence, CPD, declared interests, and erasures of them.

Revision ID: 0034_staff_register
Revises: 0033_witness_testimonies
"""

import sqlalchemy as sa
from alembic import op

revision = "0034_staff_register"
down_revision = "0033_witness_testimonies"
branch_labels = None
depends_on = None

AWARDS = (
    "d32_d33", "a1", "a2", "ld9d", "ld9di", "taqa_assessing", "other_assessing",
    "d34", "v1", "ld11", "taqa_verifying", "other_verifying",
)
REMOVED_WITH_REASON = "(removed_at IS NULL) = (removed_reason IS NULL)"
REMOVED_BY_WHOM = "(removed_at IS NULL) = (removed_by_id IS NULL)"


def upgrade():
    create_table(
        "staff_award",
        [
            sa.Column(
                "kind",
                sa.Enum(*AWARDS, name="awardkind", native_enum=False, create_constraint=True, length=40),
                nullable=False,
            ),
            sa.Column("title", sa.String(200), nullable=False),
            sa.Column("target_on", sa.Date(), nullable=True),
            sa.Column("awarding_body", sa.String(200), nullable=True),
            sa.Column("certificate_number", sa.String(80), nullable=True),
            sa.Column("awarded_on", sa.Date(), nullable=True),
            sa.Column("ends_on", sa.Date(), nullable=True),
            moment("recorded_at"),
            sa.Column("recorded_by_id", sa.Integer(), nullable=False),
            moment("confirmed_at", nullable=True),
            sa.Column("confirmed_by_id", sa.Integer(), nullable=True),
            moment("removed_at", nullable=True),
            sa.Column("removed_by_id", sa.Integer(), nullable=True),
            sa.Column("removed_reason", sa.Text(), nullable=True),
        ],
        ["recorded_by_id", "confirmed_by_id", "removed_by_id"],
        {
            "held_once_confirmed": "(awarded_on IS NULL) = (confirmed_at IS NULL)",
            "confirmed_by_whom": "(confirmed_at IS NULL) = (confirmed_by_id IS NULL)",
            "held_with_certificate":
                "awarded_on IS NULL OR (awarding_body IS NOT NULL AND certificate_number IS NOT NULL)",
            "held_or_target": "awarded_on IS NOT NULL OR target_on IS NOT NULL",
            "ends_later": "ends_on IS NULL OR ends_on >= awarded_on",
            "removed_by_whom": REMOVED_BY_WHOM,
            "removed_why": REMOVED_WITH_REASON,
            "recorded_by_another": "recorded_by_id <> person_id",
            "confirmed_by_another": "confirmed_by_id <> person_id",
        },
    )
    create_table(
        "staff_competence",
        [
            sa.Column("unit_code", sa.String(40), nullable=False),
            sa.Column("sector", sa.String(200), nullable=False),
            sa.Column("basis", sa.Text(), nullable=False),
            moment("recorded_at"),
            sa.Column("recorded_by_id", sa.Integer(), nullable=False),
            moment("removed_at", nullable=True),
            sa.Column("removed_by_id", sa.Integer(), nullable=True),
            sa.Column("removed_reason", sa.Text(), nullable=True),
        ],
        ["recorded_by_id", "removed_by_id"],
        {
            "unit_or_sector": "(unit_code = '') <> (sector = '')",
            "removed_by_whom": REMOVED_BY_WHOM,
            "removed_why": REMOVED_WITH_REASON,
            "recorded_by_another": "recorded_by_id <> person_id",
        },
    )
    create_table(
        "cpd_entry",
        [
            sa.Column("happened_on", sa.Date(), nullable=False),
            sa.Column("minutes", sa.Integer(), nullable=False),
            sa.Column("title", sa.String(200), nullable=False),
            sa.Column("learning", sa.Text(), nullable=False),
            sa.Column("evidence", sa.Text(), nullable=False),
            moment("recorded_at"),
            moment("removed_at", nullable=True),
            sa.Column("removed_reason", sa.Text(), nullable=True),
        ],
        [],
        {"minutes": "minutes BETWEEN 1 AND 60000", "removed_why": REMOVED_WITH_REASON},
    )
    create_table(
        "interest_declaration",
        [
            sa.Column("interest", sa.Text(), nullable=False),
            moment("declared_at"),
            sa.Column("answer", sa.Text(), nullable=True),
            moment("answered_at", nullable=True),
            sa.Column("answered_by_id", sa.Integer(), nullable=True),
            moment("ended_at", nullable=True),
            sa.Column("ended_reason", sa.Text(), nullable=True),
        ],
        ["answered_by_id"],
        {
            "answered_when": "(answer IS NULL) = (answered_at IS NULL)",
            "answered_by_whom": "(answered_at IS NULL) = (answered_by_id IS NULL)",
            "ended_why": "(ended_at IS NULL) = (ended_reason IS NULL)",
            "answered_by_another": "answered_by_id <> person_id",
            "none_has_no_answer_or_end": "interest <> '' OR (answer IS NULL AND ended_at IS NULL)",
        },
    )
    create_table(
        "staff_erasure",
        [moment("erased_at"), sa.Column("erased_by_id", sa.Integer(), nullable=False)],
        ["erased_by_id"],
        {},
    )


def downgrade():
    for name in ("staff_erasure", "interest_declaration", "cpd_entry", "staff_competence", "staff_award"):
        op.drop_table(name)


def moment(name, *, nullable=False):
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def create_table(name, columns, people, checks):
    """Create a table of entries about a person at a centre, with the columns in `people` referring to persons."""
    op.create_table(
        name,
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("centre_id", sa.Integer(), nullable=False),
        *columns,
        *(sa.CheckConstraint(condition, name=op.f(f"ck_{name}_{each}")) for each, condition in checks.items()),
        sa.ForeignKeyConstraint(["centre_id"], ["centre.id"], name=op.f(f"fk_{name}_centre_id")),
        *(
            sa.ForeignKeyConstraint([column], ["person.id"], name=op.f(f"fk_{name}_{column}"))
            for column in ["person_id", *people]
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{name}")),
    )
    op.create_index(f"ix_{name}_person_id", name, ["person_id"])
