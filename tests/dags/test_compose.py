"""docker-compose.yml: what schedules or runs tasks starts once the API server answers."""

from pathlib import Path

import pytest
import yaml

SERVICES = yaml.safe_load((Path(__file__).resolve().parents[2] / "docker-compose.yml").read_text())["services"]


@pytest.mark.parametrize("name", ["scheduler", "worker"])
def test_no_task_begins_before_the_api_server_is_healthy(name: str) -> None:
    assert SERVICES[name]["depends_on"]["api-server"] == {"condition": "service_healthy"}


def test_the_health_check_asks_where_tasks_ask() -> None:
    kind, program, option, code = SERVICES["api-server"]["healthcheck"]["test"]
    assert (kind, program, option) == ("CMD", "python", "-c")
    compile(code, "healthcheck", "exec")
    tasks_ask = SERVICES["worker"]["environment"]["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"]
    assert tasks_ask.replace("api-server", "localhost") + "health" in code


@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
def test_every_service_that_is_waited_for_exists(service: dict) -> None:
    assert set(service.get("depends_on", {})) <= SERVICES.keys()
