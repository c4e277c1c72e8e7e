"""State checks of frames in a folder, by the worker itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from vector_frames import GPS, Answers

from gwfollow.quality import worker
from gwfollow.quality.bits import questions


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    return tmp_path / "frames"


@pytest.fixture
def answers(checkout: Path, tmp_path: Path, frames: Path) -> Answers:
    """``answers("H1", pipeline=...)``: name -> entry, after the worker has run in its folder; the document itself under the name ""."""

    def run(*detectors: str, **document: Any) -> dict[str, Any]:
        ways = [{"way": "folder", "path": str(frames)}]
        types = {ifo: [{"frame_type": f"{ifo}_T", "ways": ways, "timeout": 0}] for ifo in ("H1", "L1", "V1", "K1")}
        over = {"frames": {"low latency": types}, "pipeline": "gstlal"} | document
        asked = questions(checkout / "include" / "configs", over, event="S1", gps=GPS, interferometers=detectors or ("H1",))
        (tmp_path / worker.CONFIG).write_text(asked.model_dump_json())
        assert worker.main([str(tmp_path)]) == 0
        found = json.loads((tmp_path / worker.RESULT).read_text())
        return {check["name"]: check for check in found["checks"]} | {"": found}

    return run
