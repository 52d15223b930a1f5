"""docker-compose.yml: order, health, users, secrets, addresses, images. tests/stack runs it."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.stack.compose import PROJECT, Service, services

TEXT = (PROJECT / "docker-compose.yml").read_text(encoding="utf-8")
SERVICES = services({"PARLANCE_SECRETS": "/srv/secrets"})
SERVING = {name: service for name, service in SERVICES.items() if service.restart == "unless-stopped"}


@pytest.mark.parametrize("name", ["scheduler", "worker"])
def test_no_task_begins_before_the_api_server_is_healthy(name: str) -> None:
    assert SERVICES[name].depends_on["api-server"] == "service_healthy"


@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
def test_whom_a_service_waits_for_can_be_waited_for(service: Service) -> None:
    for name, condition in service.depends_on.items():
        assert SERVICES[name].health or condition == "service_completed_successfully"


@pytest.mark.parametrize("service", SERVING.values(), ids=SERVING)
def test_every_service_has_a_health_check(service: Service) -> None:
    assert service.health


def test_only_the_preparation_ends_by_itself() -> None:
    assert SERVICES.keys() - SERVING.keys() == {"airflow-init"}


def test_the_health_check_asks_where_tasks_ask() -> None:
    tasks_ask = SERVICES["worker"].environment["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"]
    assert SERVICES["api-server"].health[-1] == tasks_ask.replace("api-server", "localhost") + "health"


@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
def test_addresses_are_of_services_and_of_ports_that_they_expose(service: Service) -> None:
    said = " ".join([*service.command, *service.health, *service.environment.values()])
    for name, port in re.findall(r"(?<![\w.-])([a-z][a-z-]+):(\d{2,5})(?!\d)", said):
        owner = service if name == "localhost" else SERVICES[name]
        assert int(port) in owner.ports, f"{name}:{port}"


@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
def test_images_have_pinned_versions(service: Service) -> None:
    assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+[\w.-]*", service.image)


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_runs_as_root(name: str) -> None:
    user = yaml.safe_load(TEXT)["services"][name].get("user", "")
    if SERVICES[name].image.startswith("parlance:"):
        [user] = re.findall(r"^USER (\S+)$", (PROJECT / "docker" / "Dockerfile").read_text(), re.M)
    assert user
    assert user.partition(":")[0] not in ("root", "0")


@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
def test_secrets_are_files_that_the_service_mounts(service: Service) -> None:
    said = " ".join([*service.command, *service.health, *service.environment.values()])
    assert set(re.findall(r"/run/secrets/(\w+)", said)) <= set(service.secrets)
    secret = r"PASSWORD|SECRET|_KEY|SQL_ALCHEMY_CONN|RESULT_BACKEND|BROKER_URL"
    for name in service.environment:
        assert not re.search(secret, name) or name.endswith(("_FILE", "_CMD")), name


def test_secrets_are_made_at_random_once_and_only_their_folder_is_closed(tmp_path: Path) -> None:
    command = ["sh", str(PROJECT / "docker" / "make_secrets.sh"), str(tmp_path / "secrets")]
    subprocess.run(command, check=True)
    made = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    assert made.keys() == yaml.safe_load(TEXT)["secrets"].keys()
    assert len(set(made.values())) == len(made)
    assert all(len(value) >= 43 for value in made.values())
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    subprocess.run(command, check=True)
    assert made == {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}


def test_the_key_of_fernet_is_one(tmp_path: Path) -> None:
    from cryptography.fernet import Fernet

    subprocess.run(["sh", str(PROJECT / "docker" / "make_secrets.sh"), str(tmp_path)], check=True)
    key = Fernet((tmp_path / "fernet_key").read_text())
    assert key.decrypt(key.encrypt(b"x")) == b"x"


@pytest.mark.parametrize("key", [k for k in SERVICES["worker"].environment if k.endswith("_CMD")])
def test_airflow_reads_a_secret_without_what_ends_its_line(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It starts a program, not a shell, and takes all that this prints."""
    from airflow.configuration import conf

    for name in SERVICES["worker"].secrets:
        (tmp_path / name).write_text(f"secret-of-{name}\n")
    monkeypatch.setenv(key, SERVICES["worker"].environment[key].replace("/run/secrets", str(tmp_path)))
    _, section, option = key.removesuffix("_CMD").split("__")
    found = conf.get(section.lower(), option.lower())
    assert "secret-of-" in found
    assert not re.search(r"\s", found)


def test_a_task_that_runs_for_days_is_not_given_to_a_second_worker() -> None:
    seconds = int(SERVICES["worker"].environment["AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT"])
    assert seconds >= 30 * 24 * 3600  # dagrun_timeout


def test_the_file_for_gpus_changes_services_that_exist() -> None:
    added = yaml.safe_load((PROJECT / "docker" / "compose-gpu.yaml").read_text())["services"]
    assert added.keys() == {"worker"} <= SERVICES.keys()
    [device] = added["worker"]["deploy"]["resources"]["reservations"]["devices"]
    assert device["capabilities"] == ["gpu"]


def test_the_executor_and_its_workers_can_be_loaded() -> None:
    """What a package brings along may have lost what another imports of it."""
    from airflow.providers.celery.executors.celery_executor import CeleryExecutor, app

    assert CeleryExecutor.__name__ == SERVICES["scheduler"].environment["AIRFLOW__CORE__EXECUTOR"]
    assert app.main
