"""The hashes of files made from stored ones, and the details of stored files, which were in files beside them.

Derived files that are there already are recorded as they are.

Revision ID: 0019_derived_files
Revises: 0018_candidate_two_step
"""

import hashlib
import json
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from flask import current_app

revision = "0019_derived_files"
down_revision = "0018_candidate_two_step"
branch_labels = None
depends_on = None


def upgrade():
    details = op.create_table(
        "file_detail",
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("remark", sa.String(20), nullable=False),
        sa.CheckConstraint("pages >= 0", name=op.f("ck_file_detail_pages")),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_file_detail")),
    )
    derived = op.create_table(
        "derived_file",
        sa.Column("source_sha256", sa.String(64), nullable=False),
        sa.Column("name", sa.String(20), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("source_sha256", "name", name=op.f("pk_derived_file")),
    )
    folder = current_app.config["ATTACHMENTS_PATH"]
    connection = op.get_bind()
    for (sha256,) in connection.execute(sa.text("SELECT DISTINCT sha256 FROM attachment")).all():
        stored = folder / sha256[:2] / sha256
        if (found := read_details(stored)) is not None:
            op.bulk_insert(details, [{"sha256": sha256, **found}])
        rows = [
            {
                "source_sha256": sha256,
                "name": path.name.partition(".")[2],
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                "made_at": datetime.fromtimestamp(path.stat().st_mtime, UTC),
            }
            for pattern in (".preview.*", ".page-*.jpg")
            for path in stored.parent.glob(sha256 + pattern)
        ]
        if rows:
            op.bulk_insert(derived, rows)


def downgrade():
    op.drop_table("derived_file")
    op.drop_table("file_detail")


def read_details(stored):
    """Return the page count and the remark that earlier versions kept beside a file; None where there are none."""
    try:
        found = json.loads(stored.with_suffix(".details").read_text(encoding="utf-8"))
        return {"pages": int(found["pages"]), "remark": str(found["remark"])[:20]}
    except FileNotFoundError:
        try:
            return {"pages": int(stored.with_suffix(".pages").read_text() or 0), "remark": ""}
        except (OSError, ValueError):
            return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
