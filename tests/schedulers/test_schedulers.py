"""The names of schedulers."""

from __future__ import annotations

from pathlib import Path

import pytest

from gwfollow import schedulers
from gwfollow.errors import InputError
from gwfollow.settings import Settings


def test_names_stand_for_schedulers_and_the_same_settings_for_the_same_one(tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path))
    for name in schedulers.NAMES:
        found = schedulers.get(name, settings)
        assert found.name == name
        assert schedulers.get(name, Settings(home=str(tmp_path))) is found
    assert schedulers.get("local", Settings(home=str(tmp_path / "other"))) is not schedulers.get("local", settings)


def test_an_unknown_name_is_refused_and_the_known_ones_are_listed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'slurm', expected one of htcondor, local"):
        schedulers.get("slurm", Settings(home=str(tmp_path)))
