"""The templates of the alert policy give what the real bilby_pipe builds, on strain that their get-data has fetched."""

from __future__ import annotations

from pathlib import Path

import pytest

from gwfollow.alerts import templates
from gwfollow.errors import InputError
from gwfollow.pipelines.base import AssetFile, NeededAnalysis, Task
from gwfollow.pipelines.bilby import Bilby, read_ini
from gwfollow.pipelines.gwdata import GWData
from gwfollow.pipelines.psd import PSD

pytestmark = pytest.mark.slow


def task(template: str, name: str, folder: Path, configs: Path) -> Task:
    """As the ledger gives it to the pipeline: frame types and channels of the project, files of get-data and psd that only have to be there."""
    state = templates.examples()[0]
    found = {b.name: b for b in templates.render(templates.environment(configs), template, state.superevent_id, state)}
    detectors = state.instruments or ()
    files = {ifo: folder / f"{ifo[0]}-{ifo}_HOFT-1419724700-256.gwf" for ifo in detectors}
    psds = {ifo: AssetFile(folder / f"{ifo}-psd.dat") for ifo in detectors}
    for path in files.values():
        path.write_bytes(b"IGWD")
    for made in psds.values():
        made.path.write_text("".join(f"{frequency} 1e-46\n" for frequency in range(1, 2049)))
    data = {"frame types": {ifo: f"{ifo}_HOFT" for ifo in detectors}, "channels": {ifo: f"{ifo}:HOFT" for ifo in detectors}}
    document = {**found[name].document, "scheduler": {"name": "htcondor"}}
    document["data"] = {**document.get("data", {}), **data}
    strain = {ifo: AssetFile(path) for ifo, path in files.items()}
    (folder / "attempt-1").mkdir()
    return Task(
        event=state.superevent_id, gps=state.t_0, graceid=state.superevent_id, interferometers=detectors, analysis=name,
        pipeline=found[name].pipeline, document=document, attempt=1, folder=folder / "attempt-1", configs=configs,
        needed=(NeededAnalysis("get-data", "gwdata", {}, {"data files": strain}), NeededAnalysis("psd", "psd", {}, {"psds": psds})),
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


def test_the_data_of_the_alert_policy_are_asked_for(tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = task("alert-psd.yaml.j2", "get-data", tmp_path, checkout / "include" / "configs")
    monkeypatch.delenv("GWDATAFIND_SERVER", raising=False)
    with pytest.raises(InputError, match=r"locations\.datafind server.*GWDATAFIND_SERVER"):
        GWData(asked).before_config()
    monkeypatch.setenv("GWDATAFIND_SERVER", "https://datafind.example.org")
    pipeline = GWData(asked)
    pipeline.before_config()
    pipeline.build_dag()
    said = GWData.read_ini(pipeline.task.folder / "gwdata.ini")
    assert said["frame types"] == [f"{ifo}:{ifo}_HOFT" for ifo in asked.interferometers]
    assert said["time"]["end"] - said["time"]["start"] == 544
    # a project that names no frame types: told before any job starts
    asked.document["data"]["frame types"] = {}
    with pytest.raises(InputError, match=r"data\.frame types\."):
        GWData(asked).before_config()
