"""What all tests share."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gwfollow.sandbox.htcondor import PersonalPool

CHECKOUT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The top folder of the repository."""
    return CHECKOUT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real inputs that is not part of the repository; tests that need it skip without it."""
    folder = Path(os.environ.get("GWFOLLOW_SHARED", CHECKOUT.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"no real inputs at {folder} (set GWFOLLOW_SHARED)")
    return folder


@pytest.fixture(scope="session")
def pool() -> Iterator[PersonalPool]:
    """A running personal HTCondor for the whole session; CONDOR_CONFIG and PATH point to it."""
    folder = Path(tempfile.mkdtemp(prefix="gwp-", dir="/tmp"))  # short: see PersonalPool
    with pytest.MonkeyPatch.context() as patch, PersonalPool(folder / "pool") as running:
        for name, value in running.env().items():
            patch.setenv(name, value)
        yield running
    shutil.rmtree(folder)
