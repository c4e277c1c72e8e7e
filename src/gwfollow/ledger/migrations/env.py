"""What Alembic runs: migrations on the connection that `gwfollow.ledger.migrate` hands over, inside its transaction."""

from __future__ import annotations

from alembic import context

from gwfollow.ledger.schema import Base

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("run migrations with 'gwfollow init'")
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    compare_type=True,
    # SQLite rolls DDL back too, since the ledger says BEGIN itself; and it changes columns by copying the table
    transactional_ddl=True,
    render_as_batch=connection.dialect.name == "sqlite",
)
context.run_migrations()
