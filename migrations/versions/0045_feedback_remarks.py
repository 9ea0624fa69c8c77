"""Remarks of assessors on places in evidence, and the candidate's answers.

Revision ID: 0045_feedback_remarks
Revises: 0044_evidence_guidance
"""

import sqlalchemy as sa
from alembic import op

revision = "0045_feedback_remarks"
down_revision = "0044_evidence_guidance"
branch_labels = None
depends_on = None

CHECKS = {
    "place_in_file": "(page IS NULL AND second IS NULL) OR attachment_id IS NOT NULL",
    "one_place": "(CASE WHEN page IS NULL THEN 0 ELSE 1 END) + (CASE WHEN second IS NULL THEN 0 ELSE 1 END) + "
    "(CASE WHEN paragraph IS NULL THEN 0 ELSE 1 END) <= 1",
    "paragraph_of_account": "paragraph IS NULL OR (paragraph >= 1 AND attachment_id IS NULL)",
    "whole_region": "(region_x IS NULL) = (region_y IS NULL) AND (region_x IS NULL) = (region_width IS NULL) AND "
    "(region_x IS NULL) = (region_height IS NULL)",
    "region_on_page": "region_x IS NULL OR (page IS NOT NULL AND region_x >= 0 AND region_y >= 0 AND "
    "region_width >= 0 AND region_height >= 0 AND region_x + region_width <= 1000 AND "
    "region_y + region_height <= 1000)",
    "page_and_second": "(page IS NULL OR page >= 1) AND (second IS NULL OR second BETWEEN 0 AND 360000)",
    "removed_as_draft": "removed_at IS NULL OR released_at IS NULL",
    "settled_by_whom": "(settled_at IS NULL) = (settled_by_id IS NULL)",
    "settled_later": "settled_at IS NULL OR released_at IS NOT NULL",
    "read_later": "read_at IS NULL OR released_at IS NOT NULL",
}
MOMENT = sa.DateTime(timezone=True)


def refer(table, column, target):
    name = op.f(f"fk_{table}_{column}")
    return sa.ForeignKeyConstraint([column], [target], name=name)


def upgrade():
    op.create_table(
        "feedback_remark",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("assessment_id", sa.Integer(), nullable=False),
        sa.Column("evidence_version_id", sa.Integer(), nullable=False),
        sa.Column("attachment_id", sa.Integer(), nullable=True),
        *(
            sa.Column(name, sa.Integer(), nullable=True)
            for name in ("page", "region_x", "region_y", "region_width", "region_height", "paragraph", "second")
        ),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("written_at", MOMENT, nullable=False),
        sa.Column("written_by_id", sa.Integer(), nullable=False),
        *(
            sa.Column(name, MOMENT, nullable=True)
            for name in ("removed_at", "released_at", "read_at", "settled_at")
        ),
        sa.Column("settled_by_id", sa.Integer(), nullable=True),
        *(sa.CheckConstraint(rule, name=op.f(f"ck_feedback_remark_{name}")) for name, rule in CHECKS.items()),
        refer("feedback_remark", "assessment_id", "assessment.id"),
        refer("feedback_remark", "evidence_version_id", "evidence_version.id"),
        refer("feedback_remark", "attachment_id", "attachment.id"),
        refer("feedback_remark", "written_by_id", "person.id"),
        refer("feedback_remark", "settled_by_id", "person.id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feedback_remark")),
    )
    op.create_index("ix_feedback_remark_assessment_id", "feedback_remark", ["assessment_id"])
    op.create_index("ix_feedback_remark_evidence_version_id", "feedback_remark", ["evidence_version_id"])
    op.create_table(
        "feedback_answer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("remark_id", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("answered_at", MOMENT, nullable=False),
        sa.Column("answered_by_id", sa.Integer(), nullable=False),
        refer("feedback_answer", "remark_id", "feedback_remark.id"),
        refer("feedback_answer", "answered_by_id", "person.id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feedback_answer")),
    )
    op.create_index("ix_feedback_answer_remark_id", "feedback_answer", ["remark_id"])


def downgrade():
    op.drop_table("feedback_answer")
    op.drop_table("feedback_remark")
