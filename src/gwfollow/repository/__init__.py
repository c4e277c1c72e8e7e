"""An event's git repository: configurations and PSDs, committed where people look for them.

address    which repository an event has, and which addresses are allowed
outgoing   what is committed, stored in the outbox with the change that causes it
git        the program git, in a clean environment and with time limits
commits    one commit on a remote branch, whoever else writes there
writer     the outbox's destination ``repository``
"""
