"""docker/Dockerfile: linted, and copying nothing that an image must not hold."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stack.compose import DOCKERFILE, PROJECT, image_environment

HADOLINT = Path(sys.executable).parent / "hadolint"


@pytest.mark.skipif(not HADOLINT.is_file() and shutil.which("hadolint") is None, reason="hadolint is not installed")
def test_hadolint_finds_nothing() -> None:
    program = str(HADOLINT) if HADOLINT.is_file() else "hadolint"
    done = subprocess.run([program, str(DOCKERFILE)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_what_it_installs_is_what_is_tested() -> None:
    text = DOCKERFILE.read_text()
    assert "-r requirements.lock" in text
    assert "apache-airflow" not in text


def test_history_environments_and_secrets_stay_out() -> None:
    ignored = set((PROJECT / ".dockerignore").read_text().split())
    assert {".git", ".venv", "var", "secrets", "guard.yaml"} <= ignored


def test_airflow_finds_dags_and_plugins_where_they_are_copied_to() -> None:
    found = image_environment()
    assert found["AIRFLOW__CORE__DAGS_FOLDER"] == "/opt/parlance/dags"
    assert found["AIRFLOW__CORE__PLUGINS_FOLDER"] == "/opt/parlance/plugins"
    assert "WORKDIR /opt/parlance\n" in DOCKERFILE.read_text()
