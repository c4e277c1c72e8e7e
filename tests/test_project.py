"""What holds for the project as a whole: the frame, the lock, the house rules that a program can check."""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import gwfollow

LONGEST_MODULE = 450  # lines
#: seconds or hundreds of megabytes at import: never at module level of what Airflow parses or a person waits for
HEAVY = {
    "bilby", "bilby_pipe", "classad2", "gwpy", "h5py", "htcondor2", "lal", "lalsimulation", "ligo", "matplotlib", "numpy", "pandas",
    "pesummary", "scipy",
}  # fmt: skip


@pytest.fixture(scope="module")
def tracked(checkout: Path) -> list[Path]:
    """Every file of the repository."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=checkout, capture_output=True, text=True, check=True).stdout
    return [checkout / name for name in listing.split("\0") if name and (checkout / name).is_file()]


@pytest.fixture(scope="module")
def project(checkout: Path) -> dict[str, Any]:
    return tomllib.loads((checkout / "pyproject.toml").read_text())


def modules(tracked: list[Path], checkout: Path, *tops: str) -> Iterator[tuple[str, Path]]:
    for file in tracked:
        name = file.relative_to(checkout).as_posix()
        if file.suffix == ".py" and name.split("/")[0] in tops:
            yield name, file


def imports(tree: ast.AST) -> set[str]:
    """Dotted names of what is imported at module level; what stands under ``if TYPE_CHECKING`` never runs."""
    found: set[str] = set()
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
        else:
            found |= imports(node)
    return found


def every_import(tree: ast.AST) -> set[str]:
    """Dotted names of all that is imported, at module level or later."""
    return set().union(
        *(imports(ast.Module([node], [])) for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom))
    )


def test_both_commands_are_in_the_readme(checkout: Path) -> None:
    readme = (checkout / "README.md").read_text()
    assert "make demo" in readme
    assert "make test" in readme


def test_the_version_is_the_same_everywhere(project: dict[str, Any]) -> None:
    assert project["project"]["version"] == gwfollow.__version__ == importlib.metadata.version("gwfollow")


@pytest.mark.parametrize("group", ["apache_airflow_provider", "airflow.plugins", "gwfollow.pipelines", "console_scripts"])
def test_entry_points_lead_to_what_they_name(group: str) -> None:
    points = [p for p in importlib.metadata.entry_points(group=group) if p.value.startswith("gwfollow.")]
    assert points
    for point in points:
        assert point.load() is not None


def test_the_environment_has_the_entry_points_of_pyproject(project: dict[str, Any]) -> None:
    named = dict(project["project"]["entry-points"]) | {"console_scripts": project["project"]["scripts"]}
    installed = importlib.metadata.distribution("gwfollow").entry_points
    for group, points in named.items():
        assert {p.name: p.value for p in installed.select(group=group)} == points


def test_no_module_is_too_long_to_read(tracked: list[Path], checkout: Path) -> None:
    every = modules(tracked, checkout, "src", "plugins", "dags", "tests", "bench", "scripts")
    long = {name: lines for name, file in every if (lines := file.read_text().count("\n")) > LONGEST_MODULE}
    assert not long


def test_the_domain_does_not_import_airflow(tracked: list[Path], checkout: Path) -> None:
    for name, file in modules(tracked, checkout, "src"):
        if name.startswith("src/gwfollow/provider/"):
            continue
        assert not {m for m in every_import(ast.parse(file.read_text())) if m.split(".")[0] == "airflow"}, name


def test_everything_imported_is_asked_for(tracked: list[Path], checkout: Path, project: dict[str, Any]) -> None:
    """A package that is only there because another one brings it may go with that one's next release."""
    extras = project["project"]["optional-dependencies"].values()
    asked = {canonicalize_name(Requirement(r).name) for group in [project["project"]["dependencies"], *extras] for r in group}
    providers = importlib.metadata.packages_distributions()
    # part of what brings it by design, or the project's own
    own = set(sys.stdlib_module_names) | {"gwfollow", "pe_operators", "sensors", "pydantic_core", "starlette", "airflow"}
    for name, file in modules(tracked, checkout, "src", "plugins", "dags"):
        for top in {module.split(".")[0] for module in every_import(ast.parse(file.read_text()))} - own:
            distributions = {canonicalize_name(d) for d in providers.get(top, [top])}
            assert distributions & asked, f"{name} imports {top}, which pyproject.toml does not name"


def test_nothing_heavy_is_imported_by_what_airflow_parses(tracked: list[Path], checkout: Path) -> None:
    for name, file in modules(tracked, checkout, "dags", "plugins"):
        assert not {m for m in imports(ast.parse(file.read_text())) if m.split(".")[0] in HEAVY}, name


@pytest.mark.parametrize(
    "module", ["gwfollow.cli", "gwfollow.ledger", "gwfollow.pipelines.base", "gwfollow.life", "gwfollow.settings"]
)
def test_importing_it_loads_nothing_heavy(module: str) -> None:
    """What the module imports indirectly counts too, so a fresh interpreter says what it loaded."""
    code = f"import sys, {module}; print(*sorted({{m.split('.')[0] for m in sys.modules}}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not (HEAVY | {"airflow"}) & set(loaded)


