"""What the analyses that one needs have made for it: which file is whose, whether it is unchanged, and who has failed to make one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gwfollow.checksums import sha256_once
from gwfollow.errors import GWFollowError, PipelineError
from gwfollow.pipelines.base import AssetFile, NeededAnalysis, Task


def by_detector(files: Mapping[str, AssetFile]) -> dict[str, list[str]]:
    """Labels by detector: that of a detector's only file is ``H1``, those of several are ``H1.0``, ``H1.1``, ..."""
    found: dict[str, list[str]] = {}
    for label in files:
        found.setdefault(label.partition(".")[0], []).append(label)
    return {ifo: sorted(labels, key=_order) for ifo, labels in found.items()}


def numbered(ifo: str, files: list[Path]) -> dict[str, AssetFile]:
    """The labels that `by_detector` reads."""
    return {f"{ifo}.{index}" if len(files) > 1 else ifo: AssetFile(path) for index, path in enumerate(files)}


def unchanged(task: Task, asset: str, label: str) -> Path:
    """The file that is taken under this label, which must be what was collected.

    Raises `PipelineError` that names who made it, where it has gone or has another SHA-256 now.
    """
    return kept(next(other for other in reversed(task.needed) if label in other.assets.get(asset, {})), asset, label)


def kept(maker: NeededAnalysis, asset: str, label: str) -> Path:
    """The same for a file of one maker.  Raises as `unchanged`."""
    file = maker.assets[asset][label]
    what = f"{asset}{f' of {label}' if label else ''}, which {describe(maker)} made"
    try:
        present = sha256_once(file.path) if file.sha256 else ""
    except OSError as error:
        raise PipelineError(f"{what}: {file.path} cannot be read any more ({error.strerror})") from error
    if present != file.sha256:
        raise PipelineError(
            f"{what}: {file.path} has changed since it was collected (SHA-256 {present[:12]}..., recorded {file.sha256[:12]}...); "
            f"restore it, or restart {maker.name}"
        )
    return file.path


def check_taken(task: Task, read: Mapping[str, Path], checksums: Mapping[str, str]) -> None:
    """The same for whatever a builder says that it read (`checksums` as `read`).  Raises `PipelineError`."""
    made = {
        file.path: (other, asset, file.sha256)
        for other in task.needed
        for asset, files in other.assets.items()
        for file in files.values()
    }
    for name, path in read.items():
        maker, asset, recorded = made.get(path.absolute(), (None, "", ""))
        if maker is not None and recorded and checksums[name] != recorded:
            raise PipelineError(
                f"{name}: {path}, one of the {asset} of {describe(maker)}, has changed since it was collected "
                f"(SHA-256 {checksums[name][:12]}..., recorded {recorded[:12]}...); restore it, or restart {maker.name}"
            )


def blame(task: Task, asset: str) -> str:
    """Half a sentence: which of the needed analyses was to make the asset and what it made of it."""
    said = [text for other in task.needed if (text := _account(other, asset))]
    if said:
        return "; ".join(said)
    names = ", ".join(describe(other) for other in task.needed)
    return f"nothing that it needs makes {asset} (it needs {names or 'nothing'})"


def describe(other: NeededAnalysis) -> str:
    return f"{other.name} ({other.pipeline})"


def _account(other: NeededAnalysis, asset: str) -> str:
    made = sorted(by_detector(other.assets.get(asset, {})))
    if made:
        return f"{describe(other)} was to make them and made only {' and '.join(label or 'one' for label in made)}"
    if asset not in _promised(other):
        return ""
    if not other.assets and other.status not in {"finished", "processing", "uploaded", "finalised", ""}:
        return f"{describe(other)} is to make them and is {other.status}"
    return f"{describe(other)} was to make them and made none"


def _promised(other: NeededAnalysis) -> tuple[str, ...]:
    """What its pipeline may make; nothing where that is not installed here."""
    from gwfollow.pipelines import registry

    try:
        return registry.find(other.pipeline).available_outputs
    except GWFollowError:
        return ()


def _order(label: str) -> int:
    number = label.partition(".")[2]
    return int(number) if number.isdigit() else 0
