"""Files and frequencies are looked at before any builder starts, and a refusal names the field and the detector."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gwfollow.errors import InputError
from gwfollow.pipelines import inputs
from gwfollow.pipelines.base import AssetFile


def test_one_file_or_several_for_a_detector(make_task: Any, tmp_path: Path) -> None:
    more = tmp_path / "more.gwf"
    more.write_text("frames")
    task = make_task({"data": {"data files": {"L1": [str(more), str(more)]}}})
    found = inputs.data_files(task)
    assert found["L1"] == (more, more)
    assert len(found["H1"]) == 1
    assert inputs.data_format(found) == "gwf"


def test_no_files_at_all_is_an_answer(make_task: Any) -> None:
    task = make_task({"data": {"data files": None}})
    assert inputs.data_files(task) == {}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("relative.gwf", "an absolute path"),
        ("/no/such/file.gwf", "No such file"),
        ("/etc", "a file that is not empty"),
        ("/dev/null", "a file that is not empty"),
        ("/tmp/a b.gwf", "without spaces"),
        ("/tmp/a,L1:b.gwf", "without spaces"),
        ("/tmp/a}\nsubmit=True", "without spaces"),
        ([], "a strain file for H1"),
        (None, "a strain file for H1"),
    ],
)
def test_a_strain_file_that_cannot_be_read_is_refused(make_task: Any, value: Any, expected: str) -> None:
    task = make_task()
    task.document["data"]["data files"]["H1"] = value
    with pytest.raises(InputError, match=rf"^data\.data files\.H1: .*{expected}"):
        inputs.data_files(task)


def test_files_of_two_kinds_are_refused() -> None:
    with pytest.raises(InputError, match="files of one kind"):
        inputs.data_format({"H1": [Path("a.gwf")], "L1": [Path("b.hdf5")]})


def test_channels_have_their_detectors_prefix(make_task: Any) -> None:
    assert inputs.channels(make_task({"data": {"channels": {"L1": "STRAIN"}}})) == {"H1": "H1:TEST", "L1": "L1:STRAIN"}
    for wrong in ("L1:TEST", "H1:A B", "H1:A,L1:B", 5):
        with pytest.raises(InputError, match=r"^data\.channels\.H1"):
            inputs.channels(make_task({"data": {"channels": {"H1": wrong}}}))


def test_psds_of_the_analysis_come_first_then_of_its_needs_then_of_the_event(
    make_task: Any, tmp_path: Path, psd_files: dict[str, Path]
) -> None:
    other = tmp_path / "other.dat"
    other.write_text("1 1\n")
    event = {"psds": {"H1": str(other), "L1": str(other)}}
    assert inputs.psds(make_task(event)) == psd_files
    assert inputs.psds(make_task(event, needed=())) == {"H1": other, "L1": other}
    assert inputs.psds(make_task(event, own={"psds": {"H1": str(other)}})) == {"H1": other, "L1": psd_files["L1"]}


def test_psds_by_sample_rate_as_in_old_events(make_task: Any, psd_files: dict[str, Path]) -> None:
    paths = {ifo: str(path) for ifo, path in psd_files.items()}
    assert inputs.psds(make_task({"psds": {2048: paths}}, needed=())) == psd_files
    with pytest.raises(InputError, match="psds of H1 and L1"):
        inputs.psds(make_task({"psds": {4096: paths}}, needed=()))


def test_a_missing_psd_is_told_with_its_detector(make_task: Any, psd_files: dict[str, Path], needed_psd: Any) -> None:
    with pytest.raises(InputError, match=r"psds of L1: .*psd \(psd\) was to make them and made only H1"):
        inputs.psds(make_task(needed=(needed_psd({"H1": psd_files["H1"]}),)))
    psd_files["L1"].unlink()
    with pytest.raises(InputError, match=r"^psds\.L1: .*No such file"):
        inputs.psds(make_task())


def test_frequencies_by_detector_or_for_all(make_task: Any) -> None:
    assert inputs.per_detector(make_task({"likelihood": {"minimum frequency": {"L1": 30}}}), "minimum frequency") == {
        "H1": 20,
        "L1": 30,
    }
    assert inputs.per_detector(
        make_task({"likelihood": {"minimum frequency": None}, "quality": {"minimum frequency": 25}}), "minimum frequency"
    ) == {
        "H1": 25,
        "L1": 25,
    }
    for wrong in (0, -1, "fast", True, float("nan")):
        with pytest.raises(InputError, match=r"^likelihood\.minimum frequency\.H1: .*a frequency in Hz"):
            inputs.per_detector(make_task({"likelihood": {"minimum frequency": {"H1": wrong}}}), "minimum frequency")


def test_calibration_is_for_all_detectors_or_none(make_task: Any, psd_files: dict[str, Path]) -> None:
    assert inputs.calibration(make_task()) == {}
    paths = {ifo: str(path) for ifo, path in psd_files.items()}
    assert inputs.calibration(make_task({"data": {"calibration": paths}})) == psd_files
    assert inputs.calibration(make_task({"data": {"calibration": paths}, "likelihood": {"calibration": {"sample": False}}})) == {}
    with pytest.raises(InputError, match="an envelope for L1 too"):
        inputs.calibration(make_task({"data": {"calibration": {"H1": paths["H1"]}}}))


def test_numbers_are_numbers(make_task: Any) -> None:
    for wrong in ("fast", None, True, 0, -4, float("nan")):
        with pytest.raises(InputError, match=r"^likelihood\.sample rate: .*\(Hz\)"):
            inputs.number(make_task({"likelihood": {"sample rate": wrong}}), "likelihood.sample rate", unit="Hz")


def test_an_event_needs_a_time_and_detectors(make_task: Any) -> None:
    with pytest.raises(InputError, match="event time"):
        inputs.event_time(make_task(gps=None))
    with pytest.raises(InputError, match="interferometers"):
        inputs.detectors(make_task(interferometers=()))


def test_the_last_maker_of_an_asset_wins(make_task: Any, needed_psd: Any, psd_files: dict[str, Path]) -> None:
    task = make_task(needed=(needed_psd({"H1": psd_files["H1"], "L1": psd_files["H1"]}), needed_psd({"L1": psd_files["L1"]})))
    assert task.take("psds") == {"H1": AssetFile(psd_files["H1"]), "L1": AssetFile(psd_files["L1"])}
