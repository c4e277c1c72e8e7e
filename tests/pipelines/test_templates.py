"""Templates: ours in Jinja2, asimov's in Liquid, in a sandbox that shows neither secrets nor the machine."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment
from jinja2.parser import Parser

from gwfollow.errors import InputError, PipelineError
from gwfollow.pipelines import templates
from gwfollow.pipelines.bilby_inputs import gather

# in the dialect that asimov's templates use
ASIMOV_STYLE = """\
{%- assign meta = production.meta -%}
{%- assign likelihood = production.meta['likelihood'] -%}
{%- assign ifos = production.meta['interferometers'] -%}
{%- if production.event.repository -%}{%- assign top = production.event.repository.directory -%}{%- else -%}{%- assign top = "." -%}{%- endif -%}
# {{ production.event.name }} from {{ top }}
name={{ production.name }}
detectors={{ ifos }}
trigger-time={{ production.meta['event time'] }}
{%- if meta['data']['data files'].size > 0 %}
data-dict={ {% for ifo in ifos %}{{ifo}}:{{meta['data']['data files'][ifo]}},{% endfor %} }
{%- endif %}
{%- if production._previous_assets() contains "psds" %}
psd-dict={ {% for ifo in ifos %}{{ifo}}:{{production._previous_assets()['psds'][ifo]}},{% endfor %} }
{%- elsif meta contains "psds" %}
psd-dict=event
{%- endif %}
sampling-frequency={{ likelihood['sample rate'] | round }}
phase-marginalization={{ likelihood['marginalization']['phase'] | default: "False" }}
{%- if meta['priors'].keys() contains "chirp mass" %}
{%- assign p = meta['priors']['chirp mass'] %}
chirp={{ p['type'] | default: "Uniform" }}({{ p['minimum'] | default: 1 }}, {{ p['maximum'] | default: 100 }})
{%- endif %}
{% assign lookup = production.name+".TD.npz" -%}
table={{ likelihood['marginalization']['distance lookup'] | default: lookup }}
osg={{ meta['scheduler']['osg'] | default: False }}
user={{ config['condor']['user'] }}
"""


@pytest.fixture
def template(tmp_path: Path) -> Path:
    return tmp_path / "test.ini.j2"


def test_an_asimov_template_is_read_unchanged(make_task: Any, tmp_path: Path, psd_files: dict[str, Path]) -> None:
    path = tmp_path / "bilby.ini"
    path.write_text(ASIMOV_STYLE)
    task = make_task()
    lines = templates.render(task, path, psds=psd_files).splitlines()
    files = task.document["data"]["data files"]
    assert lines[:3] == ["# GW150914 from .", "name=bilby", "detectors=['H1', 'L1']"]
    assert "trigger-time=1126259462.4" in lines
    assert f"data-dict={{ H1:{files['H1']},L1:{files['L1']}, }}" in lines
    assert f"psd-dict={{ H1:{psd_files['H1']},L1:{psd_files['L1']}, }}" in lines
    assert "sampling-frequency=2048" in lines or "sampling-frequency=2048.0" in lines
    assert {"phase-marginalization=False", "chirp=Uniform(20, 45)", "table=bilby.TD.npz", "osg=False"} <= set(lines)


def test_the_asimov_template_that_bilby_pipe_brings_is_read_unchanged(make_task: Any, psd_files: dict[str, Path]) -> None:
    spec = importlib.util.find_spec("bilby_pipe")
    assert spec is not None
    assert spec.origin is not None
    path = Path(spec.origin).parent / "asimov" / "config.ini"
    if not path.is_file():
        pytest.skip("this bilby_pipe brings no asimov template")
    task = make_task(
        {
            "waveform": {"reference frequency": 20},
            "quality": {"minimum frequency": {"H1": 20, "L1": 20}, "maximum frequency": {"H1": 448, "L1": 448}},
            "data": {"frame types": {"H1": "H1_TEST", "L1": "L1_TEST"}},
        }
    )
    text = templates.render(task, path, pipeline=gather(task, "bilby"), psds=psd_files)
    assert "waveform-approximant=IMRPhenomD" in text
    assert "prior-dict = {chirp_mass = Uniform(minimum=20, maximum=45, name='chirp_mass')" in text


def test_liquid_leaves_jinja_as_it_was(make_task: Any, tmp_path: Path) -> None:
    path = tmp_path / "plain.liquid"
    path.write_text("a={{ production.name | default: 'x' }}")
    before = Parser.parse_if, Parser.parse_for
    for _ in range(2):
        assert templates.render(make_task(), path) == "a=bilby"
        assert (Parser.parse_if, Parser.parse_for) == before
    assert Environment().from_string("{% for x in (1, 2) if x > 1 %}{{ x }}{% endfor %}").render() == "2"


def test_a_value_that_is_not_given_may_be_tested_but_not_printed(make_task: Any, template: Path) -> None:
    template.write_text("{% if likelihood.roq.folder %}x{% endif %}{{ likelihood.roq.scale | default(3) }}")
    assert templates.render(make_task(), template) == "3"
    template.write_text("one = 1\ntwo = {{ likelihood.roq.folder }}\n")
    with pytest.raises(PipelineError, match=r"test\.ini\.j2.*roq\.folder is not given"):
        templates.render(make_task(), template)


@pytest.mark.parametrize("suffix", [".ini.j2", ".ini"])
@pytest.mark.parametrize(
    "attack",
    [
        "{{ production.__class__.__mro__ }}",
        "{{ production.get_meta.__globals__ }}",
        "{{ ''.__class__.__base__.__subclasses__() }}",
        "{{ config.__init__.__globals__['os'].environ }}",
        "{{ production.meta.update({'name': 'other'}) }}",
        "{% include '/etc/passwd' %}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    ],
)
def test_templates_reach_nothing_but_their_variables(make_task: Any, tmp_path: Path, attack: str, suffix: str) -> None:
    path = tmp_path / f"attack{suffix}"
    path.write_text(attack)
    with pytest.raises(PipelineError):
        templates.render(make_task(), path)


def test_the_environment_is_not_shown(make_task: Any, template: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_GRACEDB", "canary-31415")
    template.write_text("{{ production }} {{ config }} {{ pipeline }} {{ ifos }}")
    assert "canary" not in templates.render(make_task(), template)
    assert os.environ["AIRFLOW_CONN_GRACEDB"] == "canary-31415"


def test_a_template_cannot_change_the_task(make_task: Any, template: Path) -> None:
    task = make_task()
    template.write_text("{% set _ = production.meta.likelihood.pop('sample rate') %}")
    with pytest.raises(PipelineError):
        templates.render(task, template)
    assert task.get("likelihood.sample rate") == 2048


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("IMRPhenomD\nsubmit=True", "without line breaks"),
        ("IMRPhenomD\rsubmit=True", "without line breaks"),
        ("IMRPhenomD\u2028submit=True", "without line breaks"),
        ("IMRPhenomD\x00", "without line breaks"),
        ("IMRPhenomD # rest", "begins a comment"),
        ("{", "paired braces"),
        ("IMRPhenomD,", "no comma at its end"),
    ],
)
def test_a_value_that_breaks_out_of_its_line_is_refused_by_its_name(
    make_task: Any, template: Path, value: str, expected: str
) -> None:
    template.write_text("ok")
    with pytest.raises(InputError, match=rf"^waveform\.approximant: .*{expected}"):
        templates.render(make_task({"waveform": {"approximant": value}}), template)


def test_a_key_that_breaks_out_of_its_line_is_refused(make_task: Any, template: Path) -> None:
    template.write_text("ok")
    with pytest.raises(InputError, match="a key"):
        templates.render(make_task({"waveform": {"arguments": {"a\nsubmit": 1}}}), template)


def test_comments_for_people_may_have_lines_and_are_not_shown(make_task: Any, template: Path) -> None:
    template.write_text("{{ production.meta.comment | default('none') }}")
    assert templates.render(make_task({"comment": "first\nsecond # third"}), template) == "none"


def test_a_syntax_error_names_the_template_and_the_line(make_task: Any, template: Path) -> None:
    template.write_text("fine\n{% if %}\n")
    with pytest.raises(PipelineError, match=r"test\.ini\.j2, line 2"):
        templates.render(make_task(), template)


def test_templates_are_found_by_name_and_by_absolute_path(tmp_path: Path) -> None:
    configs = tmp_path / "configs"
    configs.mkdir()
    (configs / "own.ini.j2").write_text("")
    (tmp_path / "elsewhere.ini").write_text("")
    assert templates.find_template(configs, "own.ini.j2") == configs / "own.ini.j2"
    assert templates.find_template(configs, str(tmp_path / "elsewhere.ini")) == tmp_path / "elsewhere.ini"


@pytest.mark.parametrize("name", ["../elsewhere.ini", "link.ini", "missing.ini", "/no/such/file.ini", ".", "a\0b"])
def test_relative_names_do_not_leave_the_folder(tmp_path: Path, name: str) -> None:
    configs = tmp_path / "configs"
    configs.mkdir()
    (tmp_path / "elsewhere.ini").write_text("secret")
    (configs / "link.ini").symlink_to(tmp_path / "elsewhere.ini")
    with pytest.raises(InputError, match=r"^template: "):
        templates.find_template(configs, name)
