"""How quick the plugin's pages are beside a long history, with several readers at once: one JSON line a page.

    python -m benchmarks.page_load [--runs 50] [--readers 8] [--seconds 15]

The runs are made by hand, as the tests make them, with as many test conversations and findings as the demo's;
one more is in the middle of training. The server is the plugin's application under uvicorn, one process as `make ui`
has, over Airflow's own SQLite database with as many DAG runs. Readers ask for one page after the other. p50, p95: of
seconds from asking to the last byte; first: of the very first answer, which may build a report.
"""

import argparse
import fcntl
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

CONVERSATIONS, FINDINGS, STEPS = 450, 60, 5_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--readers", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return serve(options.serve, options.runs)
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "root"
        make(root, options.runs)
        environment = {
            **os.environ,
            "PARLANCE_ROOT": str(root),
            "AIRFLOW_HOME": scratch,
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{scratch}/airflow.db",
            "AIRFLOW__API_AUTH__JWT_SECRET": "a secret of this benchmark " * 3,
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        }
        command = [sys.executable, "-m", "benchmarks.page_load", "--serve", scratch, "--runs", str(options.runs)]
        lock = (next((root / "artifacts" / "train").glob(".*.partial"))).with_suffix(".lock").open("a+")
        fcntl.flock(lock, fcntl.LOCK_EX)
        server = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout
            started = json.loads(next(line for line in server.stdout if line.startswith("{")))
            measure(started, options)
        finally:
            server.terminate()
            server.wait()


def measure(started: dict[str, Any], options: argparse.Namespace) -> None:
    pages = {
        "report of a finished run": "/runs/train_chat_model/run-00",
        "report of a run that goes on": "/runs/train_chat_model/live",
        "what it is at (live.json)": "/runs/train_chat_model/live/live.json",
        "compare, two runs": "/compare/train_chat_model/run-01",
    }
    for name, path in pages.items():
        with httpx.Client(base_url=started["address"], cookies=started["cookie"], timeout=120) as client:
            first = _seconds(client, path)
        end = time.monotonic() + options.seconds

        def read(_: int, path: str = path, end: float = end) -> list[float]:
            with httpx.Client(base_url=started["address"], cookies=started["cookie"], timeout=120) as client:
                taken = []
                while time.monotonic() < end:
                    taken.append(_seconds(client, path))
                return taken

        with ThreadPoolExecutor(options.readers) as pool:
            taken = [seconds for several in pool.map(read, range(options.readers)) for seconds in several]
        p95 = statistics.quantiles(taken, n=20)[-1]
        figures = {
            "first": first,
            "p50": statistics.median(taken),
            "p95": p95,
            "a_second": len(taken) / options.seconds,
        }
        rounded = {key: round(value, 4) for key, value in figures.items()}
        print(json.dumps({"page": name, "runs": options.runs, "readers": options.readers, **rounded}), flush=True)


def _seconds(client: httpx.Client, path: str) -> float:
    begun = time.monotonic()
    client.get(path).raise_for_status()
    return time.monotonic() - begun


def make(root: Path, runs: int) -> None:
    """Finished runs that learned for one step more each, and one that goes on."""
    from configs.load import load_profile
    from pipeline.contract.run import Run
    from tests.pipeline.report import made_runs

    svg = b'<svg xmlns="http://www.w3.org/2000/svg">' + b'<rect width="10" height="10"/>' * 2_500 + b"</svg>"
    finding = {"severity": "warning", "kind": "tone", "message": "differs", "rows": 40}
    audit = made_runs.AUDIT | {"findings": [{**finding, "subject": f"group {i}"} for i in range(FINDINGS)]}
    conversations = [[made_runs.identity(i), 90.0 + i % 40, 30, 100] for i in range(CONVERSATIONS)]
    made_runs.SCORES = made_runs.SCORES | {"conversations": conversations}  # type: ignore[misc]
    made_runs.SVG = svg  # type: ignore[misc]
    chats = root.parent / "chats.jsonl"
    chats.write_text("{}\n")
    for number in range(runs):
        run = Run.begin(_profile(load_profile, root, chats, 100 + number), f"run-{number:02d}")
        made_runs.prepare_data(run, audit)
        made_runs.finish(run)
    run = Run.begin(_profile(load_profile, root, chats, STEPS), "live")
    made_runs.prepare_data(run, audit)
    made_runs.to_tokens(run)
    partial = run.store.root / "train" / f".{run.fingerprint('train')}.partial"
    partial.mkdir(parents=True)
    figures = {"tokens_per_second": 2800.0, "mfu": 0.4, "memory_gib": 2.0, "seconds_left": 60.0}
    lines = [{"step": step, "loss": 9 - step / STEPS, **figures} for step in range(1, STEPS)]
    (partial / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def _profile(load: Any, root: Path, chats: Path, steps: int) -> Any:
    return load("scratch", [f"storage.root={root}", f"train.steps={steps}"], str(chats))


def serve(scratch: Path, runs: int) -> None:
    """Serves until it is ended; prints its address and the cookie of a viewer."""
    import uvicorn
    from airflow import settings
    from airflow.api_fastapi.app import init_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from airflow.models import import_all_models
    from airflow.models.base import Base

    from plugins.tabs import app
    from tests.plugins.conftest import note_dag_run

    settings.configure_vars()
    settings.configure_orm()
    import_all_models()
    Base.metadata.create_all(settings.engine)
    for name in [*(f"run-{number:02d}" for number in range(runs)), "live"]:
        note_dag_run("train_chat_model", name)
    token = init_auth_manager().generate_jwt(SimpleAuthManagerUser(username="ada", role="viewer"))
    config = uvicorn.Config(app, port=0, log_level="error", lifespan="off")
    socket = config.bind_socket()
    address = f"http://127.0.0.1:{socket.getsockname()[1]}"
    print(json.dumps({"address": address, "cookie": {"_token": token}, "scratch": str(scratch)}), flush=True)
    uvicorn.Server(config).run(sockets=[socket])


if __name__ == "__main__":
    main()
