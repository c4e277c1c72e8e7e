"""Defaults under an analysis' own document."""

from __future__ import annotations

from gwfollow.ledger.merge import deep_merge, pipeline_defaults


def test_mappings_are_merged_and_everything_else_is_replaced() -> None:
    low = {"a": {"x": 1, "y": [1, 2]}, "b": {"z": 1}, "c": 1}
    high = {"a": {"y": [3]}, "b": 2, "d": {"w": 1}}
    assert deep_merge(low, high) == {"a": {"x": 1, "y": [3]}, "b": 2, "c": 1, "d": {"w": 1}}


def test_the_merged_document_shares_nothing_with_what_it_was_made_from() -> None:
    low = {"a": {"x": [1, {"y": 2}]}}
    merged = deep_merge(low, {})
    merged["a"]["x"][1]["y"] = 3
    assert low == {"a": {"x": [1, {"y": 2}]}}


def test_pipelines_are_found_without_regard_to_case() -> None:
    assert pipeline_defaults({"pipelines": {"RIFT": {"a": 1}}}, "rift") == {"a": 1}
    assert pipeline_defaults({"pipelines": {"rift": None}}, "RIFT") == {}
    assert pipeline_defaults({}, "rift") == {}
