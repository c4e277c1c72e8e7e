"""An environment with asimov and plugins that only a test knows: a thin layer over .venv-peers, made in a blink."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

TEMPLATE = """{%- assign meta = production.meta -%}
[toy]
name = {{ production.name }}
time = {{ meta['event time'] }}
detectors = {{ meta['interferometers'] }}
rate = {{ meta['likelihood']['sample rate'] | default: 4096 }}
psds = {% for ifo in meta['interferometers'] %}{{ ifo }}:{{ production.psds[ifo] }} {% endfor %}
pipeline = {{ pipeline.name }}
"""


def layer_over(peers: Path, folder: Path, points: Mapping[str, str], *, asimov: bool = True) -> Path:
    """The Python of a new environment in `folder`: everything of `peers`, and a package whose entry points are plugins of asimov."""
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to((peers / "bin" / "python").resolve())
    shutil.copy(peers / "pyvenv.cfg", folder)
    (theirs,) = peers.glob("lib/python3*/site-packages")
    packages = folder / theirs.relative_to(peers)
    packages.mkdir(parents=True)
    if asimov:
        (packages / "peers.pth").write_text(f"{theirs}\n")
    here = Path(__file__).parent
    shutil.copy(here / "asimov_toy_plugin.py", packages)
    (packages / "asimov_toy.ini").write_text(TEMPLATE)
    about = packages / "toy_plugins-1.2.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-plugins\nVersion: 1.2\n")
    lines = "".join(f"{name} = {value}\n" for name, value in points.items())
    (about / "entry_points.txt").write_text(f"[asimov.pipelines]\n{lines}")
    return python
