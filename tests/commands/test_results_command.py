"""``gwfollow results``, ``report``, ``package`` and ``provenance`` as people call them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from gwfollow.cli import group
from gwfollow.errors import InputError, NotFound, PermanentError
from gwfollow.ledger.store import Ledger
from gwfollow.results.store import Store

BLUEPRINT = (
    "kind: event\nname: GW1\n---\nkind: analysis\nname: psd\npipeline: psd\n---\nkind: analysis\nname: bilby\npipeline: bilby\n"
)
Run = Callable[..., str]


@pytest.fixture
def run(gwfollow: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("GWFOLLOW_HOME", str(tmp_path / "home"))
    return gwfollow


@pytest.fixture
def quick(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """On SQLite alone."""
    monkeypatch.setenv("GWFOLLOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GWFOLLOW_LEDGER", sqlite_url)

    def command(*arguments: str, text: str = "") -> str:
        done = CliRunner().invoke(group, arguments, input=text)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.stdout

    command("apply", "-f", "-", text=BLUEPRINT)
    return command


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    path = tmp_path / "samples.dat"
    path.write_text("chirp_mass mass_ratio\n" + "".join(f"{30 + n / 50} 0.5\n" for n in range(101)))
    return path


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home" / "results")


def only_object(store: Store) -> Path:
    (path,) = store.objects()
    path.chmod(0o644)
    return path


def test_a_file_is_added_by_hand_listed_shown_and_fetched(run: Run, samples: Path, tmp_path: Path) -> None:
    assert "samples.dat: " in run("results", "add", "GW1/bilby", str(samples), "--why", "run at my desk")
    listed = run("results", "list", "GW1")
    assert [line.split()[0] for line in listed.splitlines()] == ["analysis", "GW1/bilby"]
    assert "by hand  samples" in listed
    (row,) = json.loads(run("results", "list", "--json"))
    assert (row["analysis"], row["attempt"], row["summarised"]) == ("bilby", None, True)
    shown = run("results", "show", "GW1/bilby")
    assert "101 samples" in shown
    assert "chirp_mass  31.00   30.10  31.90" in shown
    run("results", "fetch", "GW1/bilby", "samples", "-o", str(tmp_path / "out"))
    assert (tmp_path / "out" / "samples.dat").read_text() == samples.read_text()
    assert "1 results stored" in run("journal", "GW1/bilby")
    assert json.loads(run("results", "show", "GW1/bilby", "--json"))["samples.dat"]["format"] == "text"
    assert "1 events, 1 of their pages are new" in run("report", "-o", str(tmp_path / "site"))
    assert "samples.dat" in (tmp_path / "site" / "events" / "GW1.html").read_text()
    assert "1 results" in run("package", "GW1/bilby", "-o", str(tmp_path / "crate.zip"))
    assert "sha256:" in run("provenance", "GW1", "--format", "provn")


def test_added_again_it_is_one_row_and_the_same_content_of_two_analyses_is_one_object(
    quick: Run, samples: Path, store: Store
) -> None:
    for _ in range(2):
        quick("results", "add", "GW1/bilby", str(samples))
    quick("results", "add", "GW1/psd", str(samples), "--name", "psds", "--label", "H1")
    assert len(json.loads(quick("results", "list", "--json"))) == 2
    only_object(store)
    assert "1 objects" in quick("results", "verify")


def test_nothing_is_overwritten_without_force_and_files_of_one_name_do_not_meet(
    quick: Run, samples: Path, tmp_path: Path
) -> None:
    quick("results", "add", "GW1/bilby", str(samples))
    other = tmp_path / "other" / "samples.dat"
    other.parent.mkdir()
    other.write_text("a\n1\n")
    quick("results", "add", "GW1/bilby", str(other), "--label", "H1")
    out = tmp_path / "out"
    quick("results", "fetch", "GW1/bilby", "-o", str(out))
    assert (out / "samples" / "samples.dat").read_text() == samples.read_text()
    assert (out / "samples-H1" / "samples.dat").read_text() == "a\n1\n"
    with pytest.raises(InputError, match="--force"):
        quick("results", "fetch", "GW1/bilby", "-o", str(out))
    quick("results", "fetch", "GW1/bilby", "-o", str(out), "--force")


def test_verify_names_what_is_altered_missing_and_nobodys(quick: Run, samples: Path, store: Store, tmp_path: Path) -> None:
    quick("results", "add", "GW1/bilby", str(samples))
    path = only_object(store)
    path.write_text("x" * path.stat().st_size)
    orphan = tmp_path / "orphan"
    orphan.write_text("nobody's")
    lost = store.path(store.put(orphan).sha256)
    os.utime(lost, (1, 1))
    done = CliRunner().invoke(group, ["results", "verify"])
    assert done.exit_code == 1
    assert f"{path} (GW1/bilby: samples.dat): altered: " in done.stdout
    assert f"{lost}: nobody's: no result in the ledger has it" in done.stdout
    assert "1 objects" in done.stdout
    assert "2 not as they should be" in done.stdout
    with pytest.raises(PermanentError, match="has been altered"):
        quick("results", "fetch", "GW1/bilby", "-o", str(tmp_path / "out"))
    path.unlink()
    done = CliRunner().invoke(group, ["results", "verify", "--repair"])
    assert done.exit_code == 1, "there is nothing to store it again from"
    assert f"{path} (GW1/bilby: samples.dat): missing\n" in done.stdout
    assert f"{lost}: nobody's: no result in the ledger has it; removed" in done.stdout
    assert not lost.exists()


def test_verify_repairs_from_the_attempts_folder_where_the_file_is_still_the_same(
    quick: Run, samples: Path, store: Store, sqlite_url: str
) -> None:
    from gwfollow.ledger.schema import Asset, Result

    quick("results", "add", "GW1/bilby", str(samples))
    ledger = Ledger.open(sqlite_url)
    with ledger.change(who="test") as change:
        result = change.session.get(Result, 1)
        assert result is not None
        asset = {"name": "samples", "path": str(samples), "sha256": result.sha256, "size": result.size}
        change.session.add(Asset(attempt_id=result.attempt_id, **asset))
    ledger.close()
    path = only_object(store)
    path.write_text("x" * path.stat().st_size)
    assert f"stored again from {samples}" in quick("results", "verify", "--repair")
    assert path.read_text() == samples.read_text()
    path.unlink()
    samples.write_text("other")
    assert CliRunner().invoke(group, ["results", "verify", "--repair"]).exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (("add", "GW1/bilby", "missing.h5"), NotFound, r"missing\.h5 is not there; nothing was stored"),
        (("add", "GW1/biby", "x"), NotFound, "no analysis 'biby'.*bilby"),
        (("add", "GW1", "x"), InputError, "EVENT/ANALYSIS"),
        (("list", "GW2"), NotFound, "no event 'GW2'"),
        (("fetch", "GW1/bilby", "-o", "out"), NotFound, "GW1/bilby has no results"),
        (("show", "GW1/bilby"), NotFound, "GW1/bilby has no posterior"),
        (("summarise", "missing.h5"), PermanentError, r"missing\.h5 cannot be read: No such file"),
    ],
)
def test_wrong_input_is_told_before_anything_changes(
    arguments: tuple[str, ...], error: type[Exception], words: str, quick: Run, store: Store, tmp_path: Path
) -> None:
    with pytest.raises(error, match=words):
        quick("results", *arguments)
    assert not store.folder.exists()
    assert not (tmp_path / "out").exists()


def test_a_label_that_would_lead_elsewhere_is_refused(quick: Run, samples: Path, store: Store) -> None:
    for option in ("--name", "--label"):
        with pytest.raises(InputError, match=option):
            quick("results", "add", "GW1/bilby", str(samples), option, "../../x")
    assert not store.folder.exists()


def test_an_empty_store_says_how_it_is_filled(quick: Run) -> None:
    assert "no results yet" in quick("results", "list")
    assert quick("results", "list", "--json") == "[]\n"
    assert "0 objects" in quick("results", "verify")


def test_a_real_file_is_summarised(quick: Run, shared: Path) -> None:
    said = quick("results", "summarise", str(shared / "data" / "pe" / "bilby_example_result.json"))
    assert "IMRPhenomPv2, dynesty, 2013 samples" in said
    assert "mass_1               36.015" in said
