"""Commits on a real git remote: once each, without force, beside what people have changed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gwfollow.errors import GWFollowError, InputError, RemoteRefused, RemoteSilent
from gwfollow.repository import commits
from gwfollow.repository.address import check_address, ssh_place, web_address
from gwfollow.repository.commits import File, Remote, Wanted

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
INI = "C01_offline/bilby.ini"


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=alice", "-c", "user.email=alice@localhost", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *who, "-C", str(folder), *words], capture_output=True, text=True, check=True)
    return done.stdout


def show(bare: Path, path: str, branch: str = "main") -> str:
    return git(bare, "show", f"{branch}:{path}")


def subjects(bare: Path, branch: str = "main") -> list[str]:
    return git(bare, "log", "--format=%s", branch).splitlines()


def wanted(text: str = "[run]\n", attempt: int = 1, target: str = INI) -> Wanted:
    files = (File(target, text.encode()),)
    return Wanted(
        f"repository:GW1/bilby/{attempt}:configuration", f"configuration of GW1/bilby, attempt {attempt}", attempt, WHEN, files
    )


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """An empty remote."""
    git(tmp_path, "init", "--quiet", "--bare", "far.git")
    return tmp_path / "far.git"


@pytest.fixture
def remote(bare: Path, tmp_path: Path) -> Remote:
    return Remote(str(bare), create=False, copies=tmp_path / "copies", seconds=60)


def by_a_person(bare: Path, folder: Path, path: str, text: str) -> None:
    git(folder.parent, "clone", "--quiet", str(bare), folder.name)
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(text)
    git(folder, "add", path)
    git(folder, "commit", "--quiet", "-m", "by hand")
    git(folder, "push", "--quiet", "origin", "HEAD")


def test_the_first_commit_of_an_empty_remote_has_the_file_and_says_of_which_attempt_it_is(remote: Remote, bare: Path) -> None:
    answer = remote.commit(wanted())
    assert show(bare, INI) == "[run]\n"
    assert subjects(bare) == ["configuration of GW1/bilby, attempt 1"]
    assert git(bare, "log", "-1", "--format=%an %ae %cn %ce").split() == ["gwfollow", "gwfollow@localhost"] * 2
    assert answer == {"commit": git(bare, "rev-parse", "main").strip(), "branch": "main", "new": True, "files": [INI]}


def test_the_same_message_is_committed_once_and_a_new_attempt_follows_it(remote: Remote, bare: Path) -> None:
    first = remote.commit(wanted())
    assert remote.commit(wanted()) == {"commit": first["commit"], "branch": "main", "new": False}
    assert remote.find(wanted().key) == {"commit": first["commit"], "branch": "main", "new": False}
    assert remote.find("repository:GW1/bilby/1:conf") is None
    assert remote.commit(wanted("[run]\nb=1\n", 2))["new"]
    assert show(bare, INI) == "[run]\nb=1\n"
    assert len(subjects(bare)) == 2


def test_what_a_person_has_changed_stays_and_ours_goes_beside_it(remote: Remote, bare: Path, tmp_path: Path) -> None:
    remote.commit(wanted())
    by_a_person(bare, tmp_path / "hers", INI, "[hers]\n")
    answer = remote.commit(wanted("[run]\nb=1\n", 2))
    assert show(bare, INI) == "[hers]\n"
    assert show(bare, "C01_offline/bilby.attempt-2.ini") == "[run]\nb=1\n"
    assert answer["beside"] == {INI: "C01_offline/bilby.attempt-2.ini"}
    assert subjects(bare) == ["configuration of GW1/bilby, attempt 2", "by hand", "configuration of GW1/bilby, attempt 1"]


def test_other_files_and_their_history_are_untouched(remote: Remote, bare: Path, tmp_path: Path) -> None:
    by_a_person(bare, tmp_path / "hers", "README.md", "read me\n")
    remote.commit(wanted())
    assert git(bare, "ls-tree", "-r", "--name-only", "main").split() == [INI, "README.md"]


def test_a_file_that_is_there_already_needs_no_commit(remote: Remote, bare: Path, tmp_path: Path) -> None:
    by_a_person(bare, tmp_path / "hers", INI, "[run]\n")
    assert not remote.commit(wanted())["new"]
    assert subjects(bare) == ["by hand"]


def test_somebody_who_pushes_in_between_loses_nothing(
    remote: Remote, bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, fired = commits.push, []

    def late(*arguments: object) -> None:
        if not fired:
            fired.append(True)
            by_a_person(bare, tmp_path / "hers", "notes.txt", "first\n")
        real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(commits, "push", late)
    remote.commit(wanted())
    assert fired
    assert subjects(bare) == ["configuration of GW1/bilby, attempt 1", "by hand"]


def test_two_deliverers_with_copies_of_their_own_make_one_commit_for_each_message(bare: Path, tmp_path: Path) -> None:
    def send(number: int) -> str:
        remote = Remote(str(bare), create=False, copies=tmp_path / f"copies{number % 2}", seconds=60)
        attempt = number // 2 + 1
        return str(remote.commit(wanted(f"[{attempt}]\n", attempt, f"C01_offline/a{attempt}.ini"))["commit"])

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(send, range(6)))
    assert sorted(subjects(bare)) == [f"configuration of GW1/bilby, attempt {n}" for n in (1, 2, 3)]
    assert len(set(made)) == 3


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_kill_around_the_push_commits_once(bare: Path, tmp_path: Path, moment: str) -> None:
    script = textwrap.dedent("""
        import os, signal, sys
        sys.path.insert(0, sys.argv[1])
        from pathlib import Path
        from test_commits import wanted
        from gwfollow.repository import commits
        real = commits.push
        def dying(*arguments):
            if sys.argv[4] == "after":
                real(*arguments)
            os.kill(os.getpid(), signal.SIGKILL)
        commits.push = dying
        commits.Remote(sys.argv[2], create=False, copies=Path(sys.argv[3]), seconds=60).commit(wanted())
    """)
    copies = tmp_path / "copies"
    command = [sys.executable, "-c", script, str(Path(__file__).parent), str(bare), str(copies), moment]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    remote = Remote(str(bare), create=False, copies=copies, seconds=60)
    assert (remote.find(wanted().key) is None) == (moment == "before")
    remote.commit(wanted())
    assert subjects(bare) == ["configuration of GW1/bilby, attempt 1"]


def test_a_remote_that_is_not_there_is_silent_and_a_hook_that_declines_refuses(
    remote: Remote, bare: Path, tmp_path: Path
) -> None:
    bare.rename(tmp_path / "gone")
    with pytest.raises(RemoteSilent, match="is not there"):
        remote.commit(wanted())
    (tmp_path / "gone").rename(bare)
    hook = bare / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho no INI files here >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(RemoteRefused, match="declined"):
        remote.commit(wanted())


def test_a_git_that_hangs_is_ended_with_its_children(bare: Path, tmp_path: Path) -> None:
    hook = bare / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\necho $$ >{tmp_path}/pid\nexec sleep 600\n")
    hook.chmod(0o755)
    remote = Remote(str(bare), create=False, copies=tmp_path / "copies", seconds=4)
    with pytest.raises(RemoteSilent, match="did not end"):
        remote.commit(wanted())
    pid = int((tmp_path / "pid").read_text())
    stat = Path(f"/proc/{pid}/stat")
    for _ in range(100):  # the kernel takes a moment
        if not stat.exists() or stat.read_text().split()[2] == "Z":
            return
        time.sleep(0.05)
    raise AssertionError(f"process {pid} is still there")


def test_a_repository_is_made_on_demand_where_that_was_asked_for(tmp_path: Path) -> None:
    address = tmp_path / "events" / "GW1.git"
    Remote(f"file://{address}", create=True, copies=tmp_path / "copies", seconds=60).commit(wanted())
    assert show(address, INI) == "[run]\n"
    assert git(address, "config", "core.bare") == "true\n"


def test_a_checkout_that_somebody_works_in_gets_a_branch_of_ours(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "work")
    work = tmp_path / "work"
    (work / "README").write_text("hers\n")
    git(work, "add", "README")
    git(work, "commit", "--quiet", "-m", "by hand")
    answer = Remote(str(work), create=False, copies=tmp_path / "copies", seconds=60).commit(wanted())
    assert answer["branch"] == "gwfollow"
    assert show(work, INI, "gwfollow") == "[run]\n"
    assert subjects(work, "gwfollow") == ["configuration of GW1/bilby, attempt 1", "by hand"]
    assert git(work, "status", "--porcelain") == ""
    assert not (work / "C01_offline").exists()


def test_the_users_environment_and_hooks_have_no_say(
    remote: Remote, bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    (home / "hooks").mkdir(parents=True)
    for hook in ("pre-push", "commit-msg"):
        (home / "hooks" / hook).write_text(f"#!/bin/sh\ntouch {tmp_path}/fired\nexit 1\n")
        (home / "hooks" / hook).chmod(0o755)
    (home / ".gitconfig").write_text(
        f"[core]\n\thooksPath = {home}/hooks\n[commit]\n\tgpgSign = true\n[user]\n\temail = alice@secret.org\n"
    )
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_AUTHOR_EMAIL", "alice@secret.org")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.hooksPath")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", f"{home}/hooks")
    remote.commit(wanted())
    for name in ("GIT_DIR", "GIT_AUTHOR_EMAIL", "GIT_CONFIG_COUNT"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert not (tmp_path / "fired").exists()
    assert "secret" not in git(bare, "log", "--format=fuller")


@pytest.mark.parametrize(
    "address",
    [
        "ext::sh -c touch% /tmp/x",
        "-oProxyCommand=x",
        "https://me:secret@git.ligo.org/pe/O4/S1.git",
        "https://token@git.ligo.org/pe/O4/S1.git",
        "http://git.ligo.org/x",
        "git://git.ligo.org/x",
        "ssh://-oProxyCommand=x/y",
        "ssh://git:secret@host/x",
        "file://host/x",
        "relative/path",
        "git@-host:x",
        "/a\nb",
        "",
    ],
)
def test_addresses_that_git_must_not_follow_are_refused_without_their_secrets(address: str) -> None:
    with pytest.raises(InputError) as error:
        check_address(address, "event GW1, repository")
    assert "secret" not in str(error.value)
    assert "token" not in str(error.value)


def test_addresses_and_their_pages() -> None:
    pages = {
        "git@git.ligo.org:pe/O4/S1.git": "https://git.ligo.org/pe/O4/S1",
        "ssh://git@git.ligo.org/pe/O4/S1": "https://git.ligo.org/pe/O4/S1",
        "https://git.ligo.org/pe/O4/S1.git": "https://git.ligo.org/pe/O4/S1",
        "/data/S1.git": None,
        "file:///data/S1.git": None,
    }
    assert {address: web_address(check_address(address, "x")) for address in pages} == pages
    assert ssh_place("git@git.ligo.org:pe/O4/S1.git") == ("git@git.ligo.org", "pe/O4/S1.git")


def test_what_no_server_makes_for_us_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell that allows git alone, as GitLab's: a program `ssh` that answers as it does stands in for the server."""
    (tmp_path / "bin").mkdir()
    ssh = tmp_path / "bin" / "ssh"
    ssh.write_text(
        '#!/bin/sh\ncase "$*" in *init*) echo "Disallowed command" >&2;; *) echo "ERROR: project not found" >&2;; esac\nexit 128\n'
    )
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    remote = Remote("git@git.ligo.org:pe/O4/S1.git", create=True, copies=tmp_path / "copies", seconds=20)
    with pytest.raises(RemoteRefused, match=r"Disallowed command.*make it by hand.*GitLab"):
        remote.commit(wanted())
    with pytest.raises(GWFollowError, match="not found"):
        Remote("git@git.ligo.org:pe/O4/S2.git", create=False, copies=tmp_path / "copies", seconds=20).commit(wanted())
