"""The pipeline ``pesummary``: result pages and one metafile from the samples of several analyses.

As a subject analysis (key ``analyses``) it summarises those, else all that it needs and that have made samples.

Keys of the document, under ``pesummary`` (or asimov's ``postprocessing.pesummary``):

``mode``                      ``quick`` (summarypageslw, a few parameters, no derived ones) or ``full`` (summarypages); quick where unsaid
``pages``                     false: the metafile only, without pages (summarycombine)
``parameters``                what the quick pages show, where the samples have it
``samples``                   number of samples that quick pages and metafiles without pages use (400)
``cosmology``, ``redshift``   of the conversion to the source frame (full)
``evolve spins``              ``forwards`` or ``backwards`` (full)
``skymap samples``            a sky map by ligo.skymap from so many samples (full, where ligo.skymap is installed)
``multiprocess``              processes for the plots
``regenerate posteriors``     derived parameters to compute again (full)
``calculate``                 ``precessing snr`` (full)

The analysis' own key ``refreshable: true`` lets a later attempt of full pages only add what is new to the pages of an earlier one.

The pages load bootstrap, jquery and fonts from the network: without it they read well but look plain.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from gwfollow.errors import InputError, PipelineError
from gwfollow.pipelines import pesummary_refresh as refresh
from gwfollow.pipelines.base import AssetFile, Assets, Job, JobStatus
from gwfollow.pipelines.checked import CheckedPipeline
from gwfollow.pipelines.files import builder_environment, program, tail, tails, write_text
from gwfollow.pipelines.pesummary_inputs import Samples, contents, gather
from gwfollow.pipelines.pesummary_metafile import read_metafile
from gwfollow.pipelines.reasons import last_error

JOB = "pesummary"
ARGUMENTS = "pesummary.args"
PROGRAMS = {"quick": "summarypageslw", "full": "summarypages", "data": "summarycombine"}
QUICK_PARAMETERS = (
    "chirp_mass",
    "mass_ratio",
    "mass_1",
    "mass_2",
    "luminosity_distance",
    "theta_jn",
    "ra",
    "dec",
    "geocent_time",
    "chi_eff",
)


class PESummary(CheckedPipeline):
    """Result pages by PESummary."""

    name = "pesummary"
    available_outputs = ("pages", "metafile", "samples")
    required_inputs = ("samples",)

    @property
    def webdir(self) -> Path:
        return self.task.folder / "pages"

    @property
    def metafile(self) -> Path:
        return self.webdir / "samples" / "posterior_samples.h5"

    def before_config(self, dryrun: bool = False) -> None:
        gather(self.task)
        self._mode()

    def before_build(self, dryrun: bool = False) -> None:
        """PESummary lists the packages of its environment with pip, and stops where it cannot."""
        done = subprocess.run(
            [sys.executable, "-m", "pip", "--version"], capture_output=True, text=True, timeout=120, check=False
        )
        if done.returncode:
            raise PipelineError(
                f"PESummary needs pip in its environment, and `{sys.executable} -m pip` fails: "
                f"{(done.stderr.strip().splitlines() or ['no reason given'])[-1]}; install pip there"
            )

    def build_dag(self, user: str | None = None, dryrun: bool = False) -> Mapping[str, Path]:
        found = gather(self.task)
        earlier = refresh.earlier(self.task, found, self.webdir) if self._mode() == "full" else None
        added = found if earlier is None else refresh.added(found, earlier)
        if earlier is not None and not dryrun:
            refresh.copy_pages(earlier, self.webdir)
        arguments = self._arguments(added, existing=earlier is not None)
        command = write_text(self.task.folder / ARGUMENTS, "\n".join(arguments) + "\n")
        read = {"command": command, "labels": refresh.write(self.task.folder, found)}
        for one in found:
            read[f"samples {one.label}"] = one.samples
            read |= {f"psd {one.label} {ifo}": path for ifo, path in one.psds.items()}
            read |= {f"calibration {one.label} {ifo}": path for ifo, path in one.calibration.items()}
        return read

    def submit_dag(self, dryrun: bool = False) -> Job:
        command = self.task.folder / ARGUMENTS
        try:
            arguments = tuple(command.read_text().splitlines())
        except OSError as error:
            raise PipelineError(f"the analysis is not built: {error}") from error
        executable = program(PROGRAMS[self._mode()])
        environment = {"MPLCONFIGDIR": str(self.task.folder / "matplotlib"), "OMP_NUM_THREADS": "1"}
        environment |= {"PATH": builder_environment(executable)["PATH"]}
        resources = replace(self.task.resources, environment={**environment, **self.task.resources.environment})
        return Job(executable, arguments, self.task.folder, JOB, resources)

    def check(self) -> None:
        """Home page there; metafile opened, with samples for every label.  Raises `PipelineError`."""
        if self._mode() != "data":
            home = self.webdir / "home.html"
            if not home.is_file() or not home.stat().st_size:
                raise PipelineError(f"{home} is empty or not there")
        # PESummary writes the metafile last, when all pages are made
        read_metafile(self.metafile, refresh.labels(self.task.folder))

    def collect_assets(self) -> Assets:
        self.check()
        metafile = {"metafile": {"": AssetFile(self.metafile)}, "samples": {"": AssetFile(self.metafile)}}
        return metafile if self._mode() == "data" else {"pages": {"": AssetFile(self.webdir / "home.html")}, **metafile}

    def store_results(self) -> Mapping[str, Path]:
        pages = {} if self._mode() == "data" else {"home.html": self.webdir / "home.html"}
        return {"posterior_samples.h5": self.metafile, **pages}

    def collect_logs(self) -> Mapping[Path, str]:
        return tails([self.task.folder / f"{JOB}.out", self.task.folder / f"{JOB}.err"])

    def failure_reason(self, status: JobStatus) -> str:
        said = last_error(tail(self.task.folder / f"{JOB}.err", 200))
        if said:
            return f"{said}; {status.describe()}"
        try:
            self.check()
        except (PipelineError, InputError) as error:
            return f"{error}; {status.describe()}"
        return super().failure_reason(status)

    # ---- the command ---------------------------------------------------------------------------------------------------
    def _setting(self, key: str, default: Any = None) -> Any:
        for section in ("pesummary", "postprocessing.pesummary"):
            value = self.task.get(f"{section}.{key}")
            if value is not None:
                return value
        return default

    def _mode(self) -> str:
        """``quick``, ``full``, or ``data``: no pages."""
        mode, pages = self._setting("mode", "quick"), self._setting("pages", True)
        if mode not in {"quick", "full"}:
            raise InputError("pesummary.mode", mode, "quick or full")
        if not isinstance(pages, bool):
            raise InputError("pesummary.pages", pages, "true or false")
        return str(mode) if pages else "data"

    def _whole(self, key: str, default: int) -> str:
        value = self._setting(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InputError(f"pesummary.{key}", value, "a whole number of at least 1")
        return str(value)

    def _words(self, key: str, default: tuple[str, ...] = ()) -> list[str]:
        value = self._setting(key, list(default))
        values = [value] if isinstance(value, str) else list(value)
        for index, word in enumerate(values):
            if not isinstance(word, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.+-]*", word):
                raise InputError(f"pesummary.{key}[{index}]", word, "a name of letters, digits and '_'")
        return values

    def _arguments(self, found: list[Samples], *, existing: bool = False) -> list[str]:
        place = ["--add_to_existing", "--existing_webdir"] if existing else ["--webdir"]
        arguments = [*place, str(self.webdir), "--gw", "--labels", *(one.label for one in found)]
        arguments += ["--samples", *(str(one.samples) for one in found)]
        if any(one.config for one in found):
            arguments += ["--config", *(str(one.config) for one in found)]  # "None" where one has none, as PESummary wants it
        if all(one.approximant for one in found):
            arguments += ["--approximant", *(str(one.approximant) for one in found)]
        arguments += _files(found)
        arguments += ["--multi_process", self._whole("multiprocess", 1)]
        special = {"quick": self._quick, "full": self._full, "data": self._data}[self._mode()]
        return arguments + special(found)

    def _data(self, found: list[Samples]) -> list[str]:
        return [
            "--no_conversion",
            "--nsamples",
            self._at_most([contents(one.samples, one.analysis)[1] for one in found]),
            *_frequencies(found),
        ]

    def _quick(self, found: list[Samples]) -> list[str]:
        names = self._words("parameters", QUICK_PARAMETERS)
        has = [contents(one.samples, one.analysis) for one in found]
        shown = [name for name in names if all(name in have for have, _ in has)]
        if not shown:
            raise InputError("pesummary.parameters", names, "a parameter that every set of samples has")
        plain = ["--no_ligo_skymap", "--disable_interactive", "--disable_expert", "--disable_corner", "--no_conversion"]
        return [*plain, "--nsamples", self._at_most([samples for _, samples in has]), "--parameters", *shown]

    def _at_most(self, samples: list[int]) -> str:
        """PESummary fails where it is asked for more samples than a file has."""
        return str(min([int(self._whole("samples", 400)), *samples]))

    def _full(self, found: list[Samples]) -> list[str]:
        arguments = _frequencies(found)
        for option, key in (("--cosmology", "cosmology"), ("--redshift_method", "redshift")):
            if words := self._words(key):
                arguments += [option, words[0]]
        spins = self._words("evolve spins")
        if "forwards" in spins:
            arguments += ["--evolve_spins_forwards"]
        if "backwards" in spins:
            arguments += ["--evolve_spins_backwards", "precession_averaged"]
        if names := self._words("regenerate posteriors"):
            arguments += ["--regenerate", *names]
        if "precessing snr" in (self._setting("calculate") or ()):
            arguments += ["--calculate_precessing_snr"]
        if self._setting("skymap samples") is not None and importlib.util.find_spec("ligo.skymap") is not None:
            return [*arguments, "--nsamples_for_skymap", self._whole("skymap samples", 2000)]
        return [*arguments, "--no_ligo_skymap"]


def _frequencies(found: list[Samples]) -> list[str]:
    """``--f_low`` and ``--f_ref``, each for all sets of samples or for none."""
    arguments = []
    for option, values in (("--f_low", [one.f_low for one in found]), ("--f_ref", [one.f_ref for one in found])):
        if all(value is not None for value in values):
            arguments += [option, *(f"{value:g}" for value in values)]
    return arguments


def _files(found: list[Samples]) -> list[str]:
    """``--psd`` and ``--calibration``; by label where there are several sets of samples."""
    arguments = []
    for one in found:
        prefix = f"--{one.label}_" if len(found) > 1 else "--"
        for option, files in (("psd", one.psds), ("calibration", one.calibration)):
            if files:
                arguments += [f"{prefix}{option}", *(f"{ifo}:{path}" for ifo, path in files.items())]
    return arguments
