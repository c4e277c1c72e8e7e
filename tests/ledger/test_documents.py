"""The documents of events, analyses and the project."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from gwfollow.errors import InputError
from gwfollow.ledger import documents
from gwfollow.ledger.documents import AnalysisDocument, ConfigurationDocument, EventDocument, ProjectAnalysisDocument, validate


def event(**more: Any) -> dict[str, Any]:
    return validate(EventDocument, {"name": "GW150914"} | more, "blueprint x, document 1")[0]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"event time": "yesterday"}, "event time: found 'yesterday', expected a number above 0 and below 1e+10 (GPS s)"),
        ({"event time": True}, "expected a number above 0"),
        ({"event time": float("nan")}, "expected a finite number"),
        ({"event time": -3}, "found -3, expected a number above 0"),
        ({"interferometers": ["H1", "hanford"]}, "interferometers.1: found 'hanford'"),
        ({"interferometers": "H1"}, "interferometers: found 'H1', expected a valid list"),
        ({"likelihood": {"sample rate": "fast"}}, "likelihood.sample rate: found 'fast', expected a number above 0 (Hz)"),
        ({"likelihood": {"sample rate": 0}}, "found 0, expected a number above 0 (Hz)"),
        ({"likelihood": {"minimum frequency": 20}}, "minimum frequency: found 20, expected a mapping from detectors"),
        ({"likelihood": {"minimum frequency": {"Hanford": 20}}}, "minimum frequency.Hanford"),
        (
            {"likelihood": {"minimum frequency": {"H1": 20}, "maximum frequency": {"H1": 10}}},
            "likelihood.maximum frequency: found {'H1': 10}, expected more than the minimum frequency (20 Hz) for H1",
        ),
        ({"likelihood": {"sample rate": 1024, "maximum frequency": {"H1": 896}}}, "at most half the sample rate (512 Hz) for H1"),
        ({"likelihood": 4}, "likelihood: found 4, expected a mapping"),
        ({"likelihood": {"psd length": 4, "psd-length": 8}}, "the key 'psd length' once, not in two spellings"),
        ({"data": {"segment length": -4}}, "data.segment length: found -4, expected a number above 0 (s)"),
        (
            {"priors": {"chirp mass": {"minimum": 40, "maximum": 20}}},
            "priors.chirp mass.maximum: found 20, expected more than the minimum (40)",
        ),
        ({"priors": {"chirp mass": [40, 20]}}, "priors.chirp mass: found [40, 20], expected [minimum, maximum]"),
        ({"priors": {"chirp mass": {"minimum": []}}}, "priors.chirp mass.minimum: found [], expected a number, or an expression"),
        ({"scheduler": {"request cpus": 0.5}}, "scheduler.request cpus: found 0.5, expected a whole number of at least 1"),
        ({"scheduler": {"request cpus": float(2**80)}}, "scheduler.request cpus"),
        (
            {"scheduler": {"request memory": "lots"}},
            "scheduler.request memory: found 'lots', expected a number above 0, or one with a unit",
        ),
        ({"scheduler": {"accounting group": "ligo.dev\nqueue 100"}}, "text without line breaks"),
        ({"scheduler": {"accounting group": "a b; rm -rf /"}}, "scheduler.accounting group"),
        ({"waveform": {"approximant": "IMR\x00"}}, "waveform.approximant: found 'IMR\\x00', expected text without line breaks"),
        ({"data": {"channels": {"H1": "H1:X\n[injected]"}}}, "data.channels.H1"),
        ({"anything": {"deep": ["ok", "not\x1b[31m"]}}, "anything.deep[1]"),
        ({"any\nkey": 1}, "expected a key that is text without control characters"),
        ({"webdir": "a\u2028b"}, "text without line breaks"),
        ({"big": 2**70}, "a whole number beyond 64 bits"),
        ({"when": object()}, "expected text, a number"),
    ],
)
def test_a_wrong_value_is_named_with_its_path_and_what_was_expected(document: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as error:
        event(**document)
    assert message in str(error.value)
    assert str(error.value).startswith("blueprint x, document 1")


@pytest.mark.parametrize(
    "name", ["../x", "a/b", "a b", "a'b", 'a"b', "a\nb", "", ".hidden", "-x", "a;b", "a$b", "é", "x" * 100, "a\n", None, 3, "a+b"]
)
def test_names_that_are_no_folder_or_id_are_refused(name: object) -> None:
    with pytest.raises(InputError, match="name: found"):
        event(name=name)
    with pytest.raises(InputError, match="name: found"):
        validate(AnalysisDocument, {"name": name, "pipeline": "psd"}, "x")


@pytest.mark.parametrize("name", ["GW150914_095045", "S190426l", "bilby-IMRPhenomXPHM", "Prod0", "v1.2", "x" * 99])
def test_names_of_the_field_are_taken(name: str) -> None:
    assert event(name=name)["name"] == name


def test_a_missing_pipeline_is_named() -> None:
    with pytest.raises(InputError, match="x, pipeline: found None, expected a value"):
        validate(AnalysisDocument, {"name": "a"}, "x")


def test_older_spellings_of_keys_are_read() -> None:
    read = event(**{"event_time": 1126259462.4, "likelihood": {"window-length": 4, "psd_length": 8}})
    assert read == {"name": "GW150914", "event time": 1126259462.4, "likelihood": {"window length": 4, "psd length": 8}}


def test_numbers_in_quotes_are_numbers_and_whole_ones_stay_whole() -> None:
    read = event(likelihood={"sample rate": 2048, "start frequency": "13.3"})
    assert read["likelihood"] == {"sample rate": 2048, "start frequency": 13.3}
    assert isinstance(read["likelihood"]["sample rate"], int)


def test_memory_keeps_its_unit() -> None:
    read = event(scheduler={"request memory": "4GB", "request disk": "100 MB", "request post memory": 2.0})
    assert read["scheduler"] == {"request memory": "4 GB", "request disk": "100 MB", "request post memory": 2.0}


def test_other_keys_are_kept_for_pipelines_and_templates() -> None:
    more = {
        "supress": {"V1": {"lower": 49.5}},
        "sampler": {"ile": {"n eff": 10}},
        "priors": {"phase": {"type": "Uniform", "latex": "x"}},
    }
    assert event(**more) == {"name": "GW150914"} | more


def test_a_key_that_looks_misspelt_is_kept_with_a_warning() -> None:
    read, warnings = validate(EventDocument, {"name": "a", "liklihood": {"x": 1}}, "place")
    assert read["liklihood"] == {"x": 1}
    assert warnings == ["place: key 'liklihood' is kept, but nothing here reads it; is 'likelihood' meant?"]


def test_frequencies_in_quality_move_to_the_likelihood_with_a_warning() -> None:
    quality = {"minimum frequency": {"H1": 20}, "state vector": {"H1": "H1:V"}}
    read, warnings = validate(ConfigurationDocument, {"quality": quality, "pipelines": {"bilby": {"quality": quality}}}, "place")
    for part in (read, read["pipelines"]["bilby"]):
        assert part == {"quality": {"state vector": {"H1": "H1:V"}}, "likelihood": {"minimum frequency": {"H1": 20}}} | {
            key: part[key] for key in part.keys() & {"pipelines"}
        }
    assert warnings == [
        f"place: {within}quality.minimum frequency is deprecated; it was read as {within}likelihood.minimum frequency"
        for within in ("", "pipelines.bilby.")
    ]


def test_a_frequency_in_the_likelihood_wins_over_the_deprecated_one() -> None:
    read = event(quality={"minimum frequency": {"H1": 10}}, likelihood={"minimum frequency": {"H1": 20}})
    assert read["likelihood"]["minimum frequency"] == {"H1": 20}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"refreshable": "yes"}, "refreshable: found 'yes', expected true or false"),
        ({"review before publishing": 1}, "review before publishing: found 1, expected true or false"),
        ({"labels": ["interesting"]}, "labels: found ['interesting'], expected a mapping from labels to words or numbers"),
        ({"labels": {"a": {"b": 1}}}, "expected a mapping from labels to words or numbers"),
        ({"labels": {"a>=1": 1}}, "expected labels of letters, digits, spaces"),
        ({"analyses": "psd"}, "analyses: found 'psd', expected a valid list"),
    ],
)
def test_keys_of_an_analysis_that_gwfollow_reads_itself_are_checked(document: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as error:
        validate(AnalysisDocument, {"name": "a", "pipeline": "psd"} | document, "x")
    assert message in str(error.value)


def test_a_project_analysis_names_each_of_its_events_once() -> None:
    base = {"name": "a", "pipeline": "psd"}
    assert validate(ProjectAnalysisDocument, base | {"subjects": ["A", "B"]}, "x")[0]["subjects"] == ["A", "B"]
    for subjects, message in ((["A", "A"], "each event once"), ([], "at least 1 item"), (["../A"], "subjects.0: found '../A'")):
        with pytest.raises(InputError, match=message):
            validate(ProjectAnalysisDocument, base | {"subjects": subjects}, "x")
    with pytest.raises(InputError, match="subjects: found None, expected a value"):
        validate(ProjectAnalysisDocument, base, "x")


def test_an_empty_section_says_nothing() -> None:
    assert event(scheduler=None) == {"name": "GW150914"}


def test_a_comment_may_have_several_lines() -> None:
    assert event(comment="one\ntwo")["comment"] == "one\ntwo"
    with pytest.raises(InputError, match="comment"):
        event(comment="one\x07")


def test_every_number_with_a_unit_says_it_in_its_description() -> None:
    units = {"Hertz": "Hz", "Seconds": "s", "GPS": "GPS s"}
    models = [m for m in vars(documents).values() if isinstance(m, type) and issubclass(m, BaseModel)]
    checked = 0
    for model in models:
        for name, annotation in model.__annotations__.items():
            for kind, unit in units.items():
                if str(annotation).startswith(kind):
                    description = model.model_fields[name].description or ""
                    assert description.startswith(unit), f"{model.__name__}.{name}"
                    checked += 1
    assert checked > 10
