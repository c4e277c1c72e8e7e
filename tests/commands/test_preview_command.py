"""gwfollow preview"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gwfollow.errors import PipelineError


def test_what_is_missing_for_a_build_is_told(gwfollow: Callable[..., str]) -> None:
    with pytest.raises(PipelineError, match=r"GW1/bilby would be stuck: data.segment length: found None"):
        gwfollow("preview", "GW1/bilby")


def test_the_text_is_shown_or_written(gwfollow: Callable[..., str], tmp_path: Path) -> None:
    analysis = "kind: analysis\nname: get-data\nevent: GW1\npipeline: gwdata\nstatus: wait\ndownload: [frames]\n"
    analysis += (
        "data: {segment length: 4, channels: {H1: 'H1:STRAIN', L1: 'L1:STRAIN'}, frame types: {H1: H1_HOFT, L1: L1_HOFT}}\n"
    )
    gwfollow("apply", "-f", "-", text=analysis)
    shown = gwfollow("preview", "GW1/get-data")
    assert shown.startswith("# gwdata.ini\n")
    assert "H1_HOFT" in shown
    assert gwfollow("preview", "GW1/get-data", "-o", str(tmp_path / "look")) == f"{tmp_path / 'look' / 'gwdata.ini'}\n"
