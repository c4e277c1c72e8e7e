"""What every pipeline is given."""

from __future__ import annotations

from typing import Any

import pytest

from gwfollow.errors import PipelineError
from gwfollow.pipelines.base import Pipeline
from gwfollow.pipelines.psd import PSD


def test_a_value_is_found_by_its_path(make_task: Any) -> None:
    task = make_task()
    assert task.get("likelihood.sample rate") == 2048
    assert task.get("likelihood.sample rate.deeper", "none") == "none"
    assert task.get("nothing.here") is None


def test_a_pipeline_without_a_configuration_says_so(tmp_path: Any) -> None:
    with pytest.raises(PipelineError, match="pipeline psd has no configuration"):
        Pipeline.read_ini.__func__(PSD, tmp_path)  # type: ignore[attr-defined]
