"""The revision of the ledger's tables that this version of gwfollow reads and writes."""

#: the newest Alembic revision; a test compares it with ledger/migrations
HEAD = "0004"
