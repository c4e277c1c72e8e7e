"""Checks of the data of an event."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "checks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("ifo", sa.String(length=10), nullable=False, server_default=sa.text("''")),
        sa.Column("process", sa.String(length=40), nullable=False),
        sa.Column("verdict", sa.String(length=10), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False, server_default=sa.text("''")),
        sa.Column("details", sa.JSON(), nullable=False, server_default=sa.text("'{}'")),
        sa.Column("analysis_id", sa.Integer(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["analysis_id"], ["analyses.id"], name=op.f("fk_checks_analysis_id")),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_checks_event_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checks")),
        sa.UniqueConstraint("event_id", "name", name=op.f("uq_checks_event_id")),
    )
    op.create_index(op.f("ix_checks_analysis_id"), "checks", ["analysis_id"], unique=False)
    op.create_index(op.f("ix_checks_event_id"), "checks", ["event_id"], unique=False)


def downgrade() -> None:
    raise NotImplementedError("a ledger is migrated forwards only; restore the copy that was made before")
