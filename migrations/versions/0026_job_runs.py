"""Job runs: long jobs with their progress, and the steps that made something for a candidate.

Revision ID: 0026_job_runs
Revises: 0025_indexes_of_figures
"""

import sqlalchemy as sa
from alembic import op

revision = "0026_job_runs"
down_revision = "0025_indexes_of_figures"
branch_labels = None
depends_on = None

STATES = ("waiting", "running", "finished", "failed", "cancelled")


def upgrade():
    op.create_table(
        "job_run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("centre_id", sa.Integer(), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=True),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(*STATES, name="jobstate", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("started_by_id", sa.Integer(), nullable=False),
        sa.Column("grant_id", sa.Integer(), nullable=True),
        sa.Column("session_ref", sa.String(40), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("progressed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("result_name", sa.String(200), nullable=False),
        sa.Column("result_sha256", sa.String(64), nullable=True),
        sa.Column("result_size", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("done >= 0 AND done <= total", name=op.f("ck_job_run_done")),
        sa.ForeignKeyConstraint(["centre_id"], ["centre.id"], name=op.f("fk_job_run_centre_id")),
        sa.ForeignKeyConstraint(["started_by_id"], ["person.id"], name=op.f("fk_job_run_started_by_id")),
        sa.ForeignKeyConstraint(["grant_id"], ["grant.id"], name=op.f("fk_job_run_grant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_run")),
    )
    op.create_index("ix_job_run_centre_id", "job_run", ["centre_id"])
    op.create_index("ix_job_run_started_by_id", "job_run", ["started_by_id"])
    op.create_index("ix_job_run_state", "job_run", ["state", "id"])
    op.create_index("ix_job_run_kind_subject_id", "job_run", ["kind", "subject_id"])
    op.create_index("ix_job_run_expires_at", "job_run", ["expires_at"])
    op.create_table(
        "job_step",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("candidate_id", sa.Integer(), nullable=False),
        sa.Column("attempt_id", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=True),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["job_run.id"], name=op.f("fk_job_step_run_id")),
        sa.ForeignKeyConstraint(["candidate_id"], ["person.id"], name=op.f("fk_job_step_candidate_id")),
        sa.ForeignKeyConstraint(["attempt_id"], ["unit_attempt.id"], name=op.f("fk_job_step_attempt_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_step")),
        sa.UniqueConstraint("run_id", "number", name=op.f("uq_job_step_run_id_number")),
    )
    op.create_index("ix_job_step_candidate_id", "job_step", ["candidate_id"])


def downgrade():
    op.drop_table("job_step")
    op.drop_table("job_run")
