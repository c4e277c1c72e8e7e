"""The ledger: the one source of truth about events, their analyses, jobs and assets."""
