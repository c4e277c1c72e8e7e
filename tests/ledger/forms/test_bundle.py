"""Bundles of analyses."""

from __future__ import annotations

from pathlib import Path

import pytest

from gwfollow.errors import InputError
from gwfollow.ledger.blueprints import read_file, read_text
from gwfollow.ledger.forms.sources import MAX_DEPTH, MAX_FILES

BUNDLE = "kind: analysisbundle\nname: pe\nanalyses:\n"
ANALYSIS = "kind: analysis\nname: {}\npipeline: psd\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "psd.yaml").write_text(ANALYSIS.format("psd"))
    (tmp_path / "analyses").mkdir()
    (tmp_path / "analyses" / "pe.yml").write_text(ANALYSIS.format("pe-1") + "---\n" + ANALYSIS.format("pe-2") + "event: GW2\n")
    (tmp_path / "bundles").mkdir()
    return tmp_path


def bundle(folder: Path, *references: str, name: str = "bundle.yaml", more: str = "") -> str:
    path = folder / name
    path.write_text(BUNDLE + "".join(f"- {reference}\n" for reference in references) + more)
    return str(path)


def test_files_beside_the_bundle_and_analyses_written_out_are_its_members_in_order(folder: Path) -> None:
    path = bundle(folder, "psd", "pe", "{name: sum, pipeline: pesummary, needs: [pe-1]}", more="event: GW1\n")
    read = read_file(path).blueprints
    assert [(b.kind, b.event, b.name, b.pipeline) for b in read] == [
        ("analysis", "GW1", "psd", "psd"),
        ("analysis", "GW1", "pe-1", "psd"),
        ("analysis", "GW2", "pe-2", "psd"),
        ("analysis", "GW1", "sum", "pesummary"),
    ]


def test_analyses_lie_beside_bundles_as_in_asimovs_data(folder: Path) -> None:
    assert [b.name for b in read_file(bundle(folder / "bundles", "pe", "../psd.yaml")).blueprints] == ["pe-1", "pe-2", "psd"]


def test_a_bundle_may_hold_bundles_and_matrices(folder: Path) -> None:
    bundle(folder, "psd", name="inner.yaml")
    path = bundle(folder, "inner", "{name: 'a-{x.y}', pipeline: psd, strategy: {x.y: [1, 2]}}", more="event: my event\n")
    read = read_file(path)
    assert [(b.event, b.name) for b in read.blueprints] == [("my-event", "psd"), ("my-event", "a-1"), ("my-event", "a-2")]
    assert read.warnings == [
        "blueprint bundle.yaml, document 1 (analysisbundle pe): the name 'my event' has spaces; it was read as 'my-event'"
    ]


def test_what_is_wrong_in_a_member_is_told_with_its_own_file(folder: Path) -> None:
    (folder / "psd.yaml").write_text("kind: analysis\nname: psd\n")
    with pytest.raises(InputError, match=r"^blueprint psd.yaml, document 1 \(analysis psd\), pipeline: found None"):
        read_file(bundle(folder, "psd"))


@pytest.mark.parametrize(
    ("references", "message"),
    [
        (
            ["none"],
            r"bundle.yaml, document 1 \(analysisbundle pe\), analyses\[0\]: found 'none', expected none.yaml or none.yml in",
        ),
        (["psd", "3"], r"analyses\[1\]: found 3, expected an analysis, or the name or address"),
        (["''"], r"analyses\[0\]: found ''"),
        (["x" * 300], r"File name too long"),
        (["bundle"], r"a circle of bundles: bundle.yaml -> bundle.yaml"),
        (["{kind: event, name: GW1}"], r"analyses\[0\], kind: found 'event', expected analyses"),
        (["{kind: configuration}"], r"kind: found 'configuration', expected analyses"),
        (["https://evil.example/x.yaml"], r"evil.example:443 is not among the hosts of GWFOLLOW_BLUEPRINT_HOSTS \(none\)"),
        (["file:///etc/passwd"], r"found 'file://', expected https://"),
    ],
)
def test_references_that_lead_nowhere_are_refused(folder: Path, references: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_file(bundle(folder, *references))


def test_circles_are_found_whatever_their_length_and_however_a_file_is_called(folder: Path) -> None:
    bundle(folder, "../b.yaml", name="bundles/c.yaml")
    bundle(folder, "bundles/c", name="b.yaml")
    (folder / "link.yaml").symlink_to(folder / "b.yaml")
    with pytest.raises(InputError, match=r"a circle of bundles: b.yaml -> c.yaml -> b.yaml"):
        read_file(str(folder / "link.yaml"))


def test_a_file_may_be_named_twice_without_a_circle(folder: Path) -> None:
    assert [b.name for b in read_file(bundle(folder, "psd", "psd")).blueprints] == ["psd", "psd"]


def test_bundles_are_read_to_a_depth_and_a_number_of_files(folder: Path) -> None:
    for level in range(MAX_DEPTH + 2):
        bundle(folder, f"b{level + 1}", name=f"b{level}.yaml")
    with pytest.raises(InputError, match=f"bundles within bundles, more than {MAX_DEPTH} deep"):
        read_file(str(folder / "b0.yaml"))
    with pytest.raises(InputError, match=f"more than {MAX_FILES} files"):
        read_file(bundle(folder, *["psd"] * (MAX_FILES + 1)))


def test_a_text_that_is_no_file_has_nothing_beside_it() -> None:
    assert read_text(BUNDLE + "- {name: a, pipeline: psd}", "template x").blueprints[0].name == "a"
    with pytest.raises(InputError, match="'psd' cannot be looked for, since this text is no file"):
        read_text(BUNDLE + "- psd", "template x")


def test_standard_input_is_in_the_present_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import io
    import sys

    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO((BUNDLE + "- psd").encode())))
    assert read_file("-").blueprints[0].name == "psd"
