"""What is taken out of PESummary's files is what it says it is, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy
import pytest

from gwfollow.data import metafiles
from gwfollow.errors import InputError, PipelineError

PSD = [[10.0, 1e-46], [20.0, 2e-46]]
ENVELOPE = [[10.0, 1, 0, 0.9, -0.1, 1.1, 0.1], [20.0, 1, 0, 0.9, -0.1, 1.1, 0.1]]


def written(path: Path, *, samples: int = 3, psd: Any = PSD, raw: Any = ENVELOPE, group: bool = False) -> Path:
    """One analysis with a PSD and an envelope of H1."""
    with h5py.File(path, "w") as file:
        file["C00/posterior_samples" + ("/samples" if group else "")] = numpy.zeros(samples)
        file["C00/psds/H1"] = psd
        file["C00/priors/calibration_raw/H1"] = raw
        file["C00/priors/calibration/H1"] = [[0.0] * 7] * 2
    return path


@pytest.mark.parametrize("group", [False, True], ids=["a table", "a group with the table inside"])
def test_samples_are_counted_in_both_forms(tmp_path: Path, group: bool) -> None:
    path = written(tmp_path / "a.h5", group=group)
    assert metafiles.analyses(path) == {"C00": 3}
    metafiles.check_samples(path, "C00")
    with pytest.raises(InputError, match="one of C00"):
        metafiles.check_samples(path, "C01")
    with pytest.raises(PipelineError, match="samples of C00 are empty"):
        metafiles.check_samples(written(tmp_path / "b.h5", samples=0, group=group), None)


def test_a_psd_and_the_envelope_as_it_was_are_written_whole(tmp_path: Path) -> None:
    path = written(tmp_path / "a.h5")
    made = metafiles.psds(path, None, ["H1"], tmp_path / "psds")
    numpy.testing.assert_allclose(numpy.loadtxt(made["H1"]), PSD)
    made = metafiles.envelopes(path, None, ["H1"], tmp_path / "calibration")
    numpy.testing.assert_allclose(numpy.loadtxt(made["H1"]), ENVELOPE)
    with pytest.raises(InputError, match="L1 too"):
        metafiles.psds(path, None, ["H1", "L1"], tmp_path / "other")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("psd", "complaint"),
    [
        ([1.0, 2.0], r"shape \(2,\), not two columns"),
        ([[10.0, 1e-46]], r"shape \(1, 2\)"),
        ([[20.0, 1e-46], [10.0, 1e-46]], "frequencies do not rise"),
        ([[10.0, -1e-46], [20.0, 1e-46]], "a power is negative"),
        ([[10.0, 0.0], [20.0, numpy.inf]], "no power is positive and finite"),
    ],
)
def test_numbers_that_are_no_psd_are_refused(tmp_path: Path, psd: Any, complaint: str) -> None:
    with pytest.raises(PipelineError, match=complaint):
        metafiles.psds(written(tmp_path / "a.h5", psd=psd), None, ["H1"], tmp_path / "psds")
    assert not list((tmp_path / "psds").iterdir())


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [(PSD, "not seven columns"), ([[numpy.nan] * 7, ENVELOPE[1]], "not finite"), (ENVELOPE[::-1], "do not rise")],
)
def test_numbers_that_are_no_envelope_are_refused(tmp_path: Path, raw: Any, complaint: str) -> None:
    with pytest.raises(PipelineError, match=complaint):
        metafiles.envelopes(written(tmp_path / "a.h5", raw=raw), None, ["H1"], tmp_path / "calibration")


@pytest.mark.parametrize("content", [b"", b"no hdf5 at all", None], ids=["empty", "garbage", "cut off"])
def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = written(tmp_path / "a.h5")
    path.write_bytes(path.read_bytes()[:1500] if content is None else content)
    with pytest.raises(PipelineError, match=r"a\.h5 (cannot be read|is empty)"):
        metafiles.analyses(path)
