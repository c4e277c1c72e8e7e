"""An omega scan of any time, on request: **Trigger** opens a form.

Say a time (GPS or UTC) or an event, and a channel set or a list of channels.  The scan becomes an analysis in the ledger: of the event that is
named, or of one of its own, called after the time (`scan-1126259462.400`).  That event's DAG waits for the data, scans and publishes; *follow*
waits for it and ends as it does, with the reason where there is no scan.  Its **Result page** has the ranked channels and the pictures.

The same request again finds what is there; a scan that failed, was stopped or was skipped is done once more.  The command line does the same:
`gwfollow scan request`.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param

from gwfollow.scans.asked import ENGINES, set_names
from gwfollow.schedulers import NAMES
from gwfollow.settings import Settings
from pe_operators.base import START, by_priority
from pe_operators.scan_request import RequestScanOperator
from sensors.analysis_end import AnalysisEndSensor

WHEN, WHAT, HOW = "When", "What", "How"


def choice(title: str, names: list[str], description: str, section: str) -> Param:
    return Param(None, type=["null", "string"], enum=[None, *names], title=title, description_md=description, section=section)


def text(title: str, description: str, section: str, **more: object) -> Param:
    return Param(None, type=["null", "string"], title=title, description_md=description, section=section, **more)


FORM = {
    "gps": Param(
        None,
        type=["null", "number"],
        minimum=0,
        exclusiveMaximum=1e10,
        title="GPS time (s)",
        description_md="The centre of the scan, such as `1126259462.4`.",
        section=WHEN,
    ),
    "utc": text("UTC time", "Instead of the GPS time.", WHEN, format="date-time"),
    "event": text(
        "Event",
        "Name in the ledger: the scan belongs to this event and takes its time, and what it finds is told where the event lives. "
        "Empty: the scan has an event of its own.",
        WHEN,
        maxLength=99,
    ),
    "channel_set": choice(
        "Channel set",
        set_names(Settings.read().configs_folder),
        "Channels with their frames and settings. Or leave it empty and list channels below.",
        WHAT,
    ),
    "channels": Param(
        None,
        type=["null", "array"],
        items={"type": "string"},
        title="Channels",
        description_md="Instead of a channel set: channels of one detector, one on a line, such as `H1:GDS-CALIB_STRAIN`. "
        "With one: those of it, such as `H1:PEM-*`.",
        section=WHAT,
    ),
    "frame_type": text("Frame type", "Of the frames that have these channels, such as `H1_R`. Not with a channel set.", WHAT),
    "frames": text(
        "Frames",
        "Where these frames are: a folder, `datafind` (the site's server), `datafind:HOST`, or `gwosc`. Not with a channel set.",
        WHAT,
        examples=["datafind", "gwosc"],
    ),
    "ifo": choice("Detector", ["H1", "L1", "V1", "K1", "G1"], "A check only: the channels say it.", WHAT),
    "engine": choice(
        "Engine",
        list(ENGINES),
        "`gwfollow` is fast; `gwdetchar` runs the installed gwdetchar-omega. Empty: what the channel set says.",
        HOW,
    ),
    "scheduler": choice("Scheduler", list(NAMES), "Where it runs. Empty: the site's.", HOW),
    "title": text("Title", "For people: why you ask.", HOW, maxLength=200),
    "again": Param(
        False,
        type="boolean",
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
            for name in ("event", "channel_set", "frame_type", "frames", "ifo", "engine", "scheduler", "title")
        },
    )
    follow = AnalysisEndSensor(
        task_id="follow",
        event="{{ ti.xcom_pull(task_ids='request')['event'] }}",
        analysis="{{ ti.xcom_pull(task_ids='request')['analysis'] }}",
    )
    request >> follow
