"""When a person confirmed their email address, where a link was emailed to, and what held when somebody signed.

Who has confirmed their address is read from the ledger. An address counts as confirmed if its person set a password
with a link that an administrator had issued and was not shown: only the email had it. A link of the operator counts for
nothing. It may have been printed by a command, and the ledger does not tell it from the one that its person asked for
on the sign-in page. What was signed or submitted before says nothing of an address: the columns stay empty.

Revision ID: 0013_confirmed_addresses
Revises: 0012_file_order
"""

import json

import sqlalchemy as sa
from alembic import op

revision = "0013_confirmed_addresses"
down_revision = "0012_file_order"
branch_labels = None
depends_on = None

OLD_PURPOSES = ("invitation", "reset")
NEW_PURPOSES = (*OLD_PURPOSES, "confirm_address")
PURPOSE_OF_USE = {"invitation_accepted": "invitation", "password_reset": "reset"}
ERASABLE = {"signature": ["comment", "unsampled_reason", "warnings_reason"], "submission": []}
SET_LATER = {"signature": "superseded_at", "submission": "withdrawn_at"}
person = sa.table("person", sa.column("id"), sa.column("email"), sa.column("email_confirmed_at", sa.DateTime(timezone=True)))
link = sa.table(
    "account_link", sa.column("person_id"), sa.column("purpose"), sa.column("used_at"), sa.column("emailed_to")
)
event = sa.table(
    "event",
    sa.column("seq"),
    sa.column("at", sa.DateTime(timezone=True)),
    sa.column("actor_id"),
    sa.column("act"),
    sa.column("object_type"),
    sa.column("object_id"),
    sa.column("body", sa.LargeBinary()),
)


def upgrade():
    drop_triggers()
    op.add_column("person", sa.Column("email_confirmed_at", sa.DateTime(timezone=True), nullable=True))
    for table in ERASABLE:
        op.add_column(table, sa.Column("address_confirmed", sa.Boolean(), nullable=True))
    with op.batch_alter_table("account_link") as batch:
        batch.add_column(sa.Column("emailed_to", sa.String(254), nullable=True))
        change_purposes(batch, OLD_PURPOSES, NEW_PURPOSES)
    fill_in()
    create_triggers()


def downgrade():
    drop_triggers()
    op.execute(sa.delete(link).where(link.c.purpose == "confirm_address"))
    with op.batch_alter_table("account_link") as batch:
        change_purposes(batch, NEW_PURPOSES, OLD_PURPOSES)
        batch.drop_column("emailed_to")
    for table in reversed(ERASABLE):
        op.drop_column(table, "address_confirmed")
    op.drop_column("person", "email_confirmed_at")
    create_triggers()


def change_purposes(batch, before, after):
    """Change the purposes that a link may have."""
    batch.alter_column(
        "purpose", existing_type=purpose_type(before), type_=purpose_type(after), existing_nullable=False
    )


def purpose_type(purposes):
    return sa.Enum(*purposes, name="linkpurpose", native_enum=False, create_constraint=True, length=40)


def fill_in():
    """Set when each person confirmed their present address, and where the links that can still be used were emailed."""
    confirmed, emailed = read_ledger()
    for person_id, moment in confirmed.items():
        op.execute(sa.update(person).where(person.c.id == person_id).values(email_confirmed_at=moment))
    address = sa.select(person.c.email).where(person.c.id == link.c.person_id).scalar_subquery()
    for person_id, purpose in emailed:
        op.execute(
            sa.update(link)
            .where(link.c.person_id == person_id, link.c.purpose == purpose, link.c.used_at.is_(None))
            .values(emailed_to=address)
        )


def read_ledger():
    """Return when each person confirmed their present address, and whose last link of which purpose was emailed."""
    acts = ("link_issued", "email_changed", *PURPOSE_OF_USE)
    query = sa.select(event).where(event.c.object_type == "person", event.c.act.in_(acts)).order_by(event.c.seq)
    confirmed, emailed = {}, set()
    for row in op.get_bind().execute(query):
        if row.act == "link_issued":
            data = json.loads(row.body)["data"]
            key = (row.object_id, data["purpose"])
            is_emailed = row.actor_id is not None and not data.get("shown_to_administrator")
            (emailed.add if is_emailed else emailed.discard)(key)
        elif row.act == "email_changed":
            confirmed.pop(row.object_id, None)
            emailed = {key for key in emailed if key[0] != row.object_id}
        elif (row.object_id, PURPOSE_OF_USE[row.act]) in emailed:
            confirmed.setdefault(row.object_id, row.at)
    return confirmed, emailed


def create_triggers():
    """Refuse every UPDATE of a signature or submission, except of the column set later and by an erasure of texts."""
    for table, erasable in ERASABLE.items():
        columns = [column["name"] for column in sa.inspect(op.get_bind()).get_columns(table)]
        sealed = [name for name in columns if name != SET_LATER[table]]
        update = f"BEFORE UPDATE OF {', '.join(sealed)} ON {table}"
        if op.get_bind().dialect.name == "postgresql":
            names = ", ".join(f"'{name}'" for name in erasable)
            function = f"refuse_unless_erased({names})" if erasable else "refuse_change()"
            op.execute(f"CREATE TRIGGER {table}_no_update {update} FOR EACH ROW EXECUTE FUNCTION {function}")
            continue
        condition = f"WHEN NOT ({build_erasure_condition(sealed, erasable)}) " if erasable else ""
        op.execute(
            f"CREATE TRIGGER {table}_no_update {update} {condition}"
            f"BEGIN SELECT RAISE(ABORT, 'rows of {table} are append-only'); END"
        )


def build_erasure_condition(sealed, erasable):
    same = [f"NEW.{name} IS OLD.{name}" for name in sealed if name not in erasable]
    erased = [f"(NEW.{name} IS OLD.{name} OR IFNULL(NEW.{name}, '') IN ('Erased', '[]'))" for name in erasable]
    return " AND ".join(["EXISTS (SELECT 1 FROM erasure WHERE is_open)", *same, *erased])


def drop_triggers():
    for table in ERASABLE:
        on_table = f" ON {table}" if op.get_bind().dialect.name == "postgresql" else ""
        op.execute(f"DROP TRIGGER {table}_no_update{on_table}")
