"""Names of frame files (LIGO-T050017): ``H-H1_GWOSC_4KHZ_R1-1126259446-32.gwf`` is site, description, GPS start and length in seconds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlparse

from gwfollow.data.segments import Segment

_NAME = re.compile(r"([A-Z]+)-([A-Za-z0-9_+#]+)-(\d{1,10})-(\d{1,7})\.(gwf|hdf5|h5|hdf)")


@dataclass(frozen=True)
class FrameFile:
    """A file of strain and where it is."""

    url: str  # a path, or a URL
    site: str  # H, L, V, K, or several letters
    description: str  # the frame type
    start: int  # GPS s
    duration: int  # s
    extension: str

    @property
    def segment(self) -> Segment:
        return (float(self.start), float(self.start + self.duration))

    @property
    def name(self) -> str:
        return f"{self.site}-{self.description}-{self.start}-{self.duration}.{self.extension}"

    @property
    def path(self) -> Path | None:
        """Where it lies on this machine; None for one that must be downloaded."""
        return local_path(self.url)

    def belongs_to(self, ifo: str) -> bool:
        """Whether the name can be one of this detector: H1 has the site H, and most frame types begin with H1."""
        other = re.match(r"([A-Z]\d)(?:_|$)", self.description)
        return ifo[0] in self.site and (other is None or other[1] == ifo)


def parse(url: str | Path) -> FrameFile | None:
    """What the name of a path or a URL says; None where it is not named as frames are."""
    text = str(url)
    name = Path(unquote(urlparse(text).path)).name if "://" in text else Path(text).name
    found = _NAME.fullmatch(name)
    if found is None or int(found[4]) == 0:
        return None
    return FrameFile(text, found[1], found[2], int(found[3]), int(found[4]), found[5])


def local_path(url: str) -> Path | None:
    """``/a/b``, ``file:///a/b`` and ``file://localhost/a/b`` as a path; None for what lies elsewhere."""
    if "://" not in url:
        return Path(url)
    parts = urlparse(url)
    if parts.scheme == "file" and parts.netloc in {"", "localhost"}:
        return Path(unquote(parts.path))
    return None
