"""Settings, and the one place that reads them."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from gwfollow.errors import InputError
from gwfollow.settings import Settings


def test_an_empty_variable_counts_as_unset() -> None:
    assert Settings.read({"GWFOLLOW_SCHEDULER": "", "GWFOLLOW_SCHEDD": "ldas"}) == Settings(schedd="ldas")


def test_the_ledger_is_sqlite_in_the_home_folder_unless_a_url_says_otherwise(tmp_path: Path) -> None:
    assert Settings(home=str(tmp_path)).ledger_url == f"sqlite:///{tmp_path}/ledger.db"
    assert Settings(ledger="postgresql://host/db").ledger_url == "postgresql://host/db"


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "inf", "100000"])
def test_a_period_that_is_none_is_refused_with_the_name_of_the_variable(text: str) -> None:
    with pytest.raises(InputError, match="GWFOLLOW_POLL_SECONDS: found"):
        assert Settings(poll_seconds=text).poll_period


def test_a_period_is_in_seconds() -> None:
    assert Settings(poll_seconds="0.5", settle_seconds="0").poll_period == 0.5


def test_every_setting_has_its_variable_and_a_sentence() -> None:
    for field in fields(Settings):
        assert re.fullmatch(r"GWFOLLOW_[A-Z_]+", field.metadata["env"])
        assert len(field.metadata["doc"].split()) > 3
        assert field.metadata["doc"].endswith((".", ".'"))


def test_only_the_settings_module_reads_our_variables(checkout: Path) -> None:
    """Files that set variables for others to read may name them; nobody else may look them up."""
    looks_up = re.compile(r"(environ(\.get)?[\[(]|getenv\()\s*[\"']GWFOLLOW_")
    offenders = [
        str(path) for path in (checkout / "src").rglob("*.py") if looks_up.search(path.read_text()) and path.name != "settings.py"
    ]
    assert offenders == []


def test_the_configs_of_the_checkout_are_found() -> None:
    assert Settings().configs_folder.name == "configs"
    assert Settings(configs="/etc/gwfollow").configs_folder == Path("/etc/gwfollow")
