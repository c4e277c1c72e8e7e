"""The ledger as blueprints."""

from __future__ import annotations

from pathlib import Path

import pytest

from gwfollow.errors import NotFound
from gwfollow.ledger.apply import apply
from gwfollow.ledger.blueprints import read_file, read_text
from gwfollow.ledger.export import documents
from gwfollow.ledger.schema import Need
from gwfollow.ledger.store import Ledger
from gwfollow.ledger.yamlfile import read_documents, write_documents

FILES = (
    "tests_test_data_blueprints_production-pe.yaml",
    "tests_test_data_blueprints_production-pe-priors.yaml",
    "tests_test_data_blueprints_GW150914_095045.yaml",
    "examples_dependency-examples.yaml",
    "tests_test_data_blueprints_rift.yaml",
    "tests_test_data_blueprints_GW190924_021846.yaml",
    "tests_test_data_test_complex_dag.yaml",
)


def export(ledger: Ledger, event: str | None = None) -> str:
    with ledger.read() as session:
        return write_documents(documents(session, event))


def edges(ledger: Ledger) -> list[tuple[str, str, str | None]]:
    with ledger.read() as session:
        rows = session.query(Need).order_by(Need.id)
        return [(need.analysis.name, need.condition, need.needed.name if need.needed else None) for need in rows]


def test_what_is_exported_makes_the_same_ledger_again(ledger: Ledger, shared: Path, tmp_path: Path) -> None:
    blueprints = [blueprint for name in FILES for blueprint in read_file(str(shared / "data/blueprints" / name)).blueprints]
    with ledger.change(who="test") as change:
        apply(change, blueprints)
    text = export(ledger)
    other = Ledger.open(f"sqlite:///{tmp_path}/other.db", create=True)
    reading = read_text(text, "export")
    assert [text for text in reading.warnings if "it is read, but its new place" not in text] == []
    with other.change(who="test") as change:
        apply(change, reading.blueprints)
    assert list(read_documents(export(other), "other")) == list(read_documents(text, "first"))
    assert edges(other) == edges(ledger) != []
    other.close()


def test_one_event_comes_with_the_defaults(ledger: Ledger) -> None:
    text = "kind: configuration\nlikelihood: {psd length: 4}\n---\n{kind: event, name: GW1, event time: 10.5, gid: G1}\n---\n{kind: event, name: GW2}"
    with ledger.change(who="test") as change:
        apply(change, read_text(text, "f").blueprints)
    with ledger.read() as session:
        assert documents(session, "GW1") == [
            {"kind": "configuration", "likelihood": {"psd length": 4}},
            {"kind": "event", "name": "GW1", "event time": 10.5, "gid": "G1"},
        ]
        with pytest.raises(NotFound):
            documents(session, "GW9")
