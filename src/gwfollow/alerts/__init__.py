"""Alerts: from a message of GraceDB or GCN to the ledger.

    message -> `inbox.store` (archived, de-duplicated, before the offset moves) -> `process.process` (policy, history of the event, ledger)

Reading (`reading`) makes an `alert.Alert` of every form; `history` folds all alerts of an event into one state, in whatever order they
came; `policy` says what is to be done about it.
"""
