"""PESummary over several analyses of an event: what it is told of each, and a real run."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy
import pytest
from test_bilby_results import write_result
from test_gwdata import envelope_file
from test_pesummary import arguments_of, sampled, write_metafile

from gwfollow.checksums import sha256_of
from gwfollow.errors import InputError, PipelineError
from gwfollow.pipelines import pesummary_refresh as refresh
from gwfollow.pipelines.base import AssetFile, NeededAnalysis
from gwfollow.pipelines.pesummary import PESummary
from gwfollow.schedulers.base import JobState, JobStatus


def subject(other: NeededAnalysis) -> NeededAnalysis:
    return replace(other, input=True, status="uploaded", event="GW150914")


@pytest.fixture
def two(tmp_path: Path, psd_files: dict[str, Path]) -> tuple[NeededAnalysis, NeededAnalysis]:
    """A bilby run with its configuration, and a run of another code, of which only the document tells."""
    one = sampled(tmp_path, "bilby-XP", psd_files)
    samples = tmp_path / "extrinsic_posterior_samples.dat"
    samples.write_text("# mc q dist\n" + "".join(f"{30 + 0.01 * row} 0.9 {400 + row}\n" for row in range(50)))
    document = {
        "waveform": {"approximant": "SEOBNRv5PHM", "reference frequency": 10},
        "likelihood": {"minimum frequency": {"H1": 20, "L1": 15}, "reference frequency": 50},
    }
    made = {"samples": {"": AssetFile(samples, sha256_of(samples))}}
    return subject(one), subject(NeededAnalysis("rift.v1", "rift", document, made))


def test_a_subject_analysis_takes_what_it_names_and_says_of_each_what_is_its_own(
    make_task: Any, two: tuple[NeededAnalysis, NeededAnalysis], psd_files: dict[str, Path], needed_psd: Any
) -> None:
    bystander = sampled(psd_files["H1"].parent, "bystander", psd_files)  # needed, and not among `analyses`
    settings = {"mode": "full", "cosmology": "Planck15_lal", "redshift": "exact", "evolve spins": "forwards", "multiprocess": 4,
                "regenerate posteriors": ["redshift"], "calculate": ["precessing snr"]}  # fmt: skip
    task = make_task(
        {"postprocessing": {"pesummary": settings}}, pipeline="pesummary", needed=(bystander, needed_psd(psd_files), *two)
    )
    found = arguments_of(PESummary(task))
    assert found["--labels"] == ["bilby_XP", "rift_v1"]
    assert found["--approximant"] == ["IMRPhenomD", "SEOBNRv5PHM"]
    assert found["--f_low"] == ["20", "15"]
    assert found["--f_ref"] == ["20", "10"]
    assert found["--config"] == [str(two[0].assets["config"][""].path), "None"]
    assert found["--bilby_XP_psd"] == found["--rift_v1_psd"] == [f"{ifo}:{path}" for ifo, path in psd_files.items()]
    assert found["--cosmology"] == ["Planck15_lal"]
    assert found["--redshift_method"] == ["exact"]
    assert found["--regenerate"] == ["redshift"]
    assert found["--multi_process"] == ["4"]
    assert "--evolve_spins_forwards" in found
    assert "--calculate_precessing_snr" in found


def test_public_psds_and_calibration_of_gwdata_reach_the_summary(
    make_task: Any, two: tuple[NeededAnalysis, NeededAnalysis], psd_files: dict[str, Path], tmp_path: Path
) -> None:
    envelope = envelope_file(tmp_path / "H1.txt")
    fetched = NeededAnalysis(
        "get-data",
        "gwdata",
        {},
        {
            "psds": {ifo: AssetFile(path, sha256_of(path)) for ifo, path in psd_files.items()},
            "calibration": {"H1": AssetFile(envelope, sha256_of(envelope))},
        },
    )
    found = arguments_of(PESummary(make_task(pipeline="pesummary", needed=(fetched, two[1]))))
    assert found["--psd"] == [f"{ifo}:{path}" for ifo, path in psd_files.items()]
    assert found["--calibration"] == [f"H1:{envelope}"]
    envelope.write_text("changed")
    with pytest.raises(PipelineError, match=r"calibration of H1, which get-data \(gwdata\) made: .*has changed"):
        PESummary(make_task(pipeline="pesummary", needed=(fetched, two[1]))).build_dag()


def test_quick_pages_know_the_names_that_other_codes_give(make_task: Any, two: tuple[NeededAnalysis, NeededAnalysis]) -> None:
    found = arguments_of(PESummary(make_task(pipeline="pesummary", needed=two)))
    assert found["--parameters"] == ["chirp_mass", "mass_ratio"]


def test_an_analysis_that_is_named_and_has_no_samples_is_told(make_task: Any, two: tuple[NeededAnalysis, NeededAnalysis]) -> None:
    empty = subject(NeededAnalysis("late", "bilby", {}, {}))
    with pytest.raises(InputError, match=r"analyses, late \(bilby\): found \[\], expected samples, which it was to make"):
        PESummary(make_task(pipeline="pesummary", needed=(*two, empty))).before_config()


def test_labels_of_several_events_and_of_alike_names_differ(make_task: Any, two: tuple[NeededAnalysis, NeededAnalysis]) -> None:
    other_event, alike = replace(two[0], event="GW151226"), replace(two[0], name="bilby_XP")
    found = arguments_of(PESummary(make_task(pipeline="pesummary", needed=(two[0], alike, other_event))))
    assert found["--labels"] == ["bilby_XP", "bilby_XP_2", "GW151226_bilby_XP"]


def test_refreshable_pages_grow_and_anything_else_begins_anew(make_task: Any, two: tuple[NeededAnalysis, NeededAnalysis]) -> None:
    """The earlier attempt's pages stay as they are; a copy of them is added to."""
    changes = {"refreshable": True, "pesummary": {"mode": "full"}}
    first = PESummary(make_task(changes, pipeline="pesummary", needed=two[:1]))
    assert "--webdir" in arguments_of(first)
    write_metafile(first.metafile, {"bilby_XP": 3})
    (first.webdir / "home.html").write_text("<html>")
    later = make_task(changes, pipeline="pesummary", needed=two, attempt=2, folder=first.task.folder.with_name("attempt-2"))
    later.folder.mkdir()
    second = PESummary(later)
    found = arguments_of(second)
    assert found["--existing_webdir"] == [str(second.webdir)]
    assert found["--labels"] == ["rift_v1"]
    assert (second.webdir / "home.html").is_file()
    assert refresh.labels(later.folder) == ["bilby_XP", "rift_v1"]
    assert not second.detect_completion()  # the metafile that was copied lacks the new one
    for again in (
        replace(later, needed=two[1:]),  # something left out
        replace(later, document={**later.document, "refreshable": False}),
    ):
        assert "--webdir" in arguments_of(PESummary(again))
    first.metafile.write_bytes(b"cut off")
    assert "--webdir" in arguments_of(PESummary(later))


