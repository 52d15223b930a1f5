"""`make ui` and `make demo` refuse in one line what cannot work, and leave nothing running."""

import os
import socket
import subprocess
import sys
from pathlib import Path


def standalone(root: Path, *arguments: str) -> tuple[int, list[str]]:
    """Status and the lines printed."""
    done = subprocess.run(
        [sys.executable, "-m", "plugins.standalone", *arguments],
        env=os.environ | {"PARLANCE_ROOT": str(root)},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return done.returncode, done.stdout.splitlines()


def test_a_taken_port_is_named_with_another(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        status, lines = standalone(tmp_path, "ui", "--port", str(port))
    assert status == 2
    assert lines == [f"error: port {port} is taken; end what listens there, or choose another: make ui PORT={port + 1}"]


def test_a_mistake_in_the_profile_is_refused_before_airflow_starts(tmp_path: Path) -> None:
    status, lines = standalone(tmp_path, "demo", "-o", "train.steps=0")
    assert status == 2
    assert len(lines) == 1
    assert "train.steps: Input should be greater than or equal to 1, found 0" in lines[0]
    assert not (tmp_path / "airflow").exists()


def test_a_file_that_does_not_exist_is_refused_before_airflow_starts(tmp_path: Path) -> None:
    status, lines = standalone(tmp_path, "demo", "--data", str(tmp_path / "chats.jsonl"))
    assert status == 2
    assert lines == [f"error: {tmp_path / 'chats.jsonl'}: no such file or folder; give DATA an existing path"]
    assert not (tmp_path / "airflow").exists()
