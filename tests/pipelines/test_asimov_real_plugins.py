"""The published plugins, unmodified, as .venv-peers has them from the package index: asimov 0.8's own, bilby_pipe's, asimov-gwdata, and others."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gwfollow.asimov_plugins import installed
from gwfollow.errors import PipelineError
from gwfollow.ledger.merge import deep_merge
from gwfollow.pipelines import registry
from gwfollow.pipelines.asimov.adapter import AsimovPipeline
from gwfollow.pipelines.base import AssetFile, Dag, Job, NeededAnalysis, Task

pytestmark = pytest.mark.slow

Plug = Callable[..., AsimovPipeline]


@pytest.fixture
def plug(peers: Path, make_task: Callable[..., Task], monkeypatch: pytest.MonkeyPatch) -> Plug:
    """``plug(name, own, **fields)``: the plugin of this name for a task with these keys in its own document."""
    monkeypatch.setenv("GWFOLLOW_ASIMOV_PYTHON", str(peers / "bin" / "python"))

    def make(name: str, own: Mapping[str, Any] | None = None, **fields: Any) -> AsimovPipeline:
        types = {"data": {"frame types": {"H1": "H1_T", "L1": "L1_T"}}}
        found = registry.find(f"asimov:{name}")(
            make_task(deep_merge(types, own or {}), pipeline=name, **{"own": own or {}, **fields})
        )
        assert isinstance(found, AsimovPipeline)
        return found

    return make


def put(pipeline: AsimovPipeline, *names: str, text: str = "made\n") -> list[Path]:
    """Files in the plugin's run folder, as its job would leave them."""
    files = [pipeline.task.folder / pipeline.task.analysis / name for name in names]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return files


def labels(assets: Mapping[str, Mapping[str, AssetFile]]) -> dict[str, list[str]]:
    return {name: sorted(files) for name, files in assets.items()}


def test_all_of_them_are_found(plug: Plug) -> None:
    plug("gwdata")
    ours = {"bayeswave", "bilby", "bilbyonline", "gwdata", "lalinference", "pesummary", "rift", "simpletestpipeline"}
    assert ours <= installed().keys()


def test_gwdata_submits_while_it_builds_and_only_tells_the_number_later(plug: Plug) -> None:
    pipeline = plug("gwdata", {"download": ["psds", "calibration"], "source": {"type": "pesummary"}})
    (configuration,) = pipeline.build_dag().values()
    assert "GW150914" in configuration.read_text()
    work = pipeline.submit_dag()
    # it asks for attributes of its own, which only a submit file can say: a DAG of one node has them word for word
    assert isinstance(work, Dag)
    node = (work.folder / "gwdata.node.sub").read_text()
    assert 'desired_sites = "none"' in node.lower()
    assert f"--settings {configuration}" in node
    local = replace(pipeline.task, document={**pipeline.task.document, "scheduler": {"name": "local"}})
    assert isinstance(type(pipeline)(local).submit_dag(), Job)
    assert not pipeline.detect_completion()
    put(pipeline, "psds/H1.dat", "psds/L1.dat", "calibration/H1.txt", "cache/H1.cache", "frames/H-H1_TEST-1-4.gwf")
    assert pipeline.detect_completion()
    assert labels(pipeline.collect_assets()) == {"psds": ["H1", "L1"], "calibration": ["H1"], "config": [""]}
    assert pipeline.after_completion() is None


