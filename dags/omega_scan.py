"""An omega scan of any time, on request: **Trigger** opens a form.

Say a time (GPS or UTC) or an event, and a channel set or a list of channels.  The scan becomes an analysis in the ledger: of the event that is
named, or of one of its own, called after the time (`scan-1126259462.400`).  That event's DAG waits for the data, scans and publishes; *follow*
waits for it and ends as it does, with the reason where there is no scan.  Its **Result page** has the ranked channels and the pictures.

The same request again finds what is there; a scan that failed, was stopped or was skipped is done once more.  The command line does the same:
`gwfollow scan request`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import DAG, Param

from gwfollow.scans.asked import ENGINES
from gwfollow.scans.channel_sets import names as set_names
from gwfollow.schedulers import NAMES
from gwfollow.settings import Settings
from pe_operators.base import START, by_priority
from pe_operators.scan_request import RequestScanOperator
from sensors.analysis_end import AnalysisEndSensor

#: Airflow opens the fields that are in no section; those are enough for most scans
FREE, HOW = "Channels of your own", "How it runs"


def field(title: str, description: str, kind: str = "string", **more: Any) -> Param:
    """A field that may be left empty."""
    return Param(None, type=["null", kind], title=title, description_md=description, **more)


def choice(title: str, description: str, names: Sequence[str], nothing: str, **more: Any) -> Param:
    """One of some names; `nothing` stands there for none of them."""
    return field(title, description, enum=[*names, None], values_display={None: nothing}, **more)


FORM = {
    "gps": field("GPS time (s)", "The centre of the scan, such as `1126259462.4`.", "number", minimum=0, exclusiveMaximum=1e10),
    "utc": field("UTC time", "Instead of the GPS time.", format="date-time"),
    "event": field(
        "Event",
        "Name in the ledger: the scan belongs to this event and takes its time, and GraceDB is told what it finds. "
        "Empty: the scan has an event of its own.",
        maxLength=99,
    ),
    "channel_set": choice(
        "Channel set",
        "Channels of a detector, with their frames and settings.",
        set_names(Settings.read().configs_folder),
        "none: channels of your own, below",
    ),
    "title": field("Title", "For people: why you ask.", maxLength=200),
    "channels": field(
        "Channels",
        "Instead of a channel set: channels of one detector, one on a line, such as `H1:GDS-CALIB_STRAIN`. "
        "With one: those of it, such as `H1:PEM-*`.",
        "array",
        items={"type": "string"},
        section=FREE,
    ),
    "frame_type": field(
        "Frame type", "Of the frames that have these channels, such as `H1_R`. Not with a channel set.", section=FREE
    ),
    # no server of one's own choice: it would be shown the site's credentials
    "frames": field(
        "Frames",
        "Where these frames are: an absolute folder, `datafind` (the site's server), or `gwosc`. Not with a channel set.",
        pattern="^(/.*|datafind|gwosc)$",
        section=FREE,
    ),
    "engine": choice(
        "Engine",
        "`gwfollow` is fast; `gwdetchar` runs the installed gwdetchar-omega.",
        ENGINES,
        "what the channel set says",
        section=HOW,
    ),
    "scheduler": choice("Scheduler", "Where it runs.", NAMES, "the site's", section=HOW),
    "again": Param(
        False,
        type=["null", "boolean"],
        title="Scan again",
        description_md="Also where there is such a scan already: a fresh attempt.",
        section=HOW,
    ),
}

with DAG(
    "omega_scan",
    schedule=None,
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=64,
    tags=["gwfollow", "data quality"],
    doc_md=__doc__,
    params=FORM,
    default_args=by_priority(START),
):
    request = RequestScanOperator(
        task_id="request",
        gps="{{ params.gps or params.utc or '' }}",
        channels="{{ (params.channels or []) | join(',') }}",
        again="{{ params.again }}",
        **{
            name: f"{{{{ params.{name} or '' }}}}"
            for name in ("event", "channel_set", "frame_type", "frames", "engine", "scheduler", "title")
        },
    )
    follow = AnalysisEndSensor(
        task_id="follow",
        event="{{ ti.xcom_pull(task_ids='request')['event'] }}",
        analysis="{{ ti.xcom_pull(task_ids='request')['analysis'] }}",
    )
    request >> follow
