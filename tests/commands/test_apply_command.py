"""``gwfollow apply``"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from gwfollow.cli import group
from gwfollow.errors import InputError

Run = Callable[..., str]
RIFT = "{kind: analysis, name: rift, pipeline: psd}"


def test_a_dry_run_says_what_would_happen_and_stores_nothing(gwfollow: Run) -> None:
    before = gwfollow("journal", "--json")
    assert gwfollow("apply", "-f", "-", "-e", "GW1", "--dry-run", text=RIFT) == "would be added: analysis GW1/rift\n"
    assert gwfollow("journal", "--json") == before
    assert "rift" not in gwfollow("status")


def test_a_dry_run_refuses_what_apply_would_refuse(gwfollow: Run) -> None:
    with pytest.raises(InputError, match="with another content"):
        gwfollow("apply", "-f", "-", "-e", "GW1", "--dry-run", text="{kind: analysis, name: psd, pipeline: bilby}")


def test_the_event_of_the_option_must_be_a_name(gwfollow: Run) -> None:
    with pytest.raises(InputError, match=r"-e EVENT: found '../x'"):
        gwfollow("apply", "-f", "-", "-e", "../x", text=RIFT)


def test_update_names_what_changed(gwfollow: Run) -> None:
    text = "{kind: analysis, name: psd, pipeline: psd, event: GW1, likelihood: {psd length: 8}}"
    assert gwfollow("apply", "-f", "-", "--update", text=text) == "changed: analysis GW1/psd (likelihood)\n"


def test_long_files_are_counted(gwfollow: Run) -> None:
    text = "\n---\n".join(RIFT.replace("rift", f"rift-{n}") for n in range(51))
    assert gwfollow("apply", "-f", "-", "-e", "GW1", text=text) == "added: 51 of kind analysis\n"


def test_json_says_what_became_of_each_document_and_what_a_person_should_know(gwfollow: Run) -> None:
    text = RIFT.replace("rift", "rift one") + "\n---\n{kind: analysis, name: psd, pipeline: psd}"
    said = json.loads(gwfollow("apply", "-f", "-", "-e", "GW1", "--json", text=text))
    assert said == {
        "dry_run": False,
        "documents": [
            {"kind": "analysis", "name": "GW1/rift-one", "verdict": "added", "keys": []},
            {"kind": "analysis", "name": "GW1/psd", "verdict": "unchanged", "keys": []},
        ],
        "work": ["GW1"],
        "warnings": ["standard input, document 1 (analysis rift one): the name 'rift one' has spaces; it was read as 'rift-one'"],
    }
    assert json.loads(gwfollow("apply", "-f", "-", "-e", "GW1", "--json", "--dry-run", text=RIFT))["dry_run"] is True


def test_the_event_of_the_option_may_have_the_spaces_that_its_blueprint_had(gwfollow: Run) -> None:
    gwfollow("apply", "-f", "-", text="{kind: event, name: my event}")
    assert gwfollow("apply", "-f", "-", "-e", "my event", text=RIFT) == "added: analysis my-event/rift\n"


def test_the_same_warning_about_many_documents_is_told_once_with_their_number(gwfollow: Run) -> None:
    text = "\n---\n".join(f"{{kind: analysis, name: a {n}, pipeline: psd, approximant: X}}" for n in range(51))
    done = CliRunner().invoke(group, ["apply", "-f", "-", "-e", "GW1"], input=text)
    lines = done.stderr.splitlines()
    assert len(lines) == 51 + 1  # each name is another one
    assert [line for line in lines if "more like it" in line] == [
        "warning: standard input, document 1 (analysis a 0): approximant is deprecated; it was read as waveform.approximant "
        "(and 50 more like it)"
    ]


def test_addresses_are_of_the_hosts_of_the_settings(gwfollow: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GWFOLLOW_BLUEPRINT_HOSTS", "good.example, other.example:8443")
    with pytest.raises(InputError, match=r"evil.example:443 is not among the hosts .* \(good.example, other.example:8443\)"):
        gwfollow("apply", "-f", "https://evil.example/x.yaml")


def test_a_need_of_another_file_waits_for_it_with_later(gwfollow: Run, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("{kind: analysis, name: pe, pipeline: psd, needs: [calibration]}")
    with pytest.raises(InputError, match=r"found 'calibration', expected .*--later"):
        gwfollow("apply", "-f", str(path), "-e", "GW1")
    assert gwfollow("apply", "-f", str(path), "-e", "GW1", "--later") == "added: analysis GW1/pe\n"


def test_post_processings_and_project_analyses_are_a_line_each(gwfollow: Run) -> None:
    text = """
kind: postprocessing
name: pages
analyses: [pipeline:bilby]
stages: [{name: all, pipeline: pesummary}]
---
kind: projectanalysis
name: catalogue
pipeline: psd
subjects: [GW1]
"""
    assert gwfollow("apply", "-f", "-", text=text).splitlines() == [
        "added: postprocessing pages",
        "added: projectanalysis project/catalogue",
        "added: analysis GW1/pages-all",
    ]
