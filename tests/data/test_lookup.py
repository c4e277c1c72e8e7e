"""A look-up asks its ways in their order until the stretch is covered; silence is not a gap."""

from __future__ import annotations

from pathlib import Path

import pytest

from datafind_server import DatafindServer
from fake_frames import frame
from gwfollow.data import lookup
from gwfollow.data.lookup import GWOSC, Datafind, Folder, LookUp, find
from gwfollow.data.names import FrameFile, parse
from gwfollow.errors import InputError, RemoteRefused, RemoteSilent

KIND = "H1_HOFT"
WANTED = (1126259456.0, 1126259464.0)
NOBODY = Datafind(host="http://127.0.0.1:9")


def look_up(*ways: Folder | Datafind | GWOSC) -> LookUp:
    return LookUp(ifo="H1", frame_type=KIND, ways=ways)


def at(folder: Path) -> Folder:
    return Folder(path=str(folder))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """The hosts of servers that were asked."""
    hosts: list[str | None] = []
    answer = lookup.discovery.from_datafind

    def counted(host: str | None, *about: object, **options: object) -> list[FrameFile]:
        hosts.append(host)
        return answer(host, *about, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(lookup.discovery, "from_datafind", counted)
    return hosts


def test_who_comes_later_is_not_asked_about_what_is_covered(tmp_path: Path, asked: list[str]) -> None:
    frame(tmp_path, KIND, 1126259456, 8)
    found = find(look_up(at(tmp_path), NOBODY), WANTED)
    assert found.complete
    assert asked == []


@pytest.mark.slow
def test_ways_together_cover_what_none_does_alone_and_what_two_know_counts_once(
    tmp_path: Path, datafind: DatafindServer, asked: list[str]
) -> None:
    here = frame(tmp_path / "shm", KIND, 1126259456, 4)
    known = [
        frame(tmp_path / "far", KIND, 1126259456, 4),  # the same file, elsewhere
        frame(tmp_path / "far", KIND, 1126259460, 2),
        frame(tmp_path / "far", KIND, 1126259464, 4),  # only touches
    ]
    datafind.publish(known)
    datafind.wait_for(known)
    found = find(look_up(at(tmp_path / "shm"), Datafind(host=datafind.url)), WANTED)
    assert [file.name for file in found.files] == [here.name, known[1].name]
    assert found.gaps == ((1126259462.0, 1126259464.0),)
    assert asked == [datafind.url]
    assert not found.silent


def test_a_silent_way_leaves_it_to_the_others_and_the_gaps_say_that_they_are_not_sure(tmp_path: Path) -> None:
    frame(tmp_path, KIND, 1126259456, 4)
    found = find(look_up(NOBODY, at(tmp_path / "no"), at(tmp_path)), WANTED)
    assert found.gaps == ((1126259460.0, 1126259464.0),)
    assert "127.0.0.1:9 does not answer" in found.silent[0]
    assert "a folder that is there" in found.refused[0]
    frame(tmp_path, KIND, 1126259460, 4)
    assert find(look_up(NOBODY, at(tmp_path)), WANTED).complete


def test_where_nobody_answers_nothing_is_known(tmp_path: Path) -> None:
    with pytest.raises(RemoteSilent, match="does not answer"):
        find(look_up(at(tmp_path / "no"), NOBODY), WANTED)
    with pytest.raises(InputError, match="a folder that is there"):
        find(look_up(at(tmp_path / "no")), WANTED)


def test_no_server_at_all_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GWDATAFIND_SERVER", raising=False)
    monkeypatch.delenv("LIGO_DATAFIND_SERVER", raising=False)
    with pytest.raises(InputError, match="GWDATAFIND_SERVER"):
        find(look_up(Datafind()), WANTED)


def test_the_urltype_and_the_rate_reach_who_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {}
    elsewhere = parse("https://far/H-H1_HOFT-1126259456-8.gwf")

    def server(*about: object, **options: object) -> list[FrameFile | None]:
        said["datafind"] = (about[0], about[4])
        raise RemoteRefused("401")

    def public(*about: object, **options: object) -> list[FrameFile | None]:
        said["gwosc"] = (options["sample_rate"], options["extension"])
        return [elsewhere]

    monkeypatch.setattr(lookup.discovery, "from_datafind", server)
    monkeypatch.setattr(lookup.discovery, "from_gwosc", public)
    found = find(look_up(Datafind(host="https://a", urltype="osdf"), GWOSC(sample_rate=16384)), WANTED)
    assert said == {"datafind": ("https://a", "osdf"), "gwosc": (16384, "gwf")}
    assert found.files == (elsewhere,)
    assert found.refused == ("401",)


def test_the_same_data_may_have_another_name_in_shared_memory(tmp_path: Path) -> None:
    frame(tmp_path / "shm", "H1_llhoft", 1126259456, 4)
    frame(tmp_path / "archive", KIND, 1126259460, 4)
    ways = (Folder(path=str(tmp_path / "shm"), frame_type="H1_llhoft"), at(tmp_path / "archive"))
    assert find(look_up(*ways), WANTED).complete
    assert not find(look_up(at(tmp_path / "shm"), at(tmp_path / "archive")), WANTED).complete


def test_the_look_up_that_the_documentation_shows_is_one(checkout: Path) -> None:
    import yaml

    from gwfollow.scans import frame_types

    shown = (checkout / "docs" / "data.md").read_text().split("```yaml")[1].split("```")[0]
    found = frame_types.read(yaml.safe_load(shown)["frame types"], "H1", "docs/data.md")["H1_llhoft"]
    assert found.ways == (
        Folder(path="/dev/shm/kafka/H1"),
        Datafind(host="datafind.ligo.org", frame_type="H1_HOFT_C00"),
        GWOSC(),
    )
