"""docker-compose.yaml and Dockerfile, as far as they can be checked without a container engine."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import shutil
import subprocess
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from gwfollow.settings import Settings

#: what gwfollow's own defaults are right for in any site
DEFAULT_IS_RIGHT = {"GWFOLLOW_DATA", "GWFOLLOW_KAFKA_LOGIN_FILE", "GWFOLLOW_SETTLE_SECONDS", "GWFOLLOW_GRACEDB_CA"}
AIRFLOW_SERVICES = {"airflow-init", "airflow-apiserver", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer"}


@pytest.fixture(scope="module")
def compose(checkout: Path) -> dict[str, Any]:
    return yaml.safe_load((checkout / "docker-compose.yaml").read_text())


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return compose["services"]


@pytest.fixture(scope="module")
def site(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which ``make site`` has run."""
    folder = tmp_path_factory.mktemp("site")
    subprocess.run(["sh", checkout / "scripts" / "site.sh", folder], check=True, capture_output=True)
    return folder


def environment(services: dict[str, dict[str, Any]]) -> dict[str, str]:
    return services["airflow-scheduler"]["environment"]


def airflow_options() -> dict[tuple[str, str], dict[str, Any]]:
    """(section, option) of the installed Airflow, from the file that defines them; importing Airflow takes seconds."""
    spec = importlib.util.find_spec("airflow")
    assert spec is not None
    assert spec.submodule_search_locations
    file = Path(spec.submodule_search_locations[0]) / "config_templates" / "config.yml"
    sections = yaml.safe_load(file.read_text())
    return {(section, name): option for section, body in sections.items() for name, option in body["options"].items()}


def test_all_parts_of_a_site_are_services(services: dict[str, dict[str, Any]]) -> None:
    assert set(services) == AIRFLOW_SERVICES | {"postgres", "htcondor"}


def test_every_service_has_an_image_or_a_build_whose_files_exist(services: dict[str, dict[str, Any]], checkout: Path) -> None:
    dockerfile = (checkout / "Dockerfile").read_text()
    for name, service in services.items():
        assert service.get("image") or service.get("build"), name
        if build := service.get("build"):
            assert (checkout / build["context"]).is_dir()
            assert re.search(rf"^FROM \S+ AS {build['target']}$", dockerfile, re.MULTILINE), (
                f"{name}: no target {build['target']}"
            )


