"""``gwfollow skymap-info``, against the local GraceDB where it reads from one."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from astropy.io import fits
from click.testing import CliRunner, Result

from gwfollow.alerts import flags
from gwfollow.cli import group
from gwfollow.errors import InputError
from gwfollow.gracedb.client import GraceDBClient
from gwfollow.sandbox.gracedb import LocalGraceDB

ligo_gracedb = pytest.importorskip("ligo.gracedb.test.integration")
EVENT_FILE = Path(ligo_gracedb.__file__).parent / "data" / "cbc-lm.xml"
Run = Callable[..., Result]

NOTICE = """<?xml version='1.0' encoding='UTF-8'?>
<voe:VOEvent xmlns:voe="http://www.ivoa.net/xml/VOEvent/v2.0" version="2.0" role="{role}" ivorn="ivo://test/LVC#{event}-1-Initial">
  <Who><Date>2026-03-01T10:00:30</Date></Who>
  <What>
    <Param name="GraceID" value="{event}"/><Param name="AlertType" value="Initial"/>
    <Param name="FAR" value="1e-9"/><Param name="Pipeline" value="gstlal"/>
    <Group name="GW_SKYMAP"><Param name="skymap_fits" value="https://example.org/files/bayestar.multiorder.fits,0"/></Group>
  </What>
  <WhereWhen><ObsDataLocation><ObservationLocation><AstroCoords><Time><TimeInstant>
    <ISOTime>2026-03-01T10:00:00.5Z</ISOTime>
  </TimeInstant></Time></AstroCoords></ObservationLocation></ObsDataLocation></WhereWhen>
