"""The MLflow server of docker-compose.yml answers the services that ask for it by its name, and under no other."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from configs.load import load_profile
from training.launcher import free_port

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server by its own command, at another port of this machine, and over SQLite."""
    folder, port = tmp_path_factory.mktemp("mlflow"), free_port()
    command = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())["services"]["mlflow"]["command"]
    (script,) = shlex.split(command)[2:]
    *_, arguments = script.partition(" exec ")
    here = arguments.replace("/data", str(folder)).replace("0.0.0.0 --port 5000", f"127.0.0.1 --port {port}")
    settings = {
        "MLFLOW_BACKEND_STORE_URI": f"sqlite:///{folder}/mlflow.db",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    assert here != arguments
    assert all(f"{name}=" in script for name in settings)
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", *shlex.split(here)],
            stdout=log,
            stderr=subprocess.STDOUT,
            env=os.environ | settings,
        )
    try:
        until = time.monotonic() + 120
        while time.monotonic() < until and server.poll() is None:
            try:
                httpx.get(f"http://127.0.0.1:{port}/health")
                break
            except httpx.HTTPError:
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)


def ask(address: str, host: str) -> int:
    """The status of a question for the registered models, as a client gets it that knows the server as `host`."""
    return httpx.get(f"{address}/api/2.0/mlflow/registered-models/search", headers={"Host": host}).status_code


def test_the_host_of_the_cluster_profile_is_let_in(address: str) -> None:
    uri = load_profile("cluster-32xa100").tracking.uri
    assert uri
    assert ask(address, uri.removeprefix("http://")) == 200


@pytest.mark.parametrize("host", ["evil.example.org", "mlflow.example.org:5000"])
def test_any_other_is_refused(address: str, host: str) -> None:
    assert ask(address, host) == 403
