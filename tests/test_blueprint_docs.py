"""The examples of docs/blueprints.md and of the README are applied as they stand, and no key is forgotten."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from gwfollow.ledger.apply import apply
from gwfollow.ledger.blueprints import read_file
from gwfollow.ledger.forms.deprecated import MOVES
from gwfollow.ledger.forms.expand import _KINDS
from gwfollow.ledger.schema import Analysis
from gwfollow.ledger.store import Ledger

_BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# file: (\S+)\n")


@pytest.fixture
def ledger(sqlite_url: str) -> Iterator[Ledger]:
    found = Ledger.open(sqlite_url)
    yield found
    found.close()


def apply_page(page: Path, ledger: Ledger, folder: Path) -> list[str]:
    """Apply the examples of a page from top to bottom, each as a file; those that are called `# file: NAME` are only laid down."""
    warnings: list[str] = []
    for number, block in enumerate(_BLOCK.findall(page.read_text())):
        named = _FILE.match(block)
        path = folder / (named[1] if named else f"{number}.yaml")
        path.parent.mkdir(exist_ok=True)
        path.write_text(block)
        if named:
            continue
        reading = read_file(str(path))
        warnings += reading.warnings
        ledger.run(lambda change, reading=reading: apply(change, reading.blueprints), who="test")  # type: ignore[misc]
    return warnings


def test_every_example_of_the_page_applies_without_a_warning(checkout: Path, ledger: Ledger, tmp_path: Path) -> None:
    assert apply_page(checkout / "docs" / "blueprints.md", ledger, tmp_path) == []
    with ledger.read() as session:
        made = [f"{row.event.name}/{row.name}" for row in session.scalars(select(Analysis).order_by(Analysis.id))]
    assert made == [
        "GW151226/pe",
        "GW150914/psd",
        "GW150914/bilby",
        "GW150914/summary",
        "GW150914/pe-IMRPhenomXPHM-true",
        "GW150914/pe-IMRPhenomXPHM-false",
        "GW150914/pe-SEOBNRv5PHM-true",
        "GW150914/pe-SEOBNRv5PHM-false",
        "project/population",
        "GW150914/xphm",
        "GW150914/xphm-pages",
        "GW150914/final",
        "GW150914/final-pages",
        "GW150914/final-skymap",
        "GW150914/combined-pages",
        "GW151226/combined-pages",
    ]


def test_the_example_of_the_readme_applies(checkout: Path, ledger: Ledger, tmp_path: Path) -> None:
    assert apply_page(checkout / "README.md", ledger, tmp_path) == []
    with ledger.read() as session:
        assert session.scalars(select(Analysis.name).order_by(Analysis.id)).all()[:2] == ["psd", "bilby"]


def test_every_kind_and_every_older_place_stands_in_the_page(checkout: Path) -> None:
    text = (checkout / "docs" / "blueprints.md").read_text()
    for kind in _KINDS:
        assert f"`{kind}`" in text
    for old, new in MOVES:
        assert f"`{'.'.join(old)}`" in text, old
        assert f"`{'.'.join(new)}`" in text or (new[0] == "likelihood" and "the same in `likelihood`" in text), new
