"""What ``gwfollow scan run`` does: a configuration, the scan's worker as a child."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, fields
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gwfollow.errors import InputError, PermanentError
from gwfollow.scans.model import CONFIG, RESULT, ScanConfig, ScanResult

if TYPE_CHECKING:
    from gwfollow.data.lookup import LookUp

NOTHING_SCANNED = 3


@dataclass(frozen=True)
class Wanted:
    """The options that make a configuration."""

    gps: float
    ifo: str | None
    channels: tuple[str, ...]
    primary: str | None
    channel_set: str | None
    frames: Path | None
    datafind: str | None
    frame_types: tuple[str, ...]
    gwosc: bool
    engine: str | None
    far_threshold: float | None
    title: str
    out: Path | None

    def folder(self, ifo: str) -> Path:
        return self.out or Path(f"scan-{ifo}-{self.gps:.3f}")


WANTED = tuple(field.name for field in fields(Wanted))


def time_of(text: str) -> float:
    from gwfollow.scans.asked import read_time

    gps = read_time(text)
    if gps is None:
        raise InputError("--gps", text, "GPS seconds, or a UTC time")
    return gps


def configuration(wanted: Wanted) -> ScanConfig:
    """Raises `InputError`, or what a server of frames says."""
    places = [name for name in ("frames", "datafind", "gwosc") if getattr(wanted, name)]
    if len(places) > 1:
        raise InputError(f"--{places[0]}, --{places[1]}", "both", "one place of frames")
    if wanted.far_threshold is not None and not 0 < wanted.far_threshold < 1e6:
        raise InputError("--far-threshold", wanted.far_threshold, "a rate above 0 (Hz)")
    if wanted.channel_set:
        return _of_set(wanted)
    if not places:
        raise InputError("--set, --frames, --datafind, --gwosc", None, "one of them: where the frames are")
    return _on_the_fly(wanted)


def _of_set(wanted: Wanted) -> ScanConfig:
    from gwfollow.data.lookup import Folder
    from gwfollow.scans.channel_sets import load
    from gwfollow.settings import Settings

    for name in ("datafind", "gwosc", "frame_types", "primary"):
        if getattr(wanted, name):
            raise InputError(
                f"--{name.replace('_', '-').rstrip('s')}", getattr(wanted, name), "nothing beside --set, which says it"
            )
    found = load(str(wanted.channel_set), Settings.read().configs_folder)
    for warning in found.warnings:
        click.echo(f"warning: {warning}", err=True)
    if wanted.ifo and wanted.ifo != found.ifo:
        raise InputError("--ifo", wanted.ifo, f"{found.ifo}, whose channels {found.name} has")
    overrides: dict[str, Any] = {"channels": list(wanted.channels)} if wanted.channels else {}
    made = found.scan_config(gps=wanted.gps, title=wanted.title or found.ifo, overrides=overrides)
    changes: dict[str, Any] = {
        key: getattr(wanted, key) for key in ("engine", "far_threshold") if getattr(wanted, key) is not None
    }
    if wanted.frames is not None:
        if not wanted.frames.is_dir():
            raise InputError("--frames", str(wanted.frames), "a folder that is there")
        here = str(wanted.frames.absolute())
        changes["look_ups"] = tuple(
            each.model_copy(update={"ways": (Folder(path=here, frame_type=None),), "timeout": 0.0}) for each in made.look_ups
        )
    return made.model_copy(update=changes)


def _on_the_fly(wanted: Wanted) -> ScanConfig:
    """In a process of its own: a damaged frame can end the one that opens it."""
    ifo = wanted.ifo or _detector(wanted.channels)
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool:
        try:
            made, warnings = pool.submit(_made, wanted, ifo).result()
        except BrokenProcessPool:
            raise PermanentError(
                f"the frames of {ifo} at {wanted.gps:.3f} are damaged: the process that opened them died"
            ) from None
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)
    return made


def _made(wanted: Wanted, ifo: str) -> tuple[ScanConfig, list[str]]:
    from gwfollow.scans import on_the_fly
    from gwfollow.scans.arrival import FRAMES

    warnings: list[str] = []
    options: dict[str, Any] = {
        key: getattr(wanted, key) for key in ("engine", "far_threshold") if getattr(wanted, key) is not None
    }
    made = on_the_fly.config(
        ifo,
        wanted.channels,
        wanted.gps,
        _look_ups(wanted, ifo),
        primary=wanted.primary,
        title=wanted.title,
        downloads=wanted.folder(ifo) / FRAMES,  # where the worker looks for them
        warn=warnings.append,
        **options,
    )
    return made, warnings


def _look_ups(wanted: Wanted, ifo: str) -> list[LookUp]:
    from gwfollow.data.lookup import GWOSC, Datafind, LookUp
    from gwfollow.scans.frame_contents import in_folder

    if wanted.frames is not None:
        every = in_folder(wanted.frames, ifo, wanted.gps)
        unknown = [kind for kind in wanted.frame_types if kind not in {each.frame_type for each in every}]
        if unknown:
            raise InputError("--frame-type", unknown[0], f"one of {', '.join(each.frame_type for each in every)}")
        return [each for each in every if not wanted.frame_types or each.frame_type in wanted.frame_types]
    if wanted.gwosc:
        return [LookUp(ifo=ifo, frame_type=f"{ifo}_GWOSC", ways=(GWOSC(host=None),), timeout=0.0)]
    if not wanted.frame_types:
        raise InputError("--frame-type", None, "with --datafind the type of the frames: H1_R")
    host = None if wanted.datafind == "default" else wanted.datafind
    return [
        LookUp(ifo=ifo, frame_type=kind, ways=(Datafind(host=host, frame_type=None),), timeout=0.0) for kind in wanted.frame_types
    ]


def _detector(channels: tuple[str, ...]) -> str:
    found = {name[:2] for name in channels if name[2:3] == ":" and name[1] != "0"}
    if len(found) != 1:
        raise InputError("--ifo", ", ".join(sorted(found)) or None, "one detector: H1, L1, V1, ...")
    return found.pop()


def work(config: ScanConfig, folder: Path, workers: int | None) -> tuple[int, ScanResult]:
    """Run the worker in `folder` and pass on what it says; its exit code and the result.

    Raises `InputError` for a folder that holds another scan, `PermanentError` where the worker ends without a result.
    """
    if workers:
        config = config.model_copy(update={"workers": workers})
    _prepare(config, folder)
    with tempfile.TemporaryFile("w+") as complaints:
        child = subprocess.Popen(
            [sys.executable, "-m", "gwfollow.scans.worker", str(folder)],
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        assert child.stdout is not None
        while True:
            try:
                for line in child.stdout:
                    click.echo(line.rstrip(), err=True)
                code = child.wait()
                break
            except KeyboardInterrupt:  # the terminal tells the child too: it writes what it has
                continue
        complaints.seek(0)
        said = [line.strip() for line in complaints.read().splitlines() if line.strip()]
    if code not in (0, NOTHING_SCANNED):
        how = f"exit code {code}" if code >= 0 else signal.Signals(-code).name
        raise PermanentError(f"the scan in {folder} ended with {how}: {said[-1] if said else 'it said nothing'}")
    return code, ScanResult.model_validate_json((folder / RESULT).read_bytes())


def _prepare(config: ScanConfig, folder: Path) -> None:
    text = config.model_dump_json(indent=1) + "\n"
    path = folder / CONFIG
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if path.exists():
            before = ScanConfig.model_validate_json(path.read_bytes())
            # how many processes scan does not change what is scanned
            if before.model_copy(update={"workers": config.workers}) != config:
                raise InputError(f"--out {folder}", "another scan", "a new folder, or the same options to go on with that one")
        path.write_text(text)
    except OSError as error:
        raise InputError(f"--out {folder}: {error.strerror or error}") from None
    except ValueError:
        raise InputError(f"--out {folder}", f"{CONFIG} of something else", "a new folder") from None


__all__ = ["WANTED", "Wanted", "configuration", "time_of", "work"]
