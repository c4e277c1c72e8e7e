"""What a plugin is told of its analysis: asimov's layout, the ledger's values, and what the analyses that it needs have made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gwfollow.asimov_plugins import AsimovPlugin
from gwfollow.ledger.merge import deep_merge
from gwfollow.pipelines.asimov.assets import as_asimov_says, from_answer
from gwfollow.pipelines.asimov.progress import read_progress
from gwfollow.pipelines.asimov.question import ask_about, kind_of
from gwfollow.pipelines.base import AssetFile, NeededAnalysis, Task

PLUGIN = AsimovPlugin("Toy", "toys:Toy", "toys", "1", Path("/python"), Path("/"))


def told(task: Task) -> Mapping[str, Any]:
    about: Mapping[str, Any] = ask_about(
        task, PLUGIN, ["build_dag"], task.folder / "asimov", {}, status="ready", scratch=task.folder / "x"
    )
    return about


@pytest.fixture
def task(make_task: Callable[..., Task]) -> Task:
    return make_task(pipeline="toy")


def test_event_and_analysis_together_are_the_ledgers_document(task: Task) -> None:
    own = {"likelihood": {"sample rate": 4096}, "waveform": {"approximant": "XP"}, "comment": "mine", "needs": ["psd"]}
    task = replace(task, own=own, document=deep_merge(task.document, own))
    asked = told(task)["task"]
    event = asked["events"]["GW150914"]
    assert "sample rate" not in event["likelihood"]  # the analysis insists on another: what the event says is not known
    assert asked["own"] == {"likelihood": {"sample rate": 4096}, "waveform": {"approximant": "XP"}}
    merged = deep_merge(event, asked["own"])
    assert {key: merged[key] for key in ("data", "likelihood", "waveform", "priors")} == {
        key: task.document[key] for key in ("data", "likelihood", "waveform", "priors")
    }
    assert (merged["interferometers"], merged["event time"]) == (["H1", "L1"], 1126259462.4)
    assert asked["needs"] == ["psd"]


def test_data_that_a_needed_analysis_found_stand_where_plugins_look(task: Task, tmp_path: Path) -> None:
    files = {label: AssetFile(tmp_path / label) for label in ("H1.0", "H1.1", "L1")}
    needed = NeededAnalysis("found", "gwdata", {}, {"data files": files, "cache files": {"H1": AssetFile(tmp_path / "c")}})
    asked = told(replace(task, needed=(needed,)))["task"]
    data = asked["events"]["GW150914"]["data"]
    assert data["data files"] == {"H1": [f"{tmp_path}/H1.0", f"{tmp_path}/H1.1"], "L1": f"{tmp_path}/L1"}
    assert data["cache files"] == {"H1": f"{tmp_path}/c"}
    assert asked["needed"][0]["assets"]["frames"] == data["data files"]  # by the name that plugins of gwdata's time use


def test_kinds_are_those_of_asimov(task: Task) -> None:
    other = NeededAnalysis("pe", "bilby", {}, {}, input=True)
    assert kind_of(task) == "simple"
    assert kind_of(replace(task, needed=(other,))) == "subject"
    assert kind_of(replace(task, event="project")) == "project"


def test_places_lead_nowhere_out_of_the_attempt(task: Task) -> None:
    config = told(task)["config"]
    places = [config["general"][key] for key in ("git_default", "rundir_default", "webroot")]
    places += [*config["storage"].values(), config["logging"]["location"], config["project"]["root"]]
    assert all(Path(place).is_relative_to(task.folder) for place in places)
    assert Path(told(replace(task, analysis="asimov"))["task"]["rundir"]).name == "asimov-run"


def test_assets_survive_the_way_there_and_back(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).touch()
    reported = {
        "frames": {"H1": ["a", "b"]},
        "samples": ["c"],
        "config": "c",
        "psds": {"H1": "a", "L1": "missing"},
        "runs": ["a", "b"],
    }
    found = from_answer(reported, [], tmp_path, tmp_path / "own")
    assert as_asimov_says(found) == {
        "data files": {"H1": [str(tmp_path / "a"), str(tmp_path / "b")]},
        "frames": {"H1": [str(tmp_path / "a"), str(tmp_path / "b")]},
        "samples": str(tmp_path / "c"),
        "config": str(tmp_path / "c"),
        "psds": {"H1": str(tmp_path / "a")},
        "runs": [str(tmp_path / "a"), str(tmp_path / "b")],
    }


@pytest.mark.parametrize(
    ("said", "text", "values"),
    [
        (None, "", {}),
        ({"a.out": ("120it", "dlogz:0.5")}, "a.out: 120it dlogz:0.5", {"iterations": 120.0, "dlogz": 0.5}),
        ({"progress": 0.25, "left": 3}, "progress: 0.25; left: 3", {"progress": 0.25, "left": 3.0}),
        ("half done", "half done", {}),
    ],
)
def test_progress_in_any_form_is_read(said: Any, text: str, values: dict[str, float]) -> None:
    said = (
        {key: list(value) if isinstance(value, tuple) else value for key, value in said.items()}
        if isinstance(said, dict)
        else said
    )
    progress = read_progress(said)
    assert (progress.text, progress.values, progress.fraction) == (text, values, values.get("progress"))
