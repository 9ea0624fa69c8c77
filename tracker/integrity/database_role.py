"""Restriction of the server's PostgreSQL role, so that it can add to the ledger and not change it.

Triggers refuse changes of the ledger, but the owner of a table can remove its triggers. So migrations run as the
owner, and the server as a role that owns nothing and has only the privileges it needs.
"""

from collections.abc import Iterator

from sqlalchemy import text

from tracker.errors import Refused
from tracker.extensions import db
from tracker.ledger import keys
from tracker.ledger.events import OPERATOR, record

DATABASE_CONFINED = "database_confined"
"""The event by which the operator restricted a role: from then on only the owner may change the ledger."""
INSERT_ONLY_TABLES = (
    "event",
    "event_text",
    "version_attachment",
    "carried_over_claim",
    "signing_key",
    "checkpoint_copy",
)
"""Tables of which no row ever changes."""
TABLES_WITH_DELETIONS = (
    "event_text", "criterion_link", "criterion", "evidence_requirement", "unit_code", "guidance_unit", "user_session",
    "account_link", "notification", "portfolio_access", "counted_attempt", "known_browser", "link_request", "sign_in",
    "second_factor", "recovery_code", "unsaved_text", "delivery_failure", "file_detail", "derived_file",
    "job_step", "partial_upload", "upload_part", "unallocated_attempt", "person_word", "registration_word",
)  # fmt: skip
"""Tables from which rows are deleted: salts of erased texts, links of drafts, expired rows, what triggers derive."""
SELECT_ONLY_TABLES = ("alembic_version",)

ROLE_ATTRIBUTES_QUERY = """
    SELECT rolname, rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls,
        EXISTS (SELECT 1 FROM pg_auth_members WHERE member = pg_roles.oid) AS member,
        EXISTS (SELECT 1 FROM pg_class WHERE relowner = pg_roles.oid)
            OR EXISTS (SELECT 1 FROM pg_namespace WHERE nspowner = pg_roles.oid)
            OR EXISTS (SELECT 1 FROM pg_database WHERE datdba = pg_roles.oid) AS owner
    FROM pg_roles WHERE rolname = :role
"""
FORBIDDEN_ATTRIBUTES = {
    "rolsuper": "is a superuser",
    "rolcreaterole": "can create roles",
    "rolcreatedb": "can create databases",
    "rolreplication": "can replicate",
    "rolbypassrls": "bypasses row security",
    "member": "is a member of another role",
    "owner": "owns objects in this database",
}
UNSAFE_ROLES_QUERY = """
    SELECT rolname FROM pg_roles
    WHERE NOT rolsuper AND rolcanlogin
        AND oid <> (SELECT relowner FROM pg_class WHERE oid = 'event'::regclass)
        AND (
            has_table_privilege(oid, 'event', 'UPDATE, DELETE, TRUNCATE, TRIGGER')
            OR has_any_column_privilege(oid, 'event', 'UPDATE')
            OR pg_has_role(oid, (SELECT relowner FROM pg_class WHERE oid = 'event'::regclass), 'MEMBER')
        )
    ORDER BY rolname
"""
OWN_ROLE_QUERY = """
    SELECT current_user FROM pg_roles
    WHERE rolname = current_user AND (
        rolsuper OR has_table_privilege('event', 'UPDATE, DELETE, TRUNCATE, TRIGGER')
        OR pg_has_role((SELECT relowner FROM pg_class WHERE oid = 'event'::regclass), 'MEMBER')
    )
"""


def confine(role: str) -> None:
    """Grant a PostgreSQL role only the privileges that the server needs, and record the event.

    Run it as the owner of the tables, and again after every migration. The caller commits.

    Raises:
        Refused: SQLite, no signing key, or a role whose attributes or memberships give it more than its grants.
    """
    if db.session.get_bind().dialect.name != "postgresql":
        raise Refused("SQLite has no roles; this command needs PostgreSQL. Nothing was changed.")
    key = keys.find_current_key()
    if key is None:
        raise Refused("There is no key yet. Nothing was changed. To make the first: flask keys make")
    _check_role_attributes(role)
    for statement in _build_statements(role):
        db.session.execute(text(statement))
    if unsafe_roles := list_unsafe_roles():
        raise Refused(
            f"{', '.join(unsafe_roles)} could still change the ledger. Nothing was changed. Revoke that first."
        )
    record(DATABASE_CONFINED, key, OPERATOR)


def list_unsafe_roles() -> list[str]:
    """Return the roles that can sign in and change the ledger, without superusers and its owner."""
    return list(db.session.scalars(text(UNSAFE_ROLES_QUERY)))


def find_own_unsafe_role() -> str | None:
    """Return this connection's role if it could change the ledger, else None; None on SQLite, which has no roles."""
    if db.session.get_bind().dialect.name != "postgresql":
        return None
    role: str | None = db.session.scalar(text(OWN_ROLE_QUERY))
    return role


def _check_role_attributes(role: str) -> None:
    attributes = db.session.execute(text(ROLE_ATTRIBUTES_QUERY), {"role": role}).mappings().first()
    if attributes is None:
        raise Refused(f"There is no role {role}. Nothing was changed. To make it: CREATE ROLE … LOGIN PASSWORD …")
    for name, sentence in FORBIDDEN_ATTRIBUTES.items():
        if attributes[name]:
            raise Refused(f"{role} {sentence}, so it cannot be restricted. Nothing was changed. Use another role.")


def _build_statements(role: str) -> Iterator[str]:
    quote = db.session.get_bind().dialect.identifier_preparer.quote_identifier
    quoted_role = quote(role)
    schema = quote(db.session.scalar(text("SELECT current_schema()")))
    database = quote(db.session.scalar(text("SELECT current_database()")))
    for kind in ("TABLES", "SEQUENCES"):
        yield f"REVOKE ALL ON ALL {kind} IN SCHEMA {schema} FROM {quoted_role}, PUBLIC"
    yield f"REVOKE CREATE ON SCHEMA {schema} FROM {quoted_role}, PUBLIC"
    yield f"REVOKE CREATE, TEMPORARY ON DATABASE {database} FROM {quoted_role}, PUBLIC"
    yield f"GRANT CONNECT ON DATABASE {database} TO {quoted_role}"
    yield f"GRANT USAGE ON SCHEMA {schema} TO {quoted_role}"
    yield f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {quoted_role}"
    for name in SELECT_ONLY_TABLES:
        yield f"GRANT SELECT ON {schema}.{quote(name)} TO {quoted_role}"
    for name in db.metadata.tables:
        yield f"GRANT {', '.join(_list_privileges(name))} ON {schema}.{quote(name)} TO {quoted_role}"


def _list_privileges(table: str) -> Iterator[str]:
    yield from ("SELECT", "INSERT")
    if table not in INSERT_ONLY_TABLES:
        yield "UPDATE"
    if table in TABLES_WITH_DELETIONS:
        yield "DELETE"