def test_what_the_dockerfile_copies_exists_and_is_let_through(checkout: Path) -> None:
    let_through = {line[1:] for line in (checkout / ".dockerignore").read_text().split() if line.startswith("!")}
    copied: set[str] = set()
    for line in (checkout / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY"):
            copied.update(word for word in line.split()[1:-1] if not word.startswith("--"))
    assert copied
    for path in copied:
        assert (checkout / path).exists(), path
    assert copied == let_through


def test_the_images_run_what_the_lock_names(checkout: Path) -> None:
    dockerfile, lock = (checkout / "Dockerfile").read_text(), (checkout / "requirements.lock").read_text()
    for image, package in (("apache/airflow", "apache-airflow"), ("htcondor/mini", "htcondor")):
        (tag,) = re.findall(rf"{image}:([0-9.]+)-", dockerfile)
        assert f"\n{package}=={tag} " in lock


def test_services_wait_only_for_services_that_can_be_as_asked(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        for other, how in service.get("depends_on", {}).items():
            assert other in services, f"{name} depends on {other}"
            if how["condition"] == "service_healthy":
                assert "healthcheck" in services[other]
            if how["condition"] == "service_completed_successfully":
                assert services[other]["restart"] == "no"


def test_every_lasting_service_is_watched_and_started_again(services: dict[str, dict[str, Any]]) -> None:
    for name in set(services) - {"airflow-init"}:
        assert services[name]["healthcheck"]["test"], name
        assert services[name]["restart"] == "always", name


def test_every_mount_is_in_the_repository_or_made_by_make_site(
    compose: dict[str, Any], services: dict[str, dict[str, Any]], checkout: Path, site: Path
) -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=checkout, capture_output=True, text=True, check=True).stdout
    for name, service in services.items():
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            if source.startswith("."):
                in_repository = any(line.startswith(source.removeprefix("./") + "/") for line in tracked.splitlines())
                assert in_repository or (site / source).is_dir(), f"{name}: {source}"
            else:
                assert source in compose["volumes"], f"{name}: volume {source}"


def test_airflow_and_htcondor_see_the_event_folders_at_one_path(services: dict[str, dict[str, Any]]) -> None:
    mount = f"gwfollow-home:{environment(services)['GWFOLLOW_HOME']}"
    assert all(mount in services[name]["volumes"] for name in AIRFLOW_SERVICES | {"htcondor"})


def test_every_secret_is_declared_used_and_made_by_make_site(
    compose: dict[str, Any], services: dict[str, dict[str, Any]], site: Path
) -> None:
    for name, secret in compose["secrets"].items():
        file = site / secret["file"]
        assert file.stat().st_size > 20, name
        assert file.stat().st_mode & 0o077 == 0, f"{name} can be read by others"
    for service in services.values():
        named = set(service.get("secrets", []))
        assert named <= set(compose["secrets"])
        used = set(re.findall(r"/run/secrets/(\w+)", json.dumps(service.get("environment", {}))))
        assert used == named


def test_every_config_is_declared_and_used(compose: dict[str, Any], services: dict[str, dict[str, Any]]) -> None:
    used = {config["source"] for service in services.values() for config in service.get("configs", [])}
    assert used == set(compose["configs"])


def test_make_site_keeps_the_secrets_of_a_site_that_runs(checkout: Path, site: Path) -> None:
    def secrets() -> dict[Path, bytes]:
        return {file: file.read_bytes() for folder in ("secrets", "config") for file in (site / folder).iterdir()}

    before = secrets()
    subprocess.run(["sh", checkout / "scripts" / "site.sh", site], check=True, capture_output=True)
    assert secrets() == before
    assert (site / ".env").read_text().count("AIRFLOW_UID=") == 1


def test_the_login_of_the_command_line_is_one_that_airflow_knows(services: dict[str, dict[str, Any]], site: Path) -> None:
    login = json.loads((site / "secrets" / "airflow_login").read_text())
    assert json.loads((site / "config" / "passwords.json").read_text()) == {login["username"]: login["password"]}
    assert environment(services)["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"].split(":")[0] == login["username"]


def test_the_fernet_key_is_one(site: Path) -> None:
    from cryptography.fernet import Fernet

    Fernet((site / "secrets" / "fernet_key").read_bytes())


def test_no_password_stands_in_the_file(checkout: Path) -> None:
    for line in (checkout / "docker-compose.yaml").read_text().splitlines():
        assert not re.search(r"(PASSWORD|SECRET|TOKEN|FERNET_KEY)\w*(?<!_FILE)(?<!_CMD)(?<!_DIRECTORY):\s*\S", line), line
        assert not re.search(r"://\w+:(?!\$\$\()[^@/\s]+@", line), line


def test_every_gwfollow_variable_is_a_setting_and_every_setting_is_there(services: dict[str, dict[str, Any]]) -> None:
    known = {field.metadata["env"] for field in fields(Settings)}
    given = {name for name in environment(services) if name.startswith("GWFOLLOW_")}
    assert given == known - DEFAULT_IS_RIGHT


def test_the_settings_read_from_it_are_usable(services: dict[str, dict[str, Any]]) -> None:
    settings = Settings.read({k: re.sub(r"\$\{\w+:-(.*?)\}", r"\1", v) for k, v in environment(services).items()})
    assert settings.poll_period >= 60
    assert settings.ledger_url.startswith("postgresql")


def test_every_airflow_variable_is_an_option_of_the_installed_airflow(services: dict[str, dict[str, Any]]) -> None:
    options = airflow_options()
    names = [name for name in environment(services) if name.startswith("AIRFLOW__")]
    assert names
    for name in names:
        _, section, option = name.lower().split("__")
        if option.endswith("_cmd"):
            option = option.removesuffix("_cmd")
            assert options[section, option].get("sensitive"), f"{name}: Airflow runs commands for sensitive options only"
        assert (section, option) in options, name


def test_tasks_wait_in_the_pool_where_priorities_count_and_not_in_the_executor(services: dict[str, dict[str, Any]]) -> None:
    """LocalExecutor takes any number of tasks and runs them in their order."""
    at_once = int(environment(services)["AIRFLOW__CORE__PARALLELISM"])
    assert at_once <= int(environment(services)["AIRFLOW__CORE__DEFAULT_POOL_TASK_SLOT_COUNT"]) <= at_once + 2


def test_every_dollar_sign_is_a_variable_with_a_default_or_escaped(checkout: Path) -> None:
    for number, line in enumerate((checkout / "docker-compose.yaml").read_text().splitlines(), 1):
        left = re.sub(r"\$\$|\$\{[A-Z_]+:-[^}]*\}", "", line)
        assert "$" not in left, f"line {number}: {line}"


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash, as the images have it")
def test_scripts_inside_the_file_are_whole(compose: dict[str, Any], services: dict[str, dict[str, Any]]) -> None:
    scripts = [services["airflow-init"]["command"][-1], compose["configs"]["condor_start"]["content"]]
    scripts.append(environment(services)["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD"])
    for script in scripts:
        subprocess.run(["bash", "-n"], input=script.replace("$$", "$"), text=True, check=True)


def test_the_database_address_is_made_from_the_secret(services: dict[str, dict[str, Any]], site: Path) -> None:
    command = environment(services)["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD"].replace("$$", "$")
    command = command.replace("/run/secrets", str(site / "secrets"))
    address = subprocess.run(shlex.split(command), capture_output=True, text=True, check=True).stdout.strip()
    password = (site / "secrets" / "postgres_password").read_text()
    assert address == f"postgresql+psycopg2://gwfollow:{password}@postgres/airflow"
