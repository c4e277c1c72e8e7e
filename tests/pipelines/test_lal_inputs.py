"""What lalinference, RIFT and BayesWave read alike."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from gwfollow.errors import InputError, PipelineError
from gwfollow.pipelines import lal_inputs

GPS = 1126259462.4


def test_strain_is_what_the_document_says(make_task: Any, psd_files: dict[str, Path]) -> None:
    task = make_task({"quality": {"state vector": {"H1": "H1:DCS-STATE", "V1": "V1:STATE"}}})
    strain = lal_inputs.strain(task)
    assert strain.start == pytest.approx(GPS - 2)
    assert strain.sample_rate == 2048
    assert strain.maximum_frequency == {"H1": 448, "L1": 448}
    assert strain.channels == {"H1": "H1:TEST", "L1": "L1:TEST"}
    assert strain.caches == {ifo: str(task.folder / f"{ifo}.cache") for ifo in ("H1", "L1")}
    assert strain.psds == {ifo: str(path) for ifo, path in psd_files.items()}
    assert strain.state_vectors == {"H1": "H1:DCS-STATE"}


def test_caches_name_the_frames_as_lal_reads_them(make_task: Any, tmp_path: Path) -> None:
    task = make_task()
    lal_inputs.write_caches(task)
    expected = f"H H1_TEST 1126259446 32 file://localhost{tmp_path}/H-H1_TEST-1126259446-32.gwf\n"
    assert (task.folder / "H1.cache").read_text() == expected


def test_caches_of_the_document_are_taken_as_they_are(make_task: Any, tmp_path: Path) -> None:
    files = {}
    for ifo in ("H1", "L1"):
        path = tmp_path / f"{ifo}.lcf"
        path.write_text("a cache")
        files[ifo] = str(path)
    task = make_task({"data": {"cache files": files}})
    assert lal_inputs.strain(task).caches == files
    lal_inputs.write_caches(task)
    assert not list(task.folder.glob("*.cache"))


def test_without_files_the_frame_types_are_needed(make_task: Any) -> None:
    with pytest.raises(InputError, match=r"frame types.*H1 and L1"):
        lal_inputs.strain(make_task({"data": {"data files": None}}))
    types = {"H1": "H1_HOFT_C01", "L1": "L1_HOFT_C01"}
    found = lal_inputs.strain(make_task({"data": {"data files": None, "frame types": types}}))
    assert found.frame_types == types
    assert found.caches == {}


@pytest.mark.parametrize("name", ["strain.gwf", "H-H1_TEST-1126259446-32.hdf5"])
def test_a_frame_that_no_cache_can_name_is_told(make_task: Any, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("x")
    with pytest.raises(InputError, match=r"data\.data files\.H1: found .*SITE-DESCRIPTION-START-DURATION\.gwf"):
        lal_inputs.strain(make_task({"data": {"data files": {"H1": str(path)}}}))


def test_frames_that_do_not_hold_the_segment_are_told_before_the_build(make_task: Any, tmp_path: Path) -> None:
    paths = [tmp_path / "H-H1_TEST-1126259446-15.gwf", tmp_path / "H-H1_TEST-1126259462-16.gwf"]
    for path in paths:
        path.write_text("x")
    with pytest.raises(InputError, match=r"H1: found 'GPS .*frames of GPS .1126259461, 1126259462. too"):
        lal_inputs.strain(make_task({"data": {"data files": {"H1": [str(path) for path in paths]}}}))


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"likelihood": {"sample rate": 3000}}, r"likelihood\.sample rate: found 3000, expected a power of two"),
        ({"likelihood": {"maximum frequency": {"H1": 1500}}}, r"likelihood\.maximum frequency\.H1.*at most half the sample rate"),
        ({"likelihood": {"minimum frequency": {"H1": 500}}}, r"likelihood\.maximum frequency\.H1.*above 500 Hz"),
        ({"likelihood": {"segment start": GPS + 1}}, r"likelihood\.segment start.*holds the event"),
        ({"data": {"channels": {"H1": None}}}, r"data\.channels.*H1"),
        ({"quality": {"state vector": {"H1": "H1:A; rm"}}}, r"quality\.state vector\.H1"),
    ],
)
def test_what_cannot_be_is_told_with_its_place(make_task: Any, changes: dict[str, Any], place: str) -> None:
    with pytest.raises(InputError, match=place):
        lal_inputs.strain(make_task(changes))


def test_bounds_are_numbers_by_asimovs_names(make_task: Any) -> None:
    found = lal_inputs.bounds(make_task({"priors": {"phase": {"maximum": "2 * np.pi"}, "a2": [0, 0.9], "default": "X"}}))
    assert found.minimum["chirp mass"] == 20
    assert found.maximum["phase"] == pytest.approx(2 * math.pi)
    assert found.maximum["a2"] == 0.9
    assert found.types["chirp mass"] == "Uniform"
    for bad in ({"minimum": "__import__('os')"}, {"minimum": 3, "maximum": 2}):
        with pytest.raises(InputError, match=r"priors\.phase"):
            lal_inputs.bounds(make_task({"priors": {"phase": bad}}))


def test_a_configuration_in_sections_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.ini"
    path.write_text("# a comment\n[a]\nH1-psd = /x\nflow = {'H1': 20}\nresume =\nosg = false\nn=3\n")
    assert lal_inputs.read_ini(path) == {"a": {"H1-psd": "/x", "flow": {"H1": 20}, "resume": "", "osg": False, "n": 3}}
    for bad in ("no section = 1\n", "[a]\nx = 50%\n", "[a]\nx=1\nx=2\n"):
        path.write_text(bad)
        with pytest.raises(PipelineError, match=r"x\.ini is not a configuration in sections"):
            lal_inputs.read_ini(path)