def test_bayeswave_is_complete_with_its_psds_and_makes_them_assets(plug: Plug, tmp_path: Path) -> None:
    builder = tmp_path / "bayeswave_pipe"
    builder.write_text("#!/bin/sh\nexit 1\n")
    builder.chmod(0o755)
    own = {
        "executable": str(builder),
        "quality": {},
        "likelihood": {"components": {"signal": False, "noise": {"lines": True}, "glitch": True}},
    }
    pipeline = plug("bayeswave", {**own, "likelihood": {"window length": 2}})
    (configuration,) = pipeline.build_dag(dryrun=True).values()
    assert "IMRPhenomD" in configuration.read_text() or "[bayeswave_options]" in configuration.read_text()
    log = (pipeline.folder / "log" / "build_dag.log").read_text()
    assert f"{builder} --trigger-time=1126259462.4 " in log
    with pytest.raises(PipelineError, match=r"build_dag: PipelineException"):
        pipeline.build_dag()  # the builder fails
    assert not pipeline.detect_completion()
    # by hand, from the layout that its documentation gives; the engine is on no package index
    run = "trigtime_1126259462.400000000_0.0_0.0_0.0_0.0_0"
    put(
        pipeline,
        *(f"{run}/post/clean/glitch_median_PSD_forLI_{ifo}.dat" for ifo in ("H1", "L1")),
        text="20.0 1e-46\n21.0 1e-46\n",
    )
    assert pipeline.detect_completion()
    assets = pipeline.collect_assets()
    assert sorted(assets["psds"]) == ["H1", "L1"]
    assert assets["psds"]["H1"].path.name == "glitch_median_PSD_forLI_H1.dat"


LALINFERENCE = {
    "priors": {
        "mass 1": [1, 100],
        "mass 2": [1, 100],
        "spin 1": [0, 0.9],
        "spin 2": [0, 0.9],
        "distance": [10, 1000],
        "amp order": 0,
    },
    "quality": {"state vector": {"H1": "H1:SV", "L1": "L1:SV"}},
}


def test_lalinference_builds_for_real_and_its_dag_is_ours_to_submit(plug: Plug, tmp_path: Path) -> None:
    # lalinference_pipe guesses a web address from a part of the path
    folder = tmp_path / "public_html" / "attempt-1"
    folder.mkdir(parents=True)
    pipeline = plug("lalinference", LALINFERENCE, folder=folder)
    pipeline.build_dag()
    work = pipeline.submit_dag()
    assert work == Dag(folder / "lalinference" / "multidag.dag", folder / "lalinference", "multidag", pipeline.task.resources)
    assert "SUBDAG EXTERNAL" in work.file.read_text()
    assert not pipeline.detect_completion()
    put(pipeline, "posterior_samples/posterior_H1L1_1126259462.hdf5")
    assert pipeline.detect_completion()
    assert labels(pipeline.collect_assets()) == {"samples": [""], "config": [""]}
    with pytest.raises(PipelineError, match=r"after_completion: KeyError: 'postprocessing'"):
        pipeline.after_completion()  # this plugin always goes on with PESummary, for which the document says nothing