</voe:VOEvent>"""


def sky_map(path: Path, creator: str) -> bytes:
    """The same probability in the twelve cells of order 0."""
    columns = [
        fits.Column("UNIQ", "K", array=list(range(4, 16))),
        fits.Column("PROBDENSITY", "D", array=[0.07957747154594767] * 12),
    ]
    table = fits.BinTableHDU.from_columns(columns)
    table.header["ORDERING"], table.header["CREATOR"] = "NUNIQ", creator
    table.writeto(path)
    return path.read_bytes()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GWFOLLOW_HOME", str(tmp_path))
    for name in ("GWFOLLOW_DATA", "GWFOLLOW_GRACEDB_URL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def run(home: Path) -> Run:
    def call(*arguments: object, refused: str | None = None) -> Result:
        done = CliRunner().invoke(group, ["skymap-info", *map(str, arguments)])
        if refused is not None:
            assert isinstance(done.exception, InputError), done.output
            assert refused in str(done.exception)
        else:
            assert done.exit_code == 0, (done.output, done.exception)
        return done

    return call


@pytest.fixture
def notice(tmp_path: Path) -> Callable[..., Path]:
    def write(event: str = "S260301ab", role: str = "observation") -> Path:
        path = tmp_path / f"{event}-{role}.xml"
        path.write_text(NOTICE.format(event=event, role=role))
        return path

    return write


def read(folder: Path, name: str = "skymap_info.json") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / name).read_text())
    return found


# ---- flags -----------------------------------------------------------------------------------------------------------------
def test_nothing_is_published_of_any_preset_that_is_a_test() -> None:
    for name, preset in flags.PRESETS.items():
        flags.check(preset, "S260301ab", mock=False)
        assert flags.parse([name.lower()]) == preset
    assert flags.PRESETS["TRIGGERED_TEST"]["BLINDED_NEUTRINOS"] is True
    published = {name for name, preset in flags.PRESETS.items() if preset["UPLOAD"] or preset["ICECUBE_UPLOAD"]}
    assert published == {"TRIGGERED_INTERNAL", "TRIGGERED_PUBLIC", "MANUAL"}


def test_the_documentation_has_every_preset_as_it_is(checkout: Path) -> None:
    text = (checkout / "docs" / "alerts.md").read_text()
    rows = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in text.splitlines() if line.startswith("|")]
    documented = {row[0]: row[1:] for row in rows if row[0] in flags.PRESETS}
    yes = {True: "yes", False: ""}
    assert documented == {
        name: [
            preset["ROLE"],
            yes[bool(preset["UPLOAD"])],
            yes[bool(preset["ICECUBE_UPLOAD"])],
            ", ".join(key for key in ("ONLINE", "VETOED", "BLINDED_NEUTRINOS", "MANUAL") if preset[key]),
        ]
        for name, preset in flags.PRESETS.items()
    }


@pytest.mark.parametrize("word", ["REAL", "ROLE=real", "UPLOAD=perhaps", "COLOUR=red", "", "=true"])
def test_words_that_are_no_flags_are_refused(word: str) -> None:
    with pytest.raises(InputError, match="--flags"):
        flags.parse([word])


@pytest.mark.slow
def test_flags_that_many_change_at_once_all_stay(tmp_path: Path) -> None:
    """Each of three processes sets one flag."""
    names = [name for name in flags.PRESETS["DEFAULT"] if name != "ROLE"][:3]
    code = "import sys; from pathlib import Path; from gwfollow.alerts import flags\n"
    code += (
        "for _ in range(20): flags.change(Path(sys.argv[1]), {sys.argv[2]: True, 'ROLE': 'observation'}, 'S260301ab', mock=False)"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name]) for name in names]
    assert [process.wait(60) for process in processes] == [0] * len(names)
    assert flags.read(tmp_path) == {**flags.PRESETS["DEFAULT"], **dict.fromkeys(names, True), "ROLE": "observation"}


def test_a_flags_file_that_is_wrong_is_refused(run: Run, notice: Callable[..., Path], home: Path) -> None:
    folder = home / "data" / "current_run" / "S260301ab"
    folder.mkdir(parents=True)
    for text in ("{", "[]", '{"ROLE": 5}', '{"UPLOAD": null}'):
        (folder / "flags.json").write_text(text)
        run("-v", notice(), "--flags", "RERUN", refused="flags.json")
    assert [path.name for path in folder.iterdir()] == ["flags.json"]


# ---- from a VOEvent --------------------------------------------------------------------------------------------------------
def test_a_voevent_gives_the_documented_keys(run: Run, notice: Callable[..., Path], home: Path) -> None:
    done = run("--voevent", notice(), "--flags", "TRIGGERED_PUBLIC", "ICECUBE_UPLOAD=false")
    folder = home / "data" / "current_run" / "S260301ab"
    info = read(folder)
    assert {key: info[key] for key in info if not key.startswith("chosen")} == {
        "graceid": "S260301ab",
        "event_time_iso": "2026-03-01T10:00:00.500000+00:00",
        "far": 1e-9,
        "notice_time_iso": "2026-03-01T10:00:30+00:00",
        "pipeline": "gstlal",
        "skymap_filename": "bayestar.multiorder.fits,0",
        "alert_type": "initial",
    }
    assert flags.read(folder) == {**flags.PRESETS["TRIGGERED_INTERNAL"]}
    assert "the sky map itself is not here: no GraceDB is named" in done.stderr


def test_without_a_terminal_nobody_is_asked_and_nothing_is_written(run: Run, notice: Callable[..., Path], home: Path) -> None:
    run("-v", notice(), refused="give --flags MANUAL (real, its results are published) or --flags DEFAULT (a test)")
    run("-v", notice(), "--flags", "UPLOAD=true", refused="There is no terminal to ask")
    assert not (home / "data").exists()


@pytest.mark.parametrize(
    ("event", "role"),
    [("MS260301ab", "observation"), ("TS260301ab", "observation"), ("M123", "observation"), ("S260301ab", "test")],
)
def test_a_mock_is_never_made_real(run: Run, notice: Callable[..., Path], home: Path, event: str, role: str) -> None:
    for words in (["MANUAL"], ["RERUN"], ["DEFAULT", "ROLE=observation"]):
        run("-v", notice(event, role), "--flags", *words, refused="can never be ROLE=observation")
    run("-v", notice(event, role), "--flags", "UPLOAD=yes", refused="nothing is published for a test")
    assert not (home / "data").exists()
    assert "nothing of it will be published" in run("-v", notice(event, role)).stdout
    assert read(home / "data" / "current_run" / event, "flags.json")["ROLE"] == "test"


def test_folder_and_file_may_be_chosen(run: Run, notice: Callable[..., Path], tmp_path: Path) -> None:
    run("-v", notice(), "-d", tmp_path / "mine", "-o", "other.json", "-s", "Bilby.multiorder.fits,3", "--flags", "RERUN")
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == ["flags.json", "other.json"]
    assert read(tmp_path / "mine", "other.json")["skymap_filename"] == "Bilby.multiorder.fits,3"


def test_what_is_wrong_is_said(run: Run, notice: Callable[..., Path], tmp_path: Path) -> None:
    run(refused="one of --graceid and --voevent must be given")
    run("-v", notice(), "-g", "S260301ab", refused="one of --graceid and --voevent")
    run("-g", "S260301ab", refused="set GWFOLLOW_GRACEDB_URL")
    run("-v", tmp_path / "none.xml", refused="No such file or directory")
    run("-v", notice(), "MANUAL", refused="flags after --flags")
    run("-v", notice(), "-s", "../../x.fits", "--flags", "RERUN", refused="--skymap")
    run("-v", notice(), "-d", notice(), "--flags", "RERUN", refused="Not a directory")
    (tmp_path / "page.xml").write_text("<html/>")
    run("-v", tmp_path / "page.xml", refused="page.xml, root element")


@pytest.mark.slow
def test_a_person_at_a_terminal_is_asked(notice: Callable[..., Path], home: Path) -> None:
    ours, theirs = pty.openpty()
    script = Path(sys.executable).with_name("skymap_info")
    process = subprocess.Popen([script, "-v", notice()], stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    reader = threading.Timer(60, process.kill)
    reader.start()
    try:
        while b"(real, test): " not in shown:
            shown += os.read(ours, 1000)
        os.write(ours, b"yes\n")
        while shown.count(b"(real, test): ") < 2:  # neither of the two answers: asked again
            shown += os.read(ours, 1000)
        os.write(ours, b"real\n")
        assert process.wait(60) == 0
    finally:
        reader.cancel()
        os.close(ours)
    assert b"published to collaborators" in shown
    assert read(home / "data" / "current_run" / "S260301ab", "flags.json") == flags.PRESETS["MANUAL"]


# ---- from GraceDB ----------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalGraceDB]:
    with LocalGraceDB(tmp_path_factory.mktemp("gracedb")) as running:
        yield running


@pytest.fixture
def client(server: LocalGraceDB, home: Path, monkeypatch: pytest.MonkeyPatch) -> GraceDBClient:
    for name, value in server.env().items():
        monkeypatch.setenv(name, value)
    return GraceDBClient(server.url, ca=server.ca, token=server.token())


@pytest.mark.slow
def test_a_superevent_of_gracedb_with_its_newest_sky_map(client: GraceDBClient, run: Run, home: Path, tmp_path: Path) -> None:
    event = client.create_event("CBC", "gstlal", EVENT_FILE, search="AllSky")
    superevent = str(client.create_superevent(float(event["gpstime"]), event["graceid"])["superevent_id"])
    run("-g", superevent, "--flags", "RERUN", refused=f"GraceDB has no sky map with {superevent} yet")

    first, second = sky_map(tmp_path / "1.fits", "BAYESTAR"), sky_map(tmp_path / "2.fits", "BAYESTAR 2")
    for contents in (first, second):
        client.write_log(superevent, "sky map", tags=["sky_loc"], file=("bayestar.multiorder.fits", contents))
    client.write_log(superevent, "its flat copy", tags=["sky_loc"], file=("bayestar.fits.gz", b"not looked at"))
    client.write_log(superevent, "no sky map", tags=["psd"], file=("psd.xml.gz", b"x"))

    run("-g", superevent, "--flags", "TRIGGERED_TEST")
    folder = home / "data" / "current_run" / superevent
    info = read(folder)
    assert (info["graceid"], info["pipeline"], info["skymap_filename"]) == (superevent, "gstlal", "bayestar.multiorder.fits,1")
    assert info["far"] == event["far"]
    assert info["alert_type"] == "new"
    assert info["notice_time_iso"] is not None
    assert (folder / "bayestar.multiorder.fits,1").read_bytes() == second

    run("-g", superevent, "-s", "bayestar.multiorder.fits,0")  # the flags are there already: nobody is asked
    assert read(folder)["skymap_filename"] == "bayestar.multiorder.fits,0"
    assert (folder / "bayestar.multiorder.fits,0").read_bytes() == first
    assert read(folder, "flags.json") == flags.PRESETS["TRIGGERED_TEST"]

    run("-g", superevent, "-s", "Bilby.fits", refused="a file that GraceDB has: bayestar.fits.gz,0, bayestar.multiorder.fits,0")
    run("-g", superevent, "-s", "bayestar.multiorder.fits,7", refused="a file that GraceDB has")
    run("-g", superevent, "-s", "bayestar.fits.gz", refused="bayestar.fits.gz,0: found b'not looked at', expected a FITS file")
    run("-g", superevent, "-s", "psd.xml.gz", refused="the name of a FITS file")
    run("-g", "../../x", refused="--graceid")


@pytest.mark.slow
def test_a_mock_of_gracedb_is_a_mock(client: GraceDBClient, run: Run, home: Path, tmp_path: Path) -> None:
    event = client.create_event("CBC", "gstlal", EVENT_FILE, search="MDC")
    superevent = client.create_superevent(float(event["gpstime"]), event["graceid"], category="MDC")["superevent_id"]
    contents = sky_map(tmp_path / "1.fits", "BAYESTAR")
    for graceid in (event["graceid"], superevent):
        client.write_log(graceid, "sky map", tags=["sky_loc"], file=("bayestar.multiorder.fits", contents))
        run("-g", graceid, "--flags", "MANUAL", refused="can never be ROLE=observation")
        assert "nothing of it will be published" in run("-g", graceid).stdout
        assert (home / "data" / "current_run" / graceid / "bayestar.multiorder.fits,0").read_bytes() == contents


@pytest.mark.slow
def test_the_sky_map_of_a_voevent_is_fetched_from_gracedb(client: GraceDBClient, run: Run, home: Path, tmp_path: Path) -> None:
    event = client.create_event("CBC", "gstlal", EVENT_FILE, search="AllSky")
    superevent = client.create_superevent(float(event["gpstime"]), event["graceid"])["superevent_id"]
    contents = sky_map(tmp_path / "1.fits", "BAYESTAR")
    client.write_log(superevent, "sky map", tags=["sky_loc"], file=("bayestar.multiorder.fits", contents))
    path = tmp_path / "notice.xml"
    path.write_text(NOTICE.format(event=superevent, role="observation"))
    assert run("-v", path, "--flags", "RERUN").stderr == ""
    assert (home / "data" / "current_run" / superevent / "bayestar.multiorder.fits,0").read_bytes() == contents

    path.write_text(NOTICE.format(event="S160101a", role="observation"))
    done = run("-v", path, "--flags", "RERUN")  # a GraceDB that does not know it keeps nobody from the rest
    assert "the sky map itself is not here" in done.stderr
    assert read(home / "data" / "current_run" / "S160101a")["far"] == 1e-9
