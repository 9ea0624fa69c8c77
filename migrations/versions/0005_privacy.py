"""privacy

Revision ID: 0005
Revises: 0004
"""
from alembic import op
import sqlalchemy as sa


# What a person wrote, by table; and the columns that were never sealed.
ERASABLE = {
    "evidence_version": (["title", "occasion", "customers", "narrative", "kept_where", "kept_by", "kept_seen_by"], []),
    "attachment": (["name"], ["removed_at"]),
    "decision": (["comment"], ["superseded_at"]),
    "signature": (["comment", "unsampled_reason"], ["superseded_at"]),
    "reopening": (["reason"], []),
    "sample": (["comment"], []),
    "sample_item": (["comment"], []),
    "attempt_move": (["reason", "left_behind"], []),
}

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade():
    op.create_table('portfolio_opening',
    sa.Column('candidate_id', sa.Integer(), nullable=False),
    sa.Column('centre_id', sa.Integer(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('person_id', sa.Integer(), nullable=False),
    sa.Column('part', sa.Enum('units', 'evidence', name='portfoliopart', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('role', sa.Enum('candidate', 'assessor', 'internal_verifier', 'external_verifier', 'administrator', name='role', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('first_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('last_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['candidate_id'], ['person.id'], name=op.f('fk_portfolio_opening_candidate_id')),
    sa.ForeignKeyConstraint(['centre_id'], ['centre.id'], name=op.f('fk_portfolio_opening_centre_id')),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_portfolio_opening_person_id')),
    sa.PrimaryKeyConstraint('candidate_id', 'centre_id', 'day', 'person_id', 'part', name=op.f('pk_portfolio_opening'))
    )

    op.create_table('retention_rule',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('centre_id', sa.Integer(), nullable=False),
    sa.Column('awarding_body', sa.String(length=200), nullable=False),
    sa.Column('evidence_months', sa.Integer(), nullable=False),
    sa.Column('record_months', sa.Integer(), nullable=False),
    sa.Column('set_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('set_by_id', sa.Integer(), nullable=False),
    sa.CheckConstraint('evidence_months BETWEEN 1 AND 600', name=op.f('ck_retention_rule_evidence_months')),
    sa.CheckConstraint('record_months BETWEEN evidence_months AND 600', name=op.f('ck_retention_rule_record_months')),
    sa.ForeignKeyConstraint(['centre_id'], ['centre.id'], name=op.f('fk_retention_rule_centre_id')),
    sa.ForeignKeyConstraint(['set_by_id'], ['person.id'], name=op.f('fk_retention_rule_set_by_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_retention_rule')),
    sa.UniqueConstraint('centre_id', 'awarding_body', name=op.f('uq_retention_rule_centre_id_awarding_body'))
    )
    op.create_table('legal_hold',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('registration_id', sa.Integer(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('set_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('set_by_id', sa.Integer(), nullable=False),
    sa.Column('lifted_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('lifted_reason', sa.Text(), nullable=True),
    sa.Column('lifted_by_id', sa.Integer(), nullable=True),
    sa.CheckConstraint('(lifted_at IS NULL) = (lifted_reason IS NULL)', name=op.f('ck_legal_hold_lifted_why')),
    sa.ForeignKeyConstraint(['lifted_by_id'], ['person.id'], name=op.f('fk_legal_hold_lifted_by_id')),
    sa.ForeignKeyConstraint(['registration_id'], ['registration.id'], name=op.f('fk_legal_hold_registration_id')),
    sa.ForeignKeyConstraint(['set_by_id'], ['person.id'], name=op.f('fk_legal_hold_set_by_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_legal_hold'))
    )
    with op.batch_alter_table('legal_hold', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_legal_hold_registration_id'), ['registration_id'], unique=False)
        batch_op.create_index('uq_legal_hold_live', ['registration_id'], unique=True, sqlite_where=sa.text('lifted_at IS NULL'), postgresql_where=sa.text('lifted_at IS NULL'))

    op.create_table('erasure',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('registration_id', sa.Integer(), nullable=False),
    sa.Column('is_whole', sa.Boolean(), nullable=False),
    sa.Column('erased_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('erased_by_id', sa.Integer(), nullable=False),
    sa.Column('is_open', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['erased_by_id'], ['person.id'], name=op.f('fk_erasure_erased_by_id')),
    sa.ForeignKeyConstraint(['registration_id'], ['registration.id'], name=op.f('fk_erasure_registration_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_erasure')),
    sa.UniqueConstraint('registration_id', 'is_whole', name=op.f('uq_erasure_registration_id_is_whole'))
    )
    open_door()


def open_door():
    """Sealed text may become 'Erased', and nothing else, while an erasure is open; its transaction closes it."""
    bind = op.get_bind()
    if bind.dialect.name == "postgresql":
        op.execute("""
            CREATE FUNCTION refuse_unless_erased() RETURNS trigger LANGUAGE plpgsql AS $$
            DECLARE erased text[] := TG_ARGV; before jsonb := to_jsonb(OLD); after jsonb := to_jsonb(NEW);
            BEGIN
                IF EXISTS (SELECT 1 FROM erasure WHERE is_open)
                    AND before - erased = after - erased
                    AND NOT EXISTS (
                        SELECT 1 FROM unnest(erased) AS name
                        WHERE after->>name IS DISTINCT FROM before->>name
                        AND (after->>name IS NULL OR after->>name NOT IN ('Erased', '[]'))
                    )
                THEN RETURN NEW; END IF;
                RAISE EXCEPTION 'rows of % are append-only', TG_TABLE_NAME;
            END $$
        """)
    for table, (texts, later) in ERASABLE.items():
        names = [c["name"] for c in sa.inspect(bind).get_columns(table) if c["name"] not in later]
        drop_update_trigger(table)
        columns = f" OF {', '.join(names)}" if later else ""
        if bind.dialect.name == "postgresql":
            given = ", ".join(f"'{name}'" for name in texts)
            op.execute(
                f"CREATE TRIGGER {table}_no_update BEFORE UPDATE{columns} ON {table} "
                f"FOR EACH ROW EXECUTE FUNCTION refuse_unless_erased({given})"
            )
        else:
            same = [f"NEW.{name} IS OLD.{name}" for name in names if name not in texts]
            gone = [f"(NEW.{name} IS OLD.{name} OR IFNULL(NEW.{name}, '') IN ('Erased', '[]'))" for name in texts]
            allowed = " AND ".join(["EXISTS (SELECT 1 FROM erasure WHERE is_open)", *same, *gone])
            op.execute(
                f"CREATE TRIGGER {table}_no_update BEFORE UPDATE{columns} ON {table} WHEN NOT ({allowed}) "
                f"BEGIN SELECT RAISE(ABORT, 'rows of {table} are append-only'); END"
            )


def shut_door():
    """As the revisions before made these triggers, to the letter."""
    bind = op.get_bind()
    for table, (texts, later) in ERASABLE.items():
        names = [c["name"] for c in sa.inspect(bind).get_columns(table) if c["name"] not in later]
        drop_update_trigger(table)
        columns = f" OF {', '.join(names)}" if later else ""
        act = (
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()" if bind.dialect.name == "postgresql"
            else f"BEGIN SELECT RAISE(ABORT, 'rows of {table} are append-only'); END"
        )
        op.execute(f"CREATE TRIGGER {table}_no_update BEFORE UPDATE{columns} ON {table} {act}")
    if bind.dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_unless_erased()")


def drop_update_trigger(table):
    where = f" ON {table}" if op.get_bind().dialect.name == "postgresql" else ""
    op.execute(f"DROP TRIGGER {table}_no_update{where}")


def downgrade():
    shut_door()
    op.drop_table('erasure')
    op.drop_table('legal_hold')
    op.drop_table('retention_rule')
    op.drop_table('portfolio_opening')
