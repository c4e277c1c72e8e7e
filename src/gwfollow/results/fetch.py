"""Where results are put that are copied out of the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from gwfollow.ledger.schema import Result


def targets(found: Sequence[Result], folder: Path) -> dict[Path, Result]:
    """A path in `folder` for each; files of one name get a folder of their name and label, and where that is one too, their checksum."""
    names = Counter(result.filename for result in found)
    placed: dict[Path, Result] = {}
    for result in found:
        # file names come from the outside; one that would lead elsewhere stays a name
        name = Path(result.filename).name or result.sha256
        target = folder / name
        if names[result.filename] > 1:
            target = folder / "-".join(filter(None, (result.name, result.label))).replace("/", "_").strip(".") / name
        while target in placed:
            target = target.with_name(f"{result.sha256[:12]}-{target.name}")
        placed[target] = result
    return placed


__all__ = ["targets"]
