"""Centres set the age of evidence that is warned about, and assessors say why they accept over a warning.

Files are found by their hash, to warn of a file that is in another item too.

Revision ID: 0004_evidence_warnings
Revises: 0003_unsaved_text
"""

import sqlalchemy as sa
from alembic import op

revision = "0004_evidence_warnings"
down_revision = "0003_unsaved_text"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("centre", sa.Column("evidence_age_limit", sa.Integer(), nullable=True))
    op.add_column("assessment", sa.Column("warnings_reason", sa.Text(), nullable=True))
    op.create_index(op.f("ix_attachment_sha256"), "attachment", ["sha256"], unique=False)


def downgrade():
    op.drop_index(op.f("ix_attachment_sha256"), table_name="attachment")
    op.drop_column("assessment", "warnings_reason")
    op.drop_column("centre", "evidence_age_limit")
