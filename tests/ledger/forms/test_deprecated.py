"""Keys at older places."""

from __future__ import annotations

from typing import Any

import pytest

from gwfollow.ledger.documents import AnalysisDocument, ConfigurationDocument, EventDocument, validate
from gwfollow.ledger.forms.deprecated import MOVES, move

PLACES: list[tuple[str, str, Any]] = [
    ("quality.minimum frequency", "likelihood.minimum frequency", {"H1": 20}),
    ("quality.lower-frequency", "likelihood.minimum frequency", {"H1": 20}),
    ("quality.maximum frequency", "likelihood.maximum frequency", {"H1": 448}),
    ("quality.sample-rate", "likelihood.sample rate", 1024),
    ("quality.sample rate", "likelihood.sample rate", 1024),
    ("quality.start-frequency", "likelihood.start frequency", 13.3),
    ("quality.segment start", "likelihood.segment start", 1126259460.4),
    ("quality.window_length", "likelihood.window length", 4),
    ("quality.psd-length", "likelihood.psd length", 4),
    ("quality.segment-length", "data.segment length", 4),
    ("quality.reference-frequency", "waveform.reference frequency", 3),
    ("data.segment start", "likelihood.segment start", 1126259460.4),
    ("calibration", "data.calibration", {"H1": "H1.dat"}),
    ("likelihood.roll off", "likelihood.roll off time", 0.4),
    ("likelihood.marginalisation", "likelihood.marginalization", {"time": True}),
    ("likelihood.marginalization.Calibration", "likelihood.marginalization.calibration", True),
    ("approximant", "waveform.approximant", "IMRPhenomD"),
    ("cip jobs", "sampler.cip jobs", 4),
    ("cip-jobs", "sampler.cip jobs", 4),
    ("lmax", "sampler.lmax", 4),
    ("nparallel", "sampler.parallel jobs", 4),
    ("productions", "analyses", ["a"]),
]


@pytest.mark.parametrize(("old", "new", "value"), PLACES)
def test_a_value_at_an_older_place_is_read_at_the_present_one_and_told(old: str, new: str, value: Any) -> None:
    read, warnings = validate(AnalysisDocument, {"name": "a", "pipeline": "psd"} | nested(old, value), "f")
    assert at(read, new) == value
    assert at(read, old) is None
    said = old.replace("-", " ").replace("_", " ")
    assert warnings == [f"f: {said} is deprecated; it was read as {new}"]


def test_every_move_is_tried_here() -> None:
    tried = {old.replace("-", " ").replace("_", " ") for old, _, _ in PLACES}
    one_for_all = {"quality.lowest minimum frequency", "quality.high frequency", "quality.upper frequency"}
    assert {".".join(old) for old, _ in MOVES} == tried | one_for_all


@pytest.mark.parametrize("key", ["high-frequency", "upper-frequency", "high frequency"])
def test_one_frequency_for_all_is_given_to_each_detector(key: str) -> None:
    read, warnings = validate(EventDocument, {"name": "a", "interferometers": ["H1", "L1"], "quality": {key: 448}}, "f")
    assert read["likelihood"] == {"maximum frequency": {"H1": 448, "L1": 448}}
    assert "is deprecated; it was read as likelihood.maximum frequency" in warnings[0]


def test_the_lowest_frequency_of_all_is_given_to_each_detector() -> None:
    read, _ = move({"interferometers": ["H1"], "quality": {"lowest minimum frequency": 20}})
    assert read["likelihood"] == {"minimum frequency": {"H1": 20}}


def test_one_frequency_for_all_without_detectors_stays_and_is_told() -> None:
    read, warnings = validate(EventDocument, {"name": "a", "quality": {"high-frequency": 448}}, "f")
    assert "likelihood" not in read
    assert warnings == [
        "f: quality.high frequency is deprecated and not read; write likelihood.maximum frequency for each detector"
    ]


def test_defaults_of_pipelines_move_too_and_the_warning_names_the_pipeline() -> None:
    read, warnings = validate(ConfigurationDocument, {"pipelines": {"bilby": {"approximant": "X"}, "psd": None}}, "f")
    assert read["pipelines"] == {"bilby": {"waveform": {"approximant": "X"}}, "psd": None}
    assert warnings == ["f: pipelines.bilby.approximant is deprecated; it was read as pipelines.bilby.waveform.approximant"]


def test_the_present_place_wins() -> None:
    read, warnings = move({"approximant": "Old", "waveform": {"approximant": "New"}})
    assert read == {"waveform": {"approximant": "New"}}
    assert warnings == ["approximant is deprecated and not read: waveform.approximant is there too"]


def test_the_reference_frequency_of_the_likelihood_is_read_where_it_stands() -> None:
    document = {"likelihood": {"reference frequency": 20}}
    read, warnings = move(document)
    assert read == document
    assert warnings == [
        "likelihood.reference frequency is deprecated; it is read, but its new place is waveform.reference frequency"
    ]


def test_other_names_of_the_scheduler_are_read_without_a_word() -> None:
    scheduler = {"accounting group user": "albert.einstein", "type": "local", "environment variables": {"A": "1"}}
    read, warnings = validate(AnalysisDocument, {"name": "a", "pipeline": "psd", "scheduler": scheduler}, "f")
    assert read["scheduler"] == {"accounting user": "albert.einstein", "name": "local", "environment": {"A": "1"}}
    assert warnings == []


@pytest.mark.parametrize(
    "document", [{"approximant": "X", "waveform": 4}, {"pipelines": [1]}, {"quality": []}, {"calibration": None}]
)
def test_what_has_another_shape_is_left_to_the_check_of_the_document(document: dict[str, Any]) -> None:
    move(document)


def test_the_given_document_is_not_touched() -> None:
    document = {"quality": {"sample-rate": 1024}, "likelihood": {}}
    move(document)
    assert document == {"quality": {"sample-rate": 1024}, "likelihood": {}}


def nested(path: str, value: Any) -> dict[str, Any]:
    first, _, rest = path.partition(".")
    return {first: nested(rest, value) if rest else value}


def at(document: Any, path: str) -> Any:
    for key in path.split("."):
        document = document.get(key) if isinstance(document, dict) else None
    return document
