"""The forms of our connection types.  Passwords and tokens have their place in the field Password, and nowhere else."""

from __future__ import annotations

from typing import Any


def _field(label: str, description: str, kind: str = "string", **schema: Any) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": [kind, "null"], **schema}}


CONNECTION_TYPES: list[dict[str, Any]] = [
    {
        "connection-type": "htcondor",
        "hook-class-name": "gwfollow.provider.hooks.htcondor.HTCondorHook",
        "hook-name": "HTCondor",
        "ui-field-behaviour": {
            "hidden-fields": ["schema", "login", "password", "port"],
            "relabeling": {"host": "Schedd"},
            "placeholders": {"host": "name of the schedd; empty: the one of this machine"},
        },
        "conn-fields": {
            "collector": _field("Collector", "Address of the collector; empty: the configured one."),
            "poll_seconds": _field(
                "Poll period", "Seconds between two queries; shared access points ask for 60.", "number", minimum=1, maximum=86400
            ),
        },
    },
    {
        "connection-type": "gracedb",
        "hook-class-name": "gwfollow.provider.hooks.gracedb.GraceDBHook",
        "hook-name": "GraceDB",
        "ui-field-behaviour": {
            "hidden-fields": ["schema", "login", "port"],
            "relabeling": {"host": "API", "password": "SciToken"},
            "placeholders": {
                "host": "https://gracedb-playground.ligo.org/api/",
                "password": "empty: look for a SciToken, then for an X.509 certificate, where IGWN's tools keep them",
            },
        },
        "conn-fields": {
            "auth": _field(
                "Login", "auto: as the token or the credentials found; anonymous: only what is public.", default="auto"
            ),
            "ca": _field("CA file", "File with the CA of the server's certificate; empty: the system's."),
        },
    },
    {
        "connection-type": "gwfollow_ledger",
        "hook-class-name": "gwfollow.provider.hooks.ledger.LedgerHook",
        "hook-name": "gwfollow ledger",
        "ui-field-behaviour": {
            "hidden-fields": [],
            "relabeling": {"schema": "Database"},
            "placeholders": {"host": "PostgreSQL server", "port": "5432", "schema": "gwfollow", "login": "gwfollow"},
        },
        "conn-fields": {"path": _field("SQLite file", "File of the ledger, where it is not on a server.")},
    },
    {
        "connection-type": "igwn_alert",
        "hook-class-name": "gwfollow.provider.hooks.kafka.IGWNAlertHook",
        "hook-name": "igwn-alert (SCiMMA)",
        "ui-field-behaviour": {
            "hidden-fields": ["host", "port", "schema", "extra"],
            "relabeling": {"login": "SCiMMA user"},
            "placeholders": {"login": "name-0123abcd", "password": "of the credential; the server is GWFOLLOW_IGWN_ALERT_SERVER"},
        },
        "conn-fields": {},
    },
    {
        "connection-type": "gcn",
        "hook-class-name": "gwfollow.provider.hooks.kafka.GCNHook",
        "hook-name": "GCN notices (NASA)",
        "ui-field-behaviour": {
            "hidden-fields": ["host", "port", "schema", "extra"],
            "relabeling": {"login": "Client id", "password": "Client secret"},
            "placeholders": {"login": "from gcn.nasa.gov", "password": "the server is GWFOLLOW_GCN_SERVER"},
        },
        "conn-fields": {},
    },
]