def test_no_package_index_is_named(tracked: list[Path], checkout: Path) -> None:
    index = re.compile(
        r"--(extra-)?index-url[= ]|^\s*index-url|\w://[^\s\"']*/simple(/|\"|'|\s|$)|\w://[^\s\"']*/debian(/|\s|\"|$)"
    )
    for file in tracked:
        if file != Path(__file__) and (text := _text(file)) is not None:
            for number, line in enumerate(text.splitlines(), 1):
                assert not index.search(line), f"{file.relative_to(checkout)}:{number}"


def test_every_requirement_is_locked_as_asked(project: dict[str, Any], checkout: Path) -> None:
    # asimov's plugins have an environment of their own; what ours locks comes last and wins
    locks = "".join((checkout / name).read_text() for name in ("requirements-peers.lock", "requirements.lock"))
    locked = dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", locks, re.MULTILINE))
    asked = list(project["project"]["dependencies"]) + project["build-system"]["requires"]
    for extra in project["project"]["optional-dependencies"].values():
        asked += extra
    for requirement in map(Requirement, asked):
        name = canonicalize_name(requirement.name)
        if name != "gwfollow":
            assert name in locked, f"{requirement} is not in requirements.lock: make lock"
            assert requirement.specifier.contains(locked[name]), f"{requirement}, locked {locked[name]}: make lock"


def test_everything_locked_has_a_hash(checkout: Path) -> None:
    blocks = re.split(r"\n(?=\S)", (checkout / "requirements.lock").read_text())
    pins = [block for block in blocks if "==" in block.split("\n")[0]]
    assert len(pins) > 100
    for pin in pins:
        assert "--hash=sha256:" in pin, pin.split("\n")[0]


@pytest.mark.slow
def test_the_wheel_has_every_file_of_the_package(tracked: list[Path], checkout: Path, tmp_path: Path) -> None:
    """``pip install gwfollow`` must give what a checkout gives: pages, templates, migrations, configurations."""
    source = tmp_path / "source"
    for file in tracked:
        copy = source / file.relative_to(checkout)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", tmp_path, source]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("gwfollow-*.whl")
    packed = {name.split(".data/data/share/gwfollow/")[-1] for name in zipfile.ZipFile(wheel).namelist()}
    names = {file.relative_to(checkout).as_posix() for file in tracked}
    wanted = {n.removeprefix("src/") for n in names if n.startswith("src/gwfollow/")}
    wanted |= {n.removeprefix("include/") for n in names if n.startswith("include/configs/") and not n.endswith(".gitkeep")}
    assert wanted - packed == set()


def test_this_environment_is_the_lock(checkout: Path) -> None:
    """The tests speak for what ``make install`` gives."""
    for name, version, marker in re.findall(
        r"^([a-z0-9._-]+)==(\S+)(?: ; ([^\\\n]+))?", (checkout / "requirements.lock").read_text(), re.MULTILINE
    ):
        if not marker or Requirement(f"{name} ; {marker}").marker.evaluate():  # type: ignore[union-attr]
            assert importlib.metadata.version(name) == version


def test_pip_settings_of_the_machine_reach_uv(checkout: Path) -> None:
    uv_settings = _script(checkout / "scripts" / "uv_settings.py")
    listing = "\n".join(
        [
            "global.index-url='https://a.example/x'",
            "install.index-url='https://b.example/x'",
            "global.find-links='/wheels /more'",
            ":env:.find-links='/wheels'",
            "global.extra-index-url='https://c.example/x\\nhttps://d.example/x'",
            "download.cert='/other.pem'",
            "global.cert='/ca.pem'",
        ]
    )
    assert uv_settings.uv_environment(uv_settings.pip_settings(listing)) == {
        "UV_DEFAULT_INDEX": "https://b.example/x",
        "UV_FIND_LINKS": "/wheels",
        "UV_INDEX": "https://c.example/x https://d.example/x",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "SSL_CERT_FILE": "/ca.pem",
    }


def test_a_missing_system_package_is_named_with_its_command(checkout: Path, tmp_path: Path) -> None:
    """With no apt-get on the PATH even root is told what to run."""
    for program in ("sh", "id"):
        (tmp_path / program).symlink_to(f"/usr/bin/{program}")
    script = checkout / "scripts" / "packages.sh"
    done = subprocess.run(
        ["/bin/sh", script, "sh=dash", "no-such-program=some-package"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "apt-get install -y some-package" in done.stderr
    assert "dash" not in done.stderr


def test_a_second_install_does_nothing(checkout: Path) -> None:
    stamp = checkout / ".venv" / "installed"
    if not stamp.is_file():
        pytest.skip("this environment was not made by make install")
    if Path(sys.prefix) != checkout / ".venv":
        pytest.skip("the tests run in another environment")
    before = stamp.stat().st_mtime_ns
    done = subprocess.run(["make", "-s", "install"], cwd=checkout, capture_output=True, text=True, check=True, env=_plain())
    assert done.stdout == ""
    assert stamp.stat().st_mtime_ns == before


def test_make_alone_says_what_there_is(checkout: Path) -> None:
    said = subprocess.run(["make", "-s"], cwd=checkout, capture_output=True, text=True, check=True, env=_plain()).stdout
    for target in ("install", "lock", "lint", "test", "demo", "demo-stop", "bench", "clean"):
        assert re.search(rf"^{target} +\w", said, re.MULTILINE), target


def _plain() -> dict[str, str]:
    """The environment without what an outer make hands down."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}


def _text(file: Path) -> str | None:
    try:
        return file.read_text()
    except UnicodeDecodeError:
        return None


def _script(file: Path) -> Any:
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
