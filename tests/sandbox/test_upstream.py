"""What GraceDB's own client thinks of the local GraceDB: its integration tests, by name (docs/local-gracedb.md has the table)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from gwfollow.sandbox.gracedb import LocalGraceDB

SUITE = Path(pytest.importorskip("ligo.gracedb.test.integration").__file__).parent

#: server 2.36 has given these up (upstream's test_deprecated.py wants them gone), older ones have them
OF_OLD_SERVERS = {
    "test_emobservations.test_emobservations[event]": "failed",
    "test_emobservations.test_emobservations[superevent]": "failed",
    "test_update_grbevent.test_update_grbevent": "failed",
    "test_voevents.test_preliminary_voevent[superevent]": "skipped",
    "test_voevents.test_initial_voevent[superevent]": "skipped",
    "test_voevents.test_update_voevent[superevent]": "skipped",
    "test_voevents.test_retraction_voevent[superevent]": "skipped",
    "test_cli.test_voevents": "skipped",
}
#: upstream's test itself is not written: it raises NotImplementedError
NOT_WRITTEN = {"test_events.test_create_pycbc": "skipped"}


def outcomes(server: LocalGraceDB, *which: str, **environment: str) -> dict[str, str]:
    """Test -> passed, failed or skipped (junit's word for an expected failure too)."""
    report = server.folder / "junit.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "-p", "no:cacheprovider", "-p", "run_the_skipped"]
    subprocess.run(
        [*command, "-W", "ignore", "--tb=short", f"--junitxml={report}", *(which or [str(SUITE)])],
        env={
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parent),
            "TEST_SERVICE": server.url,
            "REQUESTS_CA_BUNDLE": server.ca,
            "X509_USER_PROXY": server.user_certificate,
            "TEST_REPLAY_ID": "1",
            **environment,
        },
        cwd=server.folder,
        capture_output=True,
        timeout=250,
        check=False,
    )
    found = {}
    for case in ElementTree.parse(report).iter("testcase"):
        name = f"{case.attrib['classname'].rpartition('.')[2]}.{case.attrib['name']}"
        bad = {"failure": "failed", "error": "failed", "skipped": "skipped"}
        found[name] = next((bad[child.tag] for child in case if child.tag in bad), "passed")
    return found


@pytest.mark.system
def test_every_integration_test_passes_that_is_about_what_a_server_of_today_does(tmp_path: Path) -> None:
    with LocalGraceDB(tmp_path / "gracedb") as server:
        found = outcomes(server)

    assert {name: outcome for name, outcome in found.items() if outcome != "passed"} == OF_OLD_SERVERS | NOT_WRITTEN
    assert Counter(found.values()) == {"passed": 103, "failed": 3, "skipped": 6}


@pytest.mark.system
def test_what_older_servers_did_passes_against_the_local_one_as_it_was_then(tmp_path: Path) -> None:
    which = ["test_emobservations.py", "test_update_grbevent.py", "test_voevents.py", "test_cli.py::test_voevents"]
    with LocalGraceDB(tmp_path / "gracedb", old=True) as server:
        found = outcomes(server, *(str(SUITE / name) for name in which), TEST_VOEVENT_CREATE="1")

    assert found == dict.fromkeys(OF_OLD_SERVERS, "passed")


def test_the_table_in_the_documentation_names_every_test_that_does_not_pass(checkout: Path) -> None:
    text = (checkout / "docs" / "local-gracedb.md").read_text()
    for name in OF_OLD_SERVERS | NOT_WRITTEN:
        assert f"`{name.partition('[')[0].partition('.')[2]}`" in text, name
