"""`parlance run` on an object store leaves, byte for byte, what it leaves in a folder, for every machine to find."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import main
from pipeline.contract.execute import execute
from pipeline.contract.mirror import CACHE, root_folder
from pipeline.contract.run import Run
from tests.end_to_end.conftest import PROJECT
from tests.object_store import BUCKET, SECRET, Store, use

ROWS = [f"What does the {n}th bird eat in winter?" for n in range(40)]


def left(run: Run) -> dict[str, Any]:
    manifest = run.artifact("acquire").manifest
    return {key: manifest[key] for key in ("fingerprint", "files", "ledger", "inputs", "config", "metrics")}


def parlance(cache: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", *arguments],
        env={**os.environ, CACHE: str(cache)},
        cwd=PROJECT,
        text=True,
        capture_output=True,
        timeout=300,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert SECRET not in said
    return said


def test_a_run_on_an_object_store_is_the_run_in_a_folder(
    s3: Store,
    make_run: Callable[..., Run],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = [{"prompt": row, "response": f"{row} Seeds, mostly."} for row in ROWS]
    folder = tmp_path / "chats"
    folder.mkdir()
    (folder / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    local = make_run(data=folder / "a.jsonl")
    execute(local, "acquire")

    use(monkeypatch, s3.url)
    place = f"s3://{BUCKET}/{uuid.uuid4().hex}"
    s3.files.put_file(str(folder / "a.jsonl"), f"{place.removeprefix('s3://')}/chats/a.jsonl")
    settings = ["-o", f"storage.root={place}/root", "-o", "spark.master=local[2]", "--run-id", "far"]
    command = ["run", "--profile", "scratch", "--data", f"{place}/chats/a.jsonl", *settings, "--until", "acquire"]
    assert "acquire: done in" in parlance(tmp_path / "one", *command)  # whose Spark has the store's credentials
    monkeypatch.setenv(CACHE, str(tmp_path / "other"))
    assert main(command) == main(["verify", "--root", f"{place}/root"]) == 0
    said = capsys.readouterr().out
    assert "acquire: found in" in said
    assert "all as their manifests say" in said

    monkeypatch.setenv(CACHE, str(tmp_path / "third"))
    far = Run.open(root_folder(f"{place}/root"))
    assert left(far) == left(local)
    assert (far.folder / "report.html").is_file()
