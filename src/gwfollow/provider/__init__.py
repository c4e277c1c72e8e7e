"""gwfollow inside Airflow: connection types, hooks, the plugin.  The one package in ``src`` that may import Airflow."""

from __future__ import annotations

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """What Airflow learns of us, by the entry point ``apache_airflow_provider``."""
    from gwfollow.provider.connections import CONNECTION_TYPES

    return {
        "package-name": "gwfollow",
        "name": "gwfollow",
        "description": "Gravitational-wave follow-up: HTCondor, GraceDB and the ledger of analyses.",
        "hooks": [
            {
                "integration-name": "gwfollow",
                "python-modules": [kind["hook-class-name"].rpartition(".")[0] for kind in CONNECTION_TYPES],
            }
        ],
        "integrations": [
            {
                "integration-name": "gwfollow",
                "external-doc-url": "https://gracedb.ligo.org/documentation/",
                "tags": ["service"],
            }
        ],
        "connection-types": CONNECTION_TYPES,
    }