@pytest.mark.slow
@pytest.mark.system
def test_a_metafile_of_two_analyses_is_made_for_real(
    make_task: Any, tmp_path: Path, psd_files: dict[str, Path], shared: Path
) -> None:
    """summarycombine over bilby's own example and another run: labels with hyphens and dots, PSDs and calibration of each."""
    envelope = envelope_file(tmp_path / "H1.txt")
    columns = {
        f"posterior/{name}": numpy.random.default_rng(1).uniform(low, low + 1, 500)
        for name, low in (
            ("mass_1", 36),
            ("mass_2", 29),
            ("luminosity_distance", 400),
            ("ra", 1),
            ("dec", -1),
            ("geocent_time", 1126259462),
        )
    }
    made = write_result(tmp_path / "made_result.hdf5", **columns, **{"posterior/waveform_approximant": None})
    example = shared / "data" / "pe" / "bilby_example_result.json"

    def run(name: str, path: Path, approximant: str) -> NeededAnalysis:
        document = {"waveform": {"approximant": approximant}, "likelihood": {"minimum frequency": {"H1": 20}}}
        samples = {"": AssetFile(path, sha256_of(path))}
        return subject(NeededAnalysis(name, "bilby", document, {"samples": samples}))

    fetched = NeededAnalysis("get-data", "gwdata", {}, {"calibration": {"H1": AssetFile(envelope, sha256_of(envelope))}})
    psd = NeededAnalysis("psd", "psd", {}, {"psds": {ifo: AssetFile(path, sha256_of(path)) for ifo, path in psd_files.items()}})
    needed = (fetched, psd, run("Prod-1", example, "IMRPhenomPv2"), run("Prod.2", made, "IMRPhenomD"))
    pipeline = PESummary(make_task({"pesummary": {"pages": False, "samples": 50}}, pipeline="pesummary", needed=needed))
    pipeline.before_config()
    pipeline.before_build()
    pipeline.build_dag()
    assert not pipeline.detect_completion()
    job = pipeline.submit_dag()
    with (job.folder / "pesummary.err").open("w") as log:
        done = subprocess.run(
            [job.executable, *job.arguments],
            cwd=job.folder,
            env={**os.environ, **job.resources.environment},
            stdout=log,
            stderr=log,
        )
    assert done.returncode == 0, pipeline.failure_reason(JobStatus(JobState.COMPLETED, exit_code=done.returncode))
    assert pipeline.detect_completion()
    assert set(pipeline.collect_assets()) == {"metafile", "samples"}
    with h5py.File(pipeline.metafile) as file:
        for label, approximant in (("Prod_1", b"IMRPhenomPv2"), ("Prod_2", b"IMRPhenomD")):
            assert len(file[label]["posterior_samples"]) == 50
            assert file[label]["approximant"][()][0] == approximant
            assert set(file[label]["psds"]) == {"H1", "L1"}
            assert set(file[label]["priors"]["calibration_raw"]) == {"H1"}
