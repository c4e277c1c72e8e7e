"""Gravitational-wave follow-up: the ledger, the pipelines, the schedulers (no Airflow in here, see `gwfollow.provider`)."""

__version__ = "0.1.0"
