"""A machine that trains and evaluates needs neither Spark nor Airflow."""

import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
REFUSAL = "tests.training.without_engines"


def test_every_module_of_training_and_eval_is_imported_without_spark_and_airflow() -> None:
    found = subprocess.run(
        [sys.executable, "-m", REFUSAL, "training", "eval"], capture_output=True, text=True, cwd=PROJECT, check=False
    )
    assert found.returncode == 0, found.stderr
    assert {"training/worker.py", "eval/evaluate.py", "eval/commands/export.py"} <= set(found.stdout.splitlines())


def test_their_tests_are_collected_without_spark_and_airflow() -> None:
    found = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", REFUSAL, "--collect-only", "tests/training", "tests/eval"],
        capture_output=True,
        text=True,
        cwd=PROJECT,
        check=False,
    )
    assert found.returncode == 0, found.stdout[-2000:] + found.stderr[-2000:]


def test_the_refusal_refuses() -> None:
    code = f"import {REFUSAL}, pyspark"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PROJECT, check=False)
    assert "pyspark is not for a GPU machine" in found.stderr
