"""Catalogues: project analyses, subject analyses, review before publishing, progress, the results store."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("events", sa.Column("kind", sa.String(length=10), nullable=False, server_default=sa.text("'event'")))
    op.add_column("analyses", sa.Column("review_first", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("needs", sa.Column("role", sa.String(length=10), nullable=False, server_default=sa.text("'needs'")))
    op.create_index(op.f("ix_needs_needed_id"), "needs", ["needed_id"], unique=False)
    op.create_table(
        "results",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("attempt_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("label", sa.String(length=60), nullable=False, server_default=sa.text("''")),
        sa.Column("filename", sa.String(length=255), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("summary", sa.JSON(), nullable=False, server_default=sa.text("'{}'")),
        sa.Column("stored", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempts.id"], name=op.f("fk_results_attempt_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_results")),
        sa.UniqueConstraint("attempt_id", "name", "label", "filename", name=op.f("uq_results_attempt_id")),
    )
    op.create_index(op.f("ix_results_attempt_id"), "results", ["attempt_id"], unique=False)
    op.create_index(op.f("ix_results_sha256"), "results", ["sha256"], unique=False)
    op.create_table(
        "progress",
        sa.Column("analysis_id", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("fraction", sa.Double(), nullable=True),
        sa.Column("line", sa.Text(), nullable=False, server_default=sa.text("''")),
        sa.Column("values", sa.JSON(), nullable=False, server_default=sa.text("'{}'")),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["analysis_id"], ["analyses.id"], name=op.f("fk_progress_analysis_id")),
        sa.PrimaryKeyConstraint("analysis_id", name=op.f("pk_progress")),
    )


def downgrade() -> None:
    raise NotImplementedError("a ledger is migrated forwards only; restore the copy that was made before")
