"""The far side of an alert for the measurements: a local GraceDB that publishes to a local Kafka, and a policy with one quick analysis."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from jinja2 import Template

from gwfollow.gracedb.client import GraceDBClient
from gwfollow.sandbox.gracedb import LocalGraceDB
from gwfollow.sandbox.kafka import LocalKafka

CHECKOUT = Path(__file__).parents[1]
ANALYSIS = "first"
#: takes a moment, so that the machine is free for the next alert
QUICK = "pipeline: sleeper\nsleeper: {seconds: 0}\nscheduler: {request memory: 64 MB}\n"
#: the same of one channel, whose frames are there before the alert
SCAN = "pipeline: omegascan\nscan: {{channel set: {set}}}\nscheduler: {{request memory: 500 MB}}\n"
SET = {
    "ifo": "H1",
    "description": "One channel",
    "blocks": {
        "AUX": {"name": "Auxiliary", "channels": ["H1:BENCH-AUX"], "frame type": "H1_SIM_AUX", "duration": 8, "fftlength": 2}
    },
}
POLICY = """
rules:
  - name: bench
    when: {superevent: true}
    do: {event: true, apply: [bench.yaml.j2]}
"""


class Chain:
    """Services in a folder; `environment` is how gwfollow finds them."""

    def __init__(self, folder: Path, kafka: LocalKafka, gracedb: LocalGraceDB) -> None:
        self.folder, self.kafka, self.gracedb = folder, kafka, gracedb
        self.client = GraceDBClient(gracedb.url, ca=gracedb.ca, token=gracedb.token())
        self.configs = folder / "configs"
        shutil.copytree(CHECKOUT / "include" / "configs", self.configs)
        self.work(QUICK)
        (self.configs / "alert_policy.yaml").write_text(POLICY)

    def work(self, analysis: str) -> None:
        """What the policy asks for."""
        (self.configs / "blueprints" / "bench.yaml.j2").write_text(f"kind: analysis\nname: {ANALYSIS}\n{analysis}")

    def scan(self, start: float, seconds: int) -> None:
        """Ask for an omega scan instead, and have the frames of all times that alerts may name."""
        channels = self.folder / "bench.yaml"
        look_up = {"H1_SIM_AUX": {"look up": [{"folder": str(self.folder / "frames")}], "timeout": 60}}
        channels.write_text(yaml.safe_dump({**SET, "frame types": look_up}, sort_keys=False))
        begin = int(start) - 100
        code = (
            "import pathlib, sys; from gwfollow.sandbox.auxiliary import *; write_auxiliary(pathlib.Path(sys.argv[1]), 'H1', "
            "[Auxiliary('H1:BENCH-AUX', 256)], start=int(sys.argv[2]), end=int(sys.argv[3]), length=100000)"
        )
        # in a process of its own: gwpy would stay in the bench's memory
        subprocess.run(
            [sys.executable, "-c", code, str(self.folder / "frames"), str(begin), str(begin + 200 + seconds)], check=True
        )
        self.work(SCAN.format(set=channels))

    @property
    def environment(self) -> dict[str, str]:
        return self.kafka.env() | self.gracedb.env() | {"GWFOLLOW_CONFIGS": str(self.configs), "GWFOLLOW_GCN_SERVER": ""}

    def publish(self, gps: float) -> tuple[str, float]:
        """A new superevent as a search makes it; its id, and the time before GraceDB was asked for it."""
        trigger = self.folder / "coinc.xml"
        template = CHECKOUT / "src" / "gwfollow" / "sandbox" / "coinc.xml.j2"
        trigger.write_text(Template(template.read_text()).render(gps=gps, detectors=["H1", "L1"]))
        event = self.client.create_event("CBC", "gstlal", trigger, search="AllSky")
        begun = time.time()
        return str(self.client.create_superevent(gps, event["graceid"])["superevent_id"]), begun


@contextmanager
def chain(folder: Path) -> Iterator[Chain]:
    with (
        LocalKafka(folder / "kafka") as kafka,
        LocalGraceDB(folder / "gracedb", kafka=kafka.address) as gracedb,
    ):
        yield Chain(folder, kafka, gracedb)
