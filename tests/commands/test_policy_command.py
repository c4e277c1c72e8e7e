"""``gwfollow policy``"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from gwfollow.cli import group
from gwfollow.errors import GWFollowError, InputError
from stories import internal, minute, notice, superevent

NAME = "S250101a"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., str]:
    """Runs a command without any ledger; gives what it printed and raises what it raised."""
    for name in ("GWFOLLOW_ALERT_POLICY", "GWFOLLOW_CONFIGS", "GWFOLLOW_LEDGER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GWFOLLOW_HOME", str(tmp_path / "nothing here"))

    def invoke(*arguments: str) -> str:
        done = CliRunner().invoke(group, ["policy", *arguments])
        if isinstance(done.exception, GWFollowError):
            raise done.exception
        assert done.exit_code == 0, (done.output, done.exception)
        assert not (tmp_path / "nothing here").exists()
        return done.stdout

    return invoke


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """The history of a binary black hole, the last message first."""
    messages = {"initial.json": notice(NAME, "initial", minute(1)), "new.json": internal(NAME, "new", **superevent())}
    for name, raw in messages.items():
        (tmp_path / name).write_bytes(raw)
    return [str(tmp_path / name) for name in messages]


def test_check_reads_the_policy_and_renders_every_template(run: Callable[..., str]) -> None:
    assert "8 rules, 4 templates, all right" in run("check")


@pytest.mark.parametrize(
    ("analysis", "words"),
    [
        (
            "pipeline: omegascan\nscan: {channel set: {{ ifo }}_strian}",
            r"scan, channel set: found 'V1_strian', expected one of H1_strian, L1_strian in",
        ),
        (
            "pipeline: dataquality\nchecks: {windw: 2, start: {{ t_start | tojson }}}",
            r"no key is called 'windw', expected one of file, group, pipeline, start, end, window,",
        ),
    ],
)
def test_check_asks_the_pipelines_about_what_the_templates_give_for_any_detector(
    run: Callable[..., str], checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, analysis: str, words: str
) -> None:
    for folder in ("blueprints", "channel_sets"):
        (tmp_path / folder).mkdir()
    for ifo in ("H1", "L1"):
        text = f"{{ifo: {ifo}, channels: ['{ifo}:A'], frame types: {{{ifo}_R: {{look up: [{{folder: /frames}}]}}}}}}"
        (tmp_path / "channel_sets" / f"{ifo}_strian.yaml").write_text(text)
    shutil.copy(checkout / "include" / "configs" / "state_checks.yaml", tmp_path)
    loop = (
        "kind: event\nname: {{ name }}\n{% for ifo in instruments %}---\nkind: analysis\nname: a-{{ ifo }}\n"
        + analysis
        + "\n{% endfor %}"
    )
    (tmp_path / "blueprints" / "t.j2").write_text(loop)
    (tmp_path / "alert_policy.yaml").write_text("rules: [{name: a, do: {apply: [t.j2]}}]")
    monkeypatch.setenv("GWFOLLOW_CONFIGS", str(tmp_path))
    with pytest.raises(InputError, match=rf"template t\.j2 for S250101a, document \d \(analysis a-[HV]1\), .*{words}"):
        run("check")


def test_check_finds_a_template_that_cannot_be_rendered(
    run: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "blueprints").mkdir()
    (tmp_path / "blueprints" / "t.j2").write_text("kind: analysis\nname: a\npipeline: psd\nx: {{ classification.BBH }}\n")
    (tmp_path / "alert_policy.yaml").write_text("rules: [{name: a, do: {apply: [t.j2]}}]")
    monkeypatch.setenv("GWFOLLOW_CONFIGS", str(tmp_path))
    with pytest.raises(InputError, match=r"template t\.j2: 'None' has no attribute 'BBH'"):
        run("check")


def test_check_warns_of_a_template_that_gives_nothing(
    run: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "blueprints").mkdir()
    loop = "{% for ifo in DETECTORS %}---\nkind: analysis\nname: a-{{ ifo }}\npipeline: psd\n{% endfor %}"
    (tmp_path / "blueprints" / "some.j2").write_text(loop.replace("DETECTORS", "instruments or []"))
    (tmp_path / "blueprints" / "none.j2").write_text(loop.replace("DETECTORS", "[]"))
    (tmp_path / "alert_policy.yaml").write_text("rules: [{name: a, do: {apply: [some.j2, none.j2]}}]")
    monkeypatch.setenv("GWFOLLOW_CONFIGS", str(tmp_path))
    done = CliRunner().invoke(group, ["policy", "check"])
    assert done.stderr == "warning: template none.j2 gives nothing for any example\n"
    assert "2 templates, all right" in done.stdout


def test_explain_says_what_every_rule_says_and_what_would_be_done(run: Callable[..., str], files: list[str]) -> None:
    text = run("explain", *files)
    assert "S250101a: what its alerts say" in text
    assert "preferred event    G100001" in text
    assert "  no  mock                   none of: category is Production, not Test or MDC; role is observation, not test" in text
    assert "  yes significant-bbh        event, apply alert-bbh.yaml.j2" in text
    assert "analysis psd: psd, ready (alert-psd.yaml.j2, rule significant-cbc)" in text
    assert "analysis pesummary-bbh: pesummary, ready (alert-bbh.yaml.j2, rule significant-bbh)" in text


def test_explain_for_programs_says_the_same(run: Callable[..., str], files: list[str]) -> None:
    (told,) = json.loads(run("explain", "--json", *files))
    assert (told["event"], told["follow"], told["state"]["far"]) == (NAME, True, 1e-10)
    assert [rule["rule"] for rule in told["rules"] if rule["matched"]] == ["significant-cbc", "significant-bbh"]
    scans = [f"scan-{ifo}_{channels}" for ifo in ("H1", "L1") for channels in ("strain", "reduced")]
    assert list(told["analyses"]) == ["state-checks", *scans, "get-data", "psd", "bilby-bbh", "pesummary-bbh"]


def test_explain_of_a_retracted_event_says_that_all_is_stopped(run: Callable[..., str], files: list[str], tmp_path: Path) -> None:
    (tmp_path / "gone.json").write_bytes(notice(NAME, "retraction", minute(5)))
    text = run("explain", *files, str(tmp_path / "gone.json"))
    assert "all that was started is stopped: retracted by a public retraction" in text
    assert "analysis psd: psd, cancelled" in text


def test_explain_of_what_nobody_follows(run: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "label.json").write_bytes(internal(NAME, "label_added", {"name": "DQV"}))
    text = run("explain", str(tmp_path / "label.json"))
    assert "group is unknown" in text
    assert "what would be done: nothing, the event is not followed" in text


def test_explain_refuses_what_is_no_alert(run: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "no.json").write_text("{}")
    with pytest.raises(InputError, match=r"no\.json"):
        run("explain", str(tmp_path / "no.json"))
    with pytest.raises(InputError, match="No such file"):
        run("explain", str(tmp_path / "none.json"))


def test_every_recorded_alert_is_explained_or_refused_with_a_reason(run: Callable[..., str], shared: Path) -> None:
    explained, refused = 0, 0
    files = sorted((shared / "data" / "alerts").iterdir())
    for file in files:
        try:
            assert "what would be done" in run("explain", str(file))
            explained += 1
        except InputError as error:
            refused += file.name in str(error)
    assert explained > refused > 0
    assert explained + refused == len(files)
