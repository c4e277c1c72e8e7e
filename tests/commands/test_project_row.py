"""The analyses that span events, under the name `project`, in every command that shows or steers analyses."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import yaml

from gwfollow.errors import InputError

Run = Callable[..., str]
JOINT = """
{kind: event, name: GW2, interferometers: [V1]}
---
{kind: analysis, name: psd, pipeline: psd, status: finished}
---
{kind: configuration, sampler: {sampler: dynesty}, pipelines: {pop: {scheduler: {request cpus: 4}}}}
---
{kind: projectanalysis, name: joint, pipeline: pop, subjects: [GW1, GW2], needs: [psd], likelihood: {sample rate: 512}}
"""


@pytest.fixture
def run(gwfollow: Run) -> Run:
    gwfollow("apply", "-f", "-", text=JOINT)
    return gwfollow


def test_its_document_is_made_of_the_projects_defaults_the_pipelines_and_its_own(run: Run) -> None:
    found = json.loads(run("show", "project/joint", "--json"))
    assert found["document"] == {
        "sampler": {"sampler": "dynesty"},
        "scheduler": {"request cpus": 4},
        "likelihood": {"sample rate": 512},
        "subjects": ["GW1", "GW2"],
        "needs": ["psd"],
    }
    assert found["waits for"] == ["GW1/psd is ready"]
    assert "joint" in run("show", "project")


def test_it_is_in_the_status_and_can_be_steered_and_archived(run: Run) -> None:
    assert "project" in run("status")
    assert run("set", "project/joint", "cancelled").strip() == "project/joint: ready -> cancelled"
    assert "project is archived" in run("archive", "project")
    assert "project" not in run("status")
    assert "joint" in run("status", "project")
    assert json.loads(run("journal", "project", "--json"))


def test_what_is_exported_is_applied_again(run: Run) -> None:
    exported = run("export")
    (joint,) = [one for one in yaml.safe_load_all(exported) if one["kind"] == "projectanalysis"]
    assert (joint["name"], joint["subjects"], "event" in joint) == ("joint", ["GW1", "GW2"], False)
    assert {line.split(":")[0] for line in run("apply", "-f", "-", text=exported).splitlines()} == {"unchanged"}


def test_an_analysis_of_another_kind_is_not_put_there(run: Run) -> None:
    with pytest.raises(InputError, match="kind: projectanalysis"):
        run("apply", "-e", "project", "-f", "-", text="{kind: analysis, name: a, pipeline: b}")
