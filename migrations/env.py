"""Alembic's environment: the app's own engine and models."""

from alembic import context
from flask import current_app

from tracker import transactions
from tracker.extensions import db


def run_migrations() -> None:
    with transactions.writing(), db.engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            render_as_batch=True,
            compare_type=True,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()


if context.is_offline_mode():
    raise SystemExit("Migrations run against a database: set DATABASE_URL and use `flask db upgrade`.")
current_app.logger.debug("migrating")
run_migrations()
