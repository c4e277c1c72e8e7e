"""The templates of the alert policy give what the real bilby_pipe builds, once a person or a site has said where the strain lies."""

from __future__ import annotations

from pathlib import Path

import pytest

from gwfollow.alerts import templates
from gwfollow.pipelines.base import AssetFile, NeededAnalysis, Task
from gwfollow.pipelines.bilby import Bilby, read_ini
from gwfollow.pipelines.psd import PSD

pytestmark = pytest.mark.slow


def task(template: str, name: str, folder: Path, configs: Path) -> Task:
    """As the ledger gives it to the pipeline, with the event's data and files that only have to be there."""
    state = templates.examples()[0]
    found = {b.name: b for b in templates.render(templates.environment(configs), template, state.superevent_id, state)}
    detectors = state.instruments or ()
    files = {ifo: folder / f"{ifo[0]}-{ifo}_HOFT-1419724700-256.gwf" for ifo in detectors}
    psds = {ifo: AssetFile(folder / f"{ifo}-psd.dat") for ifo in detectors}
    for path in files.values():
        path.write_bytes(b"IGWD")
    for made in psds.values():
        made.path.write_text("".join(f"{frequency} 1e-46\n" for frequency in range(1, 2049)))
    data = {"data files": {ifo: str(path) for ifo, path in files.items()}, "channels": {ifo: f"{ifo}:HOFT" for ifo in detectors}}
    document = {**found[name].document, "scheduler": {"name": "htcondor"}}
    document["data"] = {**document.get("data", {}), **data}
    (folder / "attempt-1").mkdir()
    return Task(
        event=state.superevent_id, gps=state.t_0, graceid=state.superevent_id, interferometers=detectors, analysis=name,
        pipeline=found[name].pipeline, document=document, attempt=1, folder=folder / "attempt-1", configs=configs,
        needed=(NeededAnalysis("psd", "psd", {}, {"psds": psds}),),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("template", "name", "prior"),
    [("alert-bbh.yaml.j2", "bilby-bbh", "maximum=100"), ("alert-ns.yaml.j2", "bilby-ns", "maximum=6")],
)
def test_bilby_pipe_builds_the_templates_of_the_alert_policy(
    template: str, name: str, prior: str, tmp_path: Path, checkout: Path
) -> None:
    pipeline = Bilby(task(template, name, tmp_path, checkout / "include" / "configs"))
    pipeline.before_config()
    pipeline.before_build()
    assert "config" in pipeline.build_dag()
    pipeline.before_submit()
    complete = read_ini(pipeline.complete_ini)
    assert prior in complete["prior-dict"].replace(" ", "")
    assert float(complete["trigger-time"]) == 1419724818.5


def test_the_psd_of_the_alert_policy_is_built(tmp_path: Path, checkout: Path) -> None:
    pipeline = PSD(task("alert-psd.yaml.j2", "psd", tmp_path, checkout / "include" / "configs"))
    pipeline.before_config()
    assert pipeline.build_dag()