def analysis(name: str, folder: Path, **fields: Any) -> NeededAnalysis:
    """An analysis that has ended, with samples and a configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    assets = {}
    for asset in ("samples", "config"):
        file = folder / f"{asset}.{'hdf5' if asset == 'samples' else 'ini'}"
        file.write_text(f"{asset} of {name}\n")
        assets[asset] = {"": AssetFile(file)}
    document = {
        "waveform": {"approximant": "IMRPhenomD", "reference frequency": 20},
        "likelihood": {"minimum frequency": {"H1": 20, "L1": 20}},
    }
    return NeededAnalysis(name, "bilby", document, assets, event=fields.pop("event", "GW150914"), status="finished", **fields)


def test_pesummary_combines_the_analyses_of_its_subject(plug: Plug, tmp_path: Path, peers: Path) -> None:
    needed = tuple(analysis(name, tmp_path / name, input=True) for name in ("first", "second"))
    pipeline = plug("pesummary", {"postprocessing": {"pesummary": {"multiprocess": 2, "cosmology": "Planck15"}}}, needed=needed)
    pipeline.build_dag()
    work = pipeline.submit_dag()
    assert isinstance(work, Job)
    assert work.executable == peers / "bin" / "summarypages"
    words = work.arguments
    assert words[words.index("--labels") + 1 :][:2] == ("first", "second")
    assert words[words.index("--samples") + 1 :] == tuple(str(other.assets["samples"][""].path) for other in needed)
    assert [Path(word).read_text() for word in words[words.index("--config") + 1 :][:2]] == [
        "config of first\n",
        "config of second\n",
    ]
    assert (work.resources.cpus, work.resources.memory_mb, work.folder) == (2, 8192, pipeline.task.folder)
    assert not pipeline.detect_completion()


def test_subject_and_project_analyses_get_asimovs_own_objects(plug: Plug, tmp_path: Path) -> None:
    subject = plug(
        "subjecttestpipeline", needed=(analysis("first", tmp_path / "first", input=True), analysis("other", tmp_path / "other"))
    )
    subject.build_dag()
    dump = json.loads((subject.task.folder / "subjecttestpipeline" / "ledger_dump.json").read_text())
    assert dump["analysis"]["kind"] == "SubjectAnalysis"
    assert [seen["name"] for seen in dump["encompassed analyses"]] == ["first"]
    assert dump["encompassed analyses"][0]["assets"]["samples"] == str(tmp_path / "first" / "samples.hdf5")

    events = {
        name: {"interferometers": ["H1"], "event time": time}
        for name, time in (("GW150914", 1126259462.4), ("GW151012", 1128678900.4))
    }
    needed = tuple(analysis("pe", tmp_path / name, event=name, input=True) for name in events)
    project = plug("projecttestpipeline", event="project", gps=None, interferometers=(), subjects=events, needed=needed)
    project.build_dag()
    dump = json.loads((project.task.folder / "projecttestpipeline" / "ledger_dump.json").read_text())
    assert dump["analysis"]["kind"] == "ProjectAnalysis"
    assert [settings["settings"]["event time"] for settings in dump["subjects"]] == [1126259462.4, 1128678900.4]
    assert [seen["subject"] for seen in dump["encompassed analyses"]] == list(events)
    work = project.submit_dag()
    assert isinstance(work, Dag)
    put(project, "population_results.dat")
    assert project.detect_completion()
    assert labels(project.collect_assets()) == {"population_results": [""], "config": [""]}


def test_bilby_renders_its_own_template_from_our_document(plug: Plug, psd_files: dict[str, Path]) -> None:
    pipeline = plug("bilby", {"waveform": {"reference frequency": 20}})
    (configuration,) = pipeline.build_dag(dryrun=True).values()
    ini = configuration.read_text()
    assert f"psd-dict={{ H1:{psd_files['H1']},L1:{psd_files['L1']}, }}" in ini
    assert "waveform-approximant=IMRPhenomD" in ini
    assert "chirp_mass = Uniform(name='chirp_mass', minimum=20, maximum=45" in ini  # its own interface for priors
    put(pipeline, "final_result/bilby_result.hdf5")
    assert pipeline.detect_completion()
    assert labels(pipeline.collect_assets()) == {"samples": [""], "config": [""]}


def test_rift_which_asimov_0_8_itself_can_no_longer_load_renders_its_template(plug: Plug, tmp_path: Path) -> None:
    coinc = tmp_path / "coinc.xml"
    coinc.write_text("<LIGO_LW></LIGO_LW>\n")
    rift = {"waveform": {"reference frequency": 20}, "likelihood": {"start frequency": 20}, "coinc": str(coinc)} | {
        "priors": LALINFERENCE["priors"]
    }
    pipeline = plug("rift", rift)
    (configuration,) = pipeline.build_dag(dryrun=True).values()
    assert "approx" in configuration.read_text().lower()
    log = (pipeline.folder / "log" / "build_dag.log").read_text()
    assert "util_RIFT_pseudo_pipe.py --use-coinc" in log
    assert os.fspath(pipeline.folder / "repository" / "analyses" / "coinc.xml") in log
