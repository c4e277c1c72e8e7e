"""Where an input comes from: own document, then what is needed, then the event; and who is to blame for one that is not there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gwfollow.checksums import sha256_of
from gwfollow.errors import InputError, PipelineError
from gwfollow.pipelines import inputs, makers
from gwfollow.pipelines.base import AssetFile, NeededAnalysis


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str], Path]:
    def write(name: str) -> Path:
        path = tmp_path / name
        path.write_text(f"1 1 {name}\n")
        return path

    return write


def collected(name: str, pipeline: str, assets: Mapping[str, Mapping[str, Path]], status: str = "finished") -> NeededAnalysis:
    """An analysis whose files the ledger has with their checksums."""
    files = {
        asset: {label: AssetFile(path, sha256_of(path)) for label, path in labelled.items()} for asset, labelled in assets.items()
    }
    return NeededAnalysis(name, pipeline, {}, files, status=status)


def test_strain_comes_from_the_analysis_then_from_what_it_needs_then_from_the_event(make_task: Any, file: Any) -> None:
    own, first, second = file("own.gwf"), file("H1-0.gwf"), file("H1-1.gwf")
    fetched = collected("get-data", "gwdata", {"data files": {"H1.0": first, "H1.1": second, "L1": file("L1-0.gwf")}})
    task = make_task(needed=(fetched,))
    assert inputs.data_files(task) == {"H1": (first, second), "L1": (fetched.assets["data files"]["L1"].path,)}
    assert inputs.data_files(replace(task, own={"data": {"data files": {"H1": str(own)}}}))["H1"] == (own,)
    event = task.document["data"]["data files"]
    assert inputs.data_files(replace(task, needed=()))["H1"] == (Path(event["H1"]),)


def test_caches_and_calibration_take_the_same_way(make_task: Any, file: Any) -> None:
    files = {ifo: file(f"{ifo}.txt") for ifo in ("H1", "L1")}
    other = {ifo: str(file(f"{ifo}-event.txt")) for ifo in ("H1", "L1")}
    fetched = collected("get-data", "gwdata", {"cache files": files, "calibration": files})
    event = {"data": {"calibration": other, "cache files": other}}
    for find, key in ((inputs.cache_files, "cache files"), (inputs.calibration, "calibration")):
        assert find(make_task(event, needed=(fetched,))) == files
        assert find(make_task(event, needed=())) == {ifo: Path(path) for ifo, path in other.items()}
        own = {"data": {key: {"H1": other["H1"]}}}
        assert find(make_task(event, needed=(fetched,), own=own)) == {"H1": Path(other["H1"]), "L1": files["L1"]}


def test_files_of_a_detector_reach_an_asimov_plugin_as_a_list() -> None:
    from gwfollow.pipelines.asimov.assets import as_asimov_says

    files = makers.numbered("H1", [Path("/0.gwf"), Path("/1.gwf")]) | makers.numbered("L1", [Path("/2.gwf")])
    assert as_asimov_says({"data files": files})["data files"] == {"H1": ["/0.gwf", "/1.gwf"], "L1": "/2.gwf"}


def test_ten_files_of_a_detector_keep_their_order() -> None:
    files = makers.numbered("H1", [Path(f"/{number}.gwf") for number in range(12)])
    assert makers.by_detector(dict(reversed(files.items())))["H1"] == list(files)


def test_who_should_have_made_a_missing_psd_is_said(make_task: Any, file: Any) -> None:
    half = collected("psd-run", "psd", {"psds": {"H1": file("H1.dat")}})
    with pytest.raises(InputError, match=r"^psds of L1: .*psd-run \(psd\) was to make them and made only H1"):
        inputs.psds(make_task(needed=(half,)))
    late = NeededAnalysis("psd-run", "psd", {}, {}, status="running")
    with pytest.raises(InputError, match=r"^psds of H1 and L1: .*psd-run \(psd\) is to make them and is running"):
        inputs.psds(make_task(needed=(late,)))
    none = NeededAnalysis("psd-run", "psd", {}, {}, status="finished")
    with pytest.raises(InputError, match=r"psd-run \(psd\) was to make them and made none"):
        inputs.psds(make_task(needed=(none,)))
    with pytest.raises(InputError, match=r"nothing that it needs makes psds \(it needs pe \(bilby\)\)"):
        inputs.psds(make_task(needed=(NeededAnalysis("pe", "bilby", {}, {}),)))


def test_a_detector_that_was_not_fetched_is_told_with_the_fetchers_name(make_task: Any, file: Any) -> None:
    fetched = collected("get-data", "gwdata", {"data files": {"H1": file("H1.gwf")}, "calibration": {"L1": file("L1.txt")}})
    task = make_task({"data": {"data files": None}}, needed=(fetched,))
    with pytest.raises(InputError, match=r"^data\.data files\.L1: .*get-data \(gwdata\) was to make them and made only H1"):
        inputs.data_files(task)
    with pytest.raises(InputError, match=r"an envelope for H1 too.*get-data \(gwdata\) was to make them and made only L1"):
        inputs.calibration(task)


def test_other_assets_are_taken_by_name(make_task: Any, file: Any) -> None:
    skymap = file("sky.fits")
    task = make_task(needed=(collected("sky", "bayeswave", {"skymap": {"": skymap}}),))
    assert inputs.made(task, "skymap") == {"": skymap}
    with pytest.raises(InputError, match=r"^xml psds: found None.*sky \(bayeswave\) was to make them and made none"):
        inputs.made(task, "xml psds")


def test_a_file_that_changed_since_it_was_collected_is_told(make_task: Any, file: Any) -> None:
    files = {ifo: file(f"{ifo}.dat") for ifo in ("H1", "L1")}
    task = make_task(needed=(collected("psd-run", "bayeswave", {"psds": files}),))
    assert inputs.psds(task) == files
    files["L1"].write_text("2 2 longer\n")
    with pytest.raises(
        PipelineError, match=r"^psds of L1, which psd-run \(bayeswave\) made: .*L1.dat has changed.*restart psd-run"
    ):
        inputs.psds(task)
    files["L1"].unlink()
    with pytest.raises(PipelineError, match=r"L1.dat cannot be read any more \(No such file"):
        inputs.psds(task)


def test_of_two_makers_the_one_that_wins_is_named(make_task: Any, file: Any) -> None:
    first, second = file("first.dat"), file("second.dat")
    both = (collected("one", "psd", {"psds": {"H1": first}}), collected("two", "psd", {"psds": {"H1": second}}))
    second.write_text("changed\n")
    with pytest.raises(PipelineError, match=r"which two \(psd\) made"):
        makers.unchanged(make_task(needed=both), "psds", "H1")


def test_what_any_builder_read_of_others_is_compared_with_what_was_collected(make_task: Any, file: Any) -> None:
    path = file("samples.dat")
    task = make_task(needed=(collected("pe", "rift", {"samples": {"": path}}),))
    makers.check_taken(task, {"samples": path}, {"samples": sha256_of(path)})
    path.write_text("other\n")
    with pytest.raises(PipelineError, match=r"^samples: .*one of the samples of pe \(rift\), has changed since"):
        makers.check_taken(task, {"samples": path}, {"samples": sha256_of(path)})
