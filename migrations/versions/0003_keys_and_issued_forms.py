"""keys and issued forms

Revision ID: 0003
Revises: 0002
"""
from alembic import op
import sqlalchemy as sa


revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade():
    op.create_table('signing_key',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=16), nullable=False),
    sa.Column('public_key', sa.String(length=64), nullable=False),
    sa.Column('certificate', sa.Text(), nullable=False),
    sa.Column('made_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_signing_key')),
    sa.UniqueConstraint('name', name=op.f('uq_signing_key_name')),
    sa.UniqueConstraint('public_key', name=op.f('uq_signing_key_public_key'))
    )
    op.create_table('issued_form',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('number', sa.String(length=32), nullable=False),
    sa.Column('attempt_id', sa.Integer(), nullable=False),
    sa.Column('round', sa.Integer(), nullable=False),
    sa.Column('issued_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('issued_by_id', sa.Integer(), nullable=False),
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.Column('size', sa.Integer(), nullable=False),
    sa.Column('snapshot_hash', sa.String(length=64), nullable=False),
    sa.Column('ledger_size', sa.Integer(), nullable=False),
    sa.Column('ledger_head', sa.String(length=64), nullable=False),
    sa.Column('key', sa.String(length=16), nullable=False),
    sa.Column('superseded_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['attempt_id'], ['unit_attempt.id'], name=op.f('fk_issued_form_attempt_id')),
    sa.ForeignKeyConstraint(['issued_by_id'], ['person.id'], name=op.f('fk_issued_form_issued_by_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_issued_form')),
    sa.UniqueConstraint('number', name=op.f('uq_issued_form_number'))
    )
    with op.batch_alter_table('issued_form', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_issued_form_attempt_id'), ['attempt_id'], unique=False)
        batch_op.create_index('uq_issued_form_live', ['attempt_id'], unique=True, sqlite_where=sa.text('superseded_at IS NULL'), postgresql_where=sa.text('superseded_at IS NULL'))
    guard_keys()


def guard_keys():
    """A key is never changed nor taken out: what it signed is checked by it for as long as it is kept."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    for name in ("update", "delete"):
        act = (
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()" if postgresql
            else "BEGIN SELECT RAISE(ABORT, 'rows of signing_key are append-only'); END"
        )
        op.execute(f"CREATE TRIGGER signing_key_no_{name} BEFORE {name.upper()} ON signing_key {act}")
    if postgresql:
        op.execute(
            "CREATE TRIGGER signing_key_no_truncate BEFORE TRUNCATE ON signing_key "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def downgrade():
    op.drop_table('issued_form')
    op.drop_table('signing_key')
