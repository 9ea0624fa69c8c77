"""Recordings are uploaded in parts, which continue after a cut.

Revision ID: 0036_partial_uploads
Revises: 0035_derived_rows
"""

import sqlalchemy as sa
from alembic import op

revision = "0036_partial_uploads"
down_revision = "0035_derived_rows"
branch_labels = None
depends_on = None

def upgrade():
    op.create_table(
        "partial_upload",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("evidence_id", sa.Integer(), nullable=False),
        sa.Column("started_by_id", sa.Integer(), nullable=False),
        sa.Column("resume_key", sa.String(64), nullable=False),
        sa.Column("part_count", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("touched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attachment_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["evidence_id"], ["evidence.id"], name=op.f("fk_partial_upload_evidence_id")),
        sa.ForeignKeyConstraint(["started_by_id"], ["person.id"], name=op.f("fk_partial_upload_started_by_id")),
        sa.ForeignKeyConstraint(["attachment_id"], ["attachment.id"], name=op.f("fk_partial_upload_attachment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_partial_upload")),
    )
    is_open = sa.text("ended_at IS NULL")
    op.create_index(
        "uq_partial_upload_open",
        "partial_upload",
        ["evidence_id", "started_by_id", "resume_key"],
        unique=True,
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
    for column in ("started_by_id", "touched_at", "attachment_id"):
        op.create_index(op.f(f"ix_partial_upload_{column}"), "partial_upload", [column])
    op.create_table(
        "upload_part",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("upload_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(["upload_id"], ["partial_upload.id"], name=op.f("fk_upload_part_upload_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_upload_part")),
        sa.UniqueConstraint("upload_id", "number", name=op.f("uq_upload_part_upload_id_number")),
    )


def downgrade():
    op.drop_table("upload_part")
    op.drop_table("partial_upload")
