"""The triggers of append-only tables let an erasure blank the rows of its own candidate and centre only.

Revision ID: 0015_bound_erasures
Revises: 0014_row_salts
"""

import sqlalchemy as sa
from alembic import op

revision = "0015_bound_erasures"
down_revision = "0014_row_salts"
branch_labels = None
depends_on = None

ANY_OPEN = "EXISTS (SELECT 1 FROM erasure WHERE is_open)"
OPEN_FOR = (
    "EXISTS (SELECT 1 FROM erasure JOIN registration ON registration.id = erasure.registration_id"
    " JOIN {parent} ON {parent}.candidate_id = registration.candidate_id AND {parent}.centre_id = registration.centre_id"
    " WHERE erasure.is_open AND {parent}.id = {key})"
)
BY_EVIDENCE = OPEN_FOR.format(parent="evidence", key="OLD.evidence_id")
BY_ATTEMPT = OPEN_FOR.format(parent="unit_attempt", key="OLD.attempt_id")
BY_SAMPLE = OPEN_FOR.format(parent="unit_attempt", key="(SELECT attempt_id FROM sample WHERE id = OLD.sample_id)")
BOUND = {
    "attachment": BY_EVIDENCE,
    "evidence_version": BY_EVIDENCE,
    "version_move": BY_ATTEMPT,
    "decision": BY_ATTEMPT,
    "reopening": BY_ATTEMPT,
    "sample": BY_ATTEMPT,
    "sample_item": BY_SAMPLE,
    "signature": BY_ATTEMPT,
}
"""The condition under which an erasure may blank a row, by table."""
FUNCTION = """
    CREATE OR REPLACE FUNCTION refuse_unless_erased() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE erased text[] := TG_ARGV; before jsonb := to_jsonb(OLD); after jsonb := to_jsonb(NEW);
    BEGIN
        IF {is_open}
            AND before - erased = after - erased
            AND NOT EXISTS (
                SELECT 1 FROM unnest(erased) AS name
                WHERE after->>name IS DISTINCT FROM before->>name
                AND (after->>name IS NULL OR after->>name NOT IN ('Erased', '[]'))
            )
        THEN RETURN NEW; END IF;
        RAISE EXCEPTION 'rows of % are append-only', TG_TABLE_NAME;
    END $$
"""
IS_OPEN_FOR_ROW = """EXISTS (
            SELECT 1 FROM erasure JOIN registration ON registration.id = erasure.registration_id
            WHERE erasure.is_open AND (registration.candidate_id, registration.centre_id) IN (
                SELECT candidate_id, centre_id FROM evidence WHERE id = (before->>'evidence_id')::integer
                UNION ALL
                SELECT candidate_id, centre_id FROM unit_attempt WHERE id = coalesce(
                    (before->>'attempt_id')::integer,
                    (SELECT attempt_id FROM sample WHERE id = (before->>'sample_id')::integer)
                )
            )
        )"""


def upgrade():
    if op.get_bind().dialect.name == "postgresql":
        op.execute(FUNCTION.format(is_open=IS_OPEN_FOR_ROW))
        return
    for table, condition in BOUND.items():
        replace_condition(table, ANY_OPEN, condition)


def downgrade():
    if op.get_bind().dialect.name == "postgresql":
        op.execute(FUNCTION.format(is_open=ANY_OPEN))
        return
    for table, condition in BOUND.items():
        replace_condition(table, condition, ANY_OPEN)


def replace_condition(table, before, after):
    """Make SQLite's trigger on a table again, with another condition for an erasure."""
    name = f"{table}_no_update"
    query = sa.text("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = :name")
    statement = op.get_bind().execute(query, {"name": name}).scalar_one()
    assert before in statement, name
    op.execute(f"DROP TRIGGER {name}")
    op.get_bind().exec_driver_sql(statement.replace(before, after))
