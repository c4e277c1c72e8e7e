"""Finding or installing HTCondor."""

from __future__ import annotations

import multiprocessing
import shutil
import subprocess
from pathlib import Path

import pytest

from gwfollow.sandbox import htcondor_install
from gwfollow.sandbox.htcondor_install import InstallError, default_prefix, find_or_install


def test_the_cache_folder_of_the_desktop_standard_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert default_prefix() == Path("/somewhere/gwfollow/condor")


def test_an_htcondor_on_path_is_taken_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    master = tmp_path / "usr/sbin/condor_master"
    master.parent.mkdir(parents=True)
    master.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(master.parent))
    assert find_or_install().release == tmp_path / "usr"


def test_without_apt_the_error_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InstallError, match=r"no apt-get, apt-cache, dpkg-deb .* condor_master is on PATH"):
        find_or_install(tmp_path / "prefix")


def test_an_unreachable_mirror_is_told_and_leaves_nothing_that_looks_installed(tmp_path: Path) -> None:
    if shutil.which("apt-get") is None:
        pytest.skip("no apt-get on this machine")
    with pytest.raises(InstallError, match="apt-get failed"):
        find_or_install(tmp_path / "prefix", mirror="http://127.0.0.1:9/none")
    assert not (tmp_path / "prefix").exists()


def _install(prefix: Path) -> str:
    return str(find_or_install(prefix).release)


@pytest.mark.slow
@pytest.mark.system
def test_two_at_once_install_once_and_both_get_a_working_one(tmp_path: Path) -> None:
    if shutil.which("apt-get") is None:
        pytest.skip("no apt-get on this machine")
    prefix = tmp_path / "condor"
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        releases = pool.map(_install, [prefix, prefix])
    assert releases == [str(prefix / "usr")] * 2
    subprocess.run([prefix / "usr/bin/condor_version"], check=True, capture_output=True)
    mark = (prefix / htcondor_install.MARK).stat().st_mtime_ns
    find_or_install(prefix)
    assert (prefix / htcondor_install.MARK).stat().st_mtime_ns == mark
