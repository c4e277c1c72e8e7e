"""Alerts: the inbox in full, listeners, what alerts say of an event, which rule asked for an analysis."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("events", sa.Column("category", sa.String(length=20), nullable=False, server_default=sa.text("'Production'")))
    op.add_column("events", sa.Column("alert", sa.JSON(), nullable=False, server_default=sa.text("'{}'")))
    op.add_column("analyses", sa.Column("origin", sa.String(length=100), nullable=False, server_default=sa.text("''")))
    for column in (
        sa.Column("topic", sa.String(length=200), nullable=False, server_default=sa.text("''")),
        sa.Column("event", sa.String(length=100), nullable=True),
        sa.Column("kind", sa.String(length=40), nullable=False, server_default=sa.text("''")),
        sa.Column("issued", sa.DateTime(timezone=True), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=False, server_default=sa.text("0")),
        sa.Column("archive", sa.Text(), nullable=True),
        sa.Column("decision", sa.JSON(), nullable=False, server_default=sa.text("'[]'")),
        sa.Column("tries", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("processed", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False, server_default=sa.text("1")),
    ):
        op.add_column("inbox", column)
    op.create_index(op.f("ix_inbox_event"), "inbox", ["event"], unique=False)
    op.create_index("ix_inbox_state", "inbox", ["state"], unique=False)
    op.create_table(
        "listeners",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=100), nullable=False),
        sa.Column("topic", sa.String(length=200), nullable=False),
        sa.Column("host", sa.String(length=200), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("started", sa.DateTime(timezone=True), nullable=False),
        sa.Column("heartbeat", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_message", sa.DateTime(timezone=True), nullable=True),
        sa.Column("messages", sa.BigInteger(), nullable=False),
        sa.Column("restarts", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listeners")),
        sa.UniqueConstraint("source", "topic", name=op.f("uq_listeners_source")),
    )


def downgrade() -> None:
    raise NotImplementedError("a ledger is migrated forwards only; restore the copy that was made before")
