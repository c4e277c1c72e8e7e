"""Files that are named as frames are and end as whole ones do, for tests that open none of them."""

from __future__ import annotations

from pathlib import Path


def whole(size: int = 128) -> bytes:
    """As a frame file it begins with IGWD, and its last structure holds its length."""
    return (b"IGWD".ljust(size - 46, b"x") + size.to_bytes(8, "little")).ljust(size, b"\0")


def frame(folder: Path, frame_type: str, start: int, length: int, *, content: bytes | None = None) -> Path:
    """A frame file of the type; it appears as careful writers let it, by a rename."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{frame_type[0]}-{frame_type}-{start}-{length}.gwf"
    draft = folder / f"{path.name}.tmp"
    draft.write_bytes(whole() if content is None else content)
    return draft.rename(path)
