"""Alerts -> ledger -> the event's DAG.

The triggerer listens to the Kafka servers that the settings name (`GWFOLLOW_IGWN_ALERT_SERVER`, `GWFOLLOW_GCN_SERVER`; see `gwfollow
settings`), stores what comes in the inbox, and wakes this DAG, which puts it through the policy.  Where no server is named this DAG runs by
hand only: another service listens (`gwfollow listen`), or nobody does.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Asset, AssetWatcher

from gwfollow.settings import Settings
from pe_operators.alerts import ProcessInboxOperator
from pe_operators.base import HOUSEKEEPING, by_priority
from sensors.alert_listener import AlertListenerTrigger

settings = Settings.read()
listens = bool(settings.igwn_alert_server or settings.gcn_server)
watchers = [AssetWatcher(name="alert_listener", trigger=AlertListenerTrigger())] if listens else []
inbox = Asset("gwfollow_inbox", watchers=watchers)

with DAG(
    "alerts",
    # the inbox is the record, the asset's events only wake: one run takes all that is there
    schedule=[inbox] if listens else None,
    catchup=False,
    # one that hangs must not hold up the next alert
    max_active_runs=3,
    is_paused_upon_creation=False,
    tags=["gwfollow"],
    doc_md=__doc__,
    default_args={**by_priority(HOUSEKEEPING), "retries": 3, "retry_delay": timedelta(seconds=2)},
):
    ProcessInboxOperator(task_id="process")
