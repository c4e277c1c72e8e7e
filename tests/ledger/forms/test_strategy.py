"""Matrices of analyses."""

from __future__ import annotations

from typing import Any

import pytest

from gwfollow.errors import InputError
from gwfollow.ledger.forms.strategy import MAX_COMBINATIONS, expand


def made(**document: Any) -> list[dict[str, Any]]:
    return [found for found, _ in expand(document, "f, document 1")]


def test_a_document_without_a_matrix_stands_for_itself() -> None:
    assert made(name="a", pipeline="psd") == [{"name": "a", "pipeline": "psd"}]


def test_every_combination_is_an_analysis_named_by_the_template_in_the_order_of_the_keys() -> None:
    found = made(
        name="pe-{waveform.approximant}-{sampler.sampler}",
        waveform={"arguments": {"x": 1}},
        strategy={"waveform.approximant": ["A", "B"], "sampler.sampler": ["dynesty", "emcee"]},
    )
    assert [one["name"] for one in found] == ["pe-A-dynesty", "pe-A-emcee", "pe-B-dynesty", "pe-B-emcee"]
    assert found[1] == {
        "name": "pe-A-emcee",
        "waveform": {"arguments": {"x": 1}, "approximant": "A"},
        "sampler": {"sampler": "emcee"},
    }


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ([True, False], ["a-true", "a-false"]),
        ([20, 50.5, 1e-3], ["a-20", "a-50.5", "a-0.001"]),
        ([None, "x y"], ["a-null", "a-x y"]),
    ],
)
def test_values_stand_in_names_as_yaml_writes_them(values: list[Any], names: list[str]) -> None:
    found = made(name="a-{likelihood.marginalization.distance}", strategy={"likelihood.marginalization.distance": values})
    assert [one["name"] for one in found] == names
    assert [one["likelihood"]["marginalization"]["distance"] for one in found] == values


def test_combinations_share_nothing_and_the_document_stays() -> None:
    document = {"name": "a-{x.y}", "x": {"z": 1}, "strategy": {"x.y": [1, 2]}}
    first, second = made(**document)
    assert [first["x"], second["x"]] == [{"z": 1, "y": 1}, {"z": 1, "y": 2}]
    assert document == {"name": "a-{x.y}", "x": {"z": 1}, "strategy": {"x.y": [1, 2]}}


def test_a_matrix_over_events_may_have_one_name() -> None:
    found = made(name="a", strategy={"event": ["GW1", "GW2"]})
    assert [(one["event"], one["name"]) for one in found] == [("GW1", "a"), ("GW2", "a")]


def test_a_key_with_one_value_need_not_be_in_the_name() -> None:
    (only,) = made(name="a", strategy={"x.y": [1]})
    assert only == {"name": "a", "x": {"y": 1}}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (
            {"name": "pe-{a}", "strategy": {"a": [1, 2], "b.c": [3, 4]}},
            "f, document 1, name: found 'pe-{a}', expected {b.c} in it: without that the name is the same for several values of b.c",
        ),
        ({"name": "pe-{b}", "strategy": {"a": [1]}}, "f, document 1, name: found '{b}', expected a key of the strategy (a)"),
        (
            {"name": "pe-{a}", "strategy": {"a": [[1], [2]]}},
            "name: found '{a}', expected a key whose values are words or numbers",
        ),
        ({"name": "pe-{a}", "strategy": {"a": [1, 1]}}, "'pe-1' stands for two (a value is there twice)"),
        ({"name": "pe-{a}", "strategy": {"a": [1, "1"]}}, "'pe-1' stands for two (a 1 and '1')"),
        ({"name": 3, "strategy": {"a": [1]}}, "name: found 3, expected a template"),
        ({"strategy": {"a": [1]}}, "name: found None, expected a template"),
        ({"name": "a", "strategy": {}}, "strategy: found {}, expected a mapping"),
        ({"name": "a", "strategy": None}, "strategy: found None, expected a mapping"),
        ({"name": "a", "strategy": ["x"]}, "strategy: found ['x'], expected a mapping"),
        ({"name": "a", "strategy": {"a.b": 4}}, "strategy.a.b: found 4, expected a list of values, at least one"),
        ({"name": "a", "strategy": {"a": []}}, "strategy.a: found [], expected a list of values, at least one"),
        ({"name": "a", "strategy": {"a..b": [1]}}, "expected the path of a value"),
        ({"name": "a", "strategy": {"name": ["b", "c"]}}, "strategy.name: found 'name', expected the path of a value"),
        ({"name": "a", "strategy": {"kind.x": [1]}}, "strategy.kind.x"),
        (
            {"name": "a", "waveform": 4, "strategy": {"waveform.x": [1]}},
            "strategy.waveform.x: found 4, expected a mapping at 'waveform'",
        ),
        (
            {"name": "{a}-{b}", "strategy": {"a": list(range(30)), "b": list(range(30))}},
            f"strategy: found '900 combinations', expected a matrix of at most {MAX_COMBINATIONS}",
        ),
    ],
)
def test_a_matrix_that_cannot_be_meant_is_refused(document: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as error:
        made(**document)
    assert message in str(error.value)
