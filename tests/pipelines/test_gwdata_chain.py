"""get-data -> psd -> bilby: frames that a real gwdatafind-server knows reach bilby_pipe's configuration through the ledger."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_gwdata import noise_frame

from datafind_server import DatafindServer
from gwfollow.errors import PipelineError
from gwfollow.ledger.apply import apply
from gwfollow.ledger.blueprints import read_text
from gwfollow.ledger.store import Ledger
from gwfollow.life import Site
from gwfollow.life.build import build
from gwfollow.life.finish import Collected, collect
from gwfollow.life.submit import submit
from gwfollow.life.wait import Verdict, settle
from gwfollow.pipelines.bilby import read_ini
from gwfollow.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.system]
EVENT = "GW150914"
BLUEPRINT = """
kind: event
name: GW150914
event time: 1126259462.4
interferometers: [H1, L1]
data:
  channels: {H1: "H1:NOISE-STRAIN", L1: "L1:NOISE-STRAIN"}
  frame types: {H1: H1_NOISE, L1: L1_NOISE}
  segment length: 4
likelihood: {sample rate: 512, psd length: 4, minimum frequency: {H1: 20, L1: 20}, maximum frequency: {H1: 200, L1: 200}}
---
kind: analysis
name: get-data
pipeline: gwdata
event: GW150914
download: [frames]
span: {before: 22, after: 8}
locations: {datafind server: SERVER}
---
kind: analysis
name: psd
pipeline: psd
event: GW150914
needs: [get-data]
"""
BILBY = """
kind: analysis
name: NAME
pipeline: bilby
event: GW150914
needs: [get-data, psd]
waveform: {approximant: IMRPhenomD}
priors:
  default: PriorDict
  chirp mass: {type: Uniform, minimum: 20, maximum: 45}
  mass ratio: {type: Uniform, minimum: 0.3, maximum: 1}
  luminosity distance: {type: PowerLaw, alpha: 2, minimum: 100, maximum: 1500, unit: Mpc}
scheduler: {accounting group: local.sim.test.pe}
"""


@pytest.fixture
def site(tmp_path: Path, checkout: Path, datafind: DatafindServer) -> Iterator[Site]:
    """The event's frames lie in two files for each detector, which the server knows."""
    frames = [noise_frame(tmp_path / "archive", ifo, start, 16) for ifo in ("H1", "L1") for start in (1126259440, 1126259456)]
    datafind.publish(frames)
    datafind.wait_for(frames)
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}", create=True)
    with ledger.change(who="alice@test") as change:
        text = "---".join([BLUEPRINT.replace("SERVER", datafind.url), *(BILBY.replace("NAME", n) for n in ("bilby", "later"))])
        apply(change, read_text(text, "chain.yaml").blueprints)
    settings = Settings(
        home=str(tmp_path / "home"), configs=str(checkout / "include" / "configs"), scheduler="local", settle_seconds="0"
    )
    yield Site(ledger, settings, who="test")
    ledger.close()


def done(site: Site, analysis: str) -> Collected:
    """Build, submit, wait on the local scheduler, collect."""
    build(site, EVENT, analysis)
    submit(site, EVENT, analysis)
    while settle(site, EVENT, analysis).verdict is not Verdict.DONE:
        time.sleep(0.2)
    return collect(site, EVENT, analysis)


def test_frames_go_from_the_server_to_bilby_pipe(site: Site) -> None:
    fetched, psds = done(site, "get-data"), done(site, "psd")
    strain, spectra = fetched.assets["data files"], psds.assets["psds"]
    assert list(strain) == ["H1.0", "H1.1", "L1.0", "L1.1"]
    built = build(site, EVENT, "bilby")
    # what the ledger records as given is what was collected, with the same checksums
    assert built.inputs["from get-data: data files, H1.1"] == strain["H1.1"]["sha256"] == built.inputs["strain H1 1"]
    assert built.inputs["from psd: psds, L1"] == spectra["L1"]["sha256"] == built.inputs["psd L1"]
    complete = read_ini(built.folder / "run" / "bilby_config_complete.ini")
    assert complete["psd-dict"] == {ifo: spectra[ifo]["path"] for ifo in ("H1", "L1")}
    assert strain["H1.0"]["path"] in str(complete["data-dict"])
    assert strain["H1.1"]["path"] in str(complete["data-dict"])

    # a file that changed on the disk is told before bilby_pipe is asked
    Path(spectra["H1"]["path"]).write_text("0 1\n")
    with pytest.raises(
        PipelineError, match=r"psds of H1, which psd \(psd\) made: .*H1-psd\.dat has changed since it was collected"
    ):
        build(site, EVENT, "later")
    assert not (built.folder.parents[1] / "later" / "attempt-1" / "build.log").exists()
