"""PESummary's metafile opened: a file that exists is not yet one with samples."""

from __future__ import annotations

from pathlib import Path

from gwfollow.errors import PipelineError


def read_metafile(path: Path, labels: list[str]) -> dict[str, int]:
    """Open PESummary's metafile: label -> number of samples.

    Raises `PipelineError` where it cannot be opened, lacks one of the labels, or has no samples under one.
    """
    import h5py

    if not path.is_file() or path.stat().st_size == 0:
        raise PipelineError(f"{path} is empty or not there")
    sizes = {}
    try:
        with h5py.File(path, "r") as file:
            for label in labels:
                if label not in file or "posterior_samples" not in file[label]:
                    raise PipelineError(f"{path} has no samples of {label}")
                sizes[label] = len(file[label]["posterior_samples"][()])
    except PipelineError:
        raise
    except Exception as error:  # h5py has many ways to say that a file is cut off
        raise PipelineError(f"{path} cannot be read: {type(error).__name__}: {error}") from error
    for label, size in sizes.items():
        if not size:
            raise PipelineError(f"{path}: the samples of {label} are empty")
    return sizes
