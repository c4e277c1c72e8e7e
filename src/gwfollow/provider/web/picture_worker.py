"""The process that draws one sky map: ``python -m gwfollow.provider.web.picture_worker FITS PNG JSON``.

What the map says is written first, for it is known long before the picture is drawn.
"""

from __future__ import annotations

import json
import os
import resource
import runpy
import sys
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

#: bytes of address space: a file made to fill the memory fills that of this process only
MEMORY = 6 * 1024**3


def main(fits: str, png: str, facts: str) -> None:
    """Raises what the reader and the plotter raise; the last line on stderr is what a person gets to see."""
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    from gwfollow.alerts.skymap import describe

    found: Any = describe(Path(fits))
    part = Path(facts).with_name(f"part-{Path(facts).name}")
    part.write_text(json.dumps(asdict(found) if is_dataclass(found) and not isinstance(found, type) else dict(found)))
    part.replace(facts)
    sys.argv = ["skymap_plot", fits, png]
    runpy.run_module("gwfollow.alerts.skymap_plot", run_name="__main__")


if __name__ == "__main__":
    main(*sys.argv[1:])
