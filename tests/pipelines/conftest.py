"""Tasks for pipelines: a document that bilby_pipe can build from, with files that are there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gwfollow.ledger.merge import deep_merge
from gwfollow.pipelines.base import AssetFile, Assets, NeededAnalysis, Task
from gwfollow.schedulers.base import Resources

GPS = 1126259462.4
MakeTask = Callable[..., Task]


@pytest.fixture(scope="session")
def peers(checkout: Path) -> Path:
    """The environment with RIFT and lalinference (NumPy 1); tests that need it skip without it."""
    if not (checkout / ".venv-peers" / "installed").is_file():
        pytest.skip("no .venv-peers: scripts/peers.sh makes it")
    return checkout / ".venv-peers"


@pytest.fixture
def psd_files(tmp_path: Path) -> dict[str, Path]:
    """A white PSD of 0 to 1024 Hz for H1 and L1."""
    table = "# white\n" + "".join(f"{index * 0.25} 1e-46\n" for index in range(4097))
    files = {ifo: tmp_path / f"{ifo}-psd.dat" for ifo in ("H1", "L1")}
    for path in files.values():
        path.write_text(table)
    return files


@pytest.fixture
def document(tmp_path: Path) -> dict[str, Any]:
    """asimov's keys for a quick aligned-spin run; the strain files hold nothing real, which a build does not look at."""
    files = {}
    for ifo in ("H1", "L1"):
        path = tmp_path / f"{ifo[0]}-{ifo}_TEST-1126259446-32.gwf"
        path.write_bytes(b"frames")
        files[ifo] = str(path)
    return {
        "data": {"segment length": 4, "channels": {"H1": "H1:TEST", "L1": "L1:TEST"}, "data files": files},
        "likelihood": {
            "sample rate": 2048,
            "psd length": 4,
            "reference frequency": 20,
            "minimum frequency": {"H1": 20, "L1": 20},
            "maximum frequency": {"H1": 448, "L1": 448},
        },
        "priors": {
            "chirp mass": {"type": "Uniform", "minimum": 20, "maximum": 45},
            "mass ratio": {"type": "Uniform", "minimum": 0.3, "maximum": 1},
            "luminosity distance": {"type": "PowerLaw", "alpha": 2, "minimum": 100, "maximum": 1500, "unit": "Mpc"},
        },
        "waveform": {"approximant": "IMRPhenomD"},
        "sampler": {"sampler": "dynesty", "sampler kwargs": {"nlive": 100, "naccept": 5, "sample": "acceptance-walk"}},
        "scheduler": {"accounting group": "local.sim.test.pe", "name": "htcondor"},
    }


@pytest.fixture
def make_task(tmp_path: Path, checkout: Path, document: dict[str, Any], psd_files: dict[str, Path]) -> MakeTask:
    """``make_task(changes, pipeline="bilby", **fields)``: a task with changes merged into the document and PSDs among its needs."""

    def make(changes: Mapping[str, Any] | None = None, *, pipeline: str = "bilby", **fields: Any) -> Task:
        folder = tmp_path / "GW150914" / pipeline / "attempt-1"
        folder.mkdir(parents=True, exist_ok=True)
        task = Task(
            event="GW150914",
            gps=GPS,
            graceid=None,
            interferometers=("H1", "L1"),
            analysis=pipeline,
            pipeline=pipeline,
            document=deep_merge(document, changes or {}),
            attempt=1,
            folder=folder,
            configs=checkout / "include" / "configs",
            needed=(maker("psd", {"psds": {ifo: AssetFile(path) for ifo, path in psd_files.items()}}),),
            resources=Resources(accounting_group="local.sim.test.pe"),
        )
        return replace(task, **fields)

    return make


def maker(name: str, assets: Assets, pipeline: str | None = None) -> NeededAnalysis:
    """An analysis that has made these assets."""
    return NeededAnalysis(name, pipeline or name, {}, assets)


@pytest.fixture
def needed_psd() -> Callable[[Mapping[str, Path]], NeededAnalysis]:
    """``needed_psd({"H1": path})``: an analysis that has made these PSDs."""
    return lambda paths: maker("psd", {"psds": {ifo: AssetFile(path) for ifo, path in paths.items()}})
