"""Imports of units that are running or have failed become job runs, so that they can be continued.

Revision ID: 0027_import_jobs
Revises: 0026_job_runs
"""

from alembic import op

revision = "0027_import_jobs"
down_revision = "0026_job_runs"
branch_labels = None
depends_on = None

JSON_OBJECT = {"sqlite": "json_object", "postgresql": "json_build_object"}
ADD_IMPORTS = """
    INSERT INTO job_run (
        kind, centre_id, subject_id, title, parameters, state, total, done, attempts, message, started_by_id, grant_id,
        session_ref, started_at, progressed_at, ended_at, result_name, result_size, version
    )
    SELECT 'unit_import', centre_id, id, SUBSTR('Import of ' || file_name, 1, 200), {json}('units', json_array_length(outcome)),
        CASE state WHEN 'failed' THEN 'failed' ELSE 'waiting' END, total, done, 0, message, started_by_id, grant_id, session_ref, started_at, started_at,
        CASE state WHEN 'failed' THEN started_at END, '', 0, 1
    FROM import_run WHERE state IN ('running', 'failed')
"""


def upgrade():
    op.execute(ADD_IMPORTS.format(json=JSON_OBJECT[op.get_bind().dialect.name]))


def downgrade():
    op.execute("DELETE FROM job_run WHERE kind = 'unit_import'")
