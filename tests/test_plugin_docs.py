"""What authors of pipelines read names everything that they can use."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from gwfollow.pipelines import testing
from gwfollow.pipelines.base import Pipeline, Task


def test_every_hook_every_field_and_the_test_kit_are_documented(checkout: Path) -> None:
    text = (checkout / "docs" / "plugins.md").read_text()
    hooks = [name for name in vars(Pipeline) if not name.startswith("_") and name != "logger"]
    names = [*hooks, *(field.name for field in fields(Task)), *testing.__all__]
    assert [name for name in names if f"`{name}`" not in text and f"`{name}(" not in text] == []


def test_every_hook_is_called_in_the_order_that_its_module_says() -> None:
    import gwfollow.pipelines.base as base

    assert base.__doc__ is not None
    hooks = {name for name, value in vars(Pipeline).items() if callable(value) and not name.startswith("_")}
    told_elsewhere = {"collect_logs", "failure_reason", "run_pesummary", "read_ini"}
    assert {name for name in hooks - told_elsewhere if name not in base.__doc__} == set()
