"""How fast report pages are while many read them, and whether Airflow's scheduler suffers.

    AIRFLOW_PASSWORD=… python -m benchmarks.report_load --address http://localhost:8080 --run RUN_ID

Against a server that runs, by its login page's password: RUN_ID is a finished run of train_chat_model under
PARLANCE_ROOT, whose folder is copied for --runs runs that are made in a paused DAG, so that nothing runs. Each of
--readers threads then reads reports for --seconds, of a random run each time. Made runs are deleted at the end.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from pipeline.contract.run_folder import NAME, folder_name
from plugins.project import root

DAG = "/api/v2/dags/train_chat_model"
PAGE = "/parlance/runs/train_chat_model/{}"
SECONDS_BETWEEN_BEATS = 2.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--address", default="http://localhost:8080")
    parser.add_argument("--username", default="admin", help="password in AIRFLOW_PASSWORD")
    parser.add_argument("--run", required=True, help="id of a finished run of train_chat_model")
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--readers", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=30.0)
    options = parser.parse_args()
    client = signed_in(options.address, options.username, os.environ["AIRFLOW_PASSWORD"])
    print(json.dumps(measured(client, root(), options.run, options.runs, options.readers, options.seconds), indent=1))
    return 0


def signed_in(address: str, username: str, password: str) -> httpx.Client:
    """A client of Airflow's API and of its pages."""
    login = {"username": username, "password": password}
    token = httpx.post(f"{address}/auth/token", json=login, timeout=60).raise_for_status().json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=address, headers=headers, cookies={"_token": token}, timeout=60)


def measured(client: httpx.Client, root: Path, run_id: str, runs: int, readers: int, seconds: float) -> dict[str, Any]:
    """Seconds of first and of later readings, readings a second, and the scheduler's longest silence meanwhile."""
    names = [f"load_{number:03d}" for number in range(runs)]
    paused = client.get(DAG).raise_for_status().json()["is_paused"]
    client.patch(DAG, json={"is_paused": True}).raise_for_status()
    try:
        for name in names:
            _make(client, root, run_id, name)
        first = [_read(client, name) for name in names]
        with ThreadPoolExecutor(readers + 1) as pool:
            until = time.monotonic() + seconds
            silence = pool.submit(_longest_silence, client, until)
            read = [pool.submit(_readings, client, names, number, until) for number in range(readers)]
            times = [took for future in read for took in future.result()]
    finally:
        for name in names:
            client.delete(f"{DAG}/dagRuns/{name}")
            shutil.rmtree(root / "runs" / folder_name(name), ignore_errors=True)
        client.patch(DAG, json={"is_paused": paused})
    return {
        "runs": runs,
        "readers": readers,
        "first_reading_median_s": round(statistics.median(first), 3),
        "readings": len(times),
        "readings_a_second": round(len(times) / seconds, 1),
        "median_s": round(statistics.median(times), 3),
        "p95_s": round(statistics.quantiles(times, n=20)[-1], 3),
        "scheduler_longest_silence_s": round(silence.result(), 1),
        "load_1_min": round(os.getloadavg()[0], 1),
    }


def _make(client: httpx.Client, root: Path, run_id: str, name: str) -> None:
    """A run in Airflow's database, and a copy of the finished run's folder for it."""
    body: dict[str, Any] = {"dag_run_id": name, "logical_date": None, "conf": {}}
    client.post(f"{DAG}/dagRuns", json=body).raise_for_status()
    folder = root / "runs" / folder_name(name)
    shutil.copytree(root / "runs" / folder_name(run_id), folder)
    (folder / NAME).write_text(name)


def _read(client: httpx.Client, name: str) -> float:
    started = time.monotonic()
    page = client.get(PAGE.format(name)).raise_for_status()
    assert "</html>" in page.text
    return time.monotonic() - started


def _readings(client: httpx.Client, names: list[str], seed: int, until: float) -> list[float]:
    draw, times = random.Random(seed), list[float]()
    while time.monotonic() < until:
        times.append(_read(client, draw.choice(names)))
    return times


def _longest_silence(client: httpx.Client, until: float) -> float:
    """The oldest that the scheduler's newest heartbeat was. Raises RuntimeError when it is no longer healthy."""
    longest = 0.0
    while time.monotonic() < until:
        said = client.get("/api/v2/monitor/health").raise_for_status().json()["scheduler"]
        if said["status"] != "healthy":
            raise RuntimeError(f"the scheduler is {said['status']}")
        beat = datetime.fromisoformat(said["latest_scheduler_heartbeat"])
        longest = max(longest, (datetime.now(UTC) - beat).total_seconds())
        time.sleep(SECONDS_BETWEEN_BEATS)
    return longest


if __name__ == "__main__":
    sys.exit(main())
