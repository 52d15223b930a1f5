"""Seconds that a run over very many files takes before its first record is read: one JSON line a step.

    python benchmarks/many_files.py [--files 10000] [--tree FOLDER]

Each file is a source of one conversation, as `parlance run --data FOLDER` makes them. The steps are those that every
command takes (the profile, the hashes of all files, anew and when they are known) and acquire's look at the first
records. cpu_seconds, user and system, changes less with another load on the machine than seconds does.

tree: another checkout of this project, measured in its stead; side by side with this one it tells what a change cost.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--tree", type=Path, default=PROJECT)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder:
        return measure(options.folder)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "files"
        write_files(folder, options.files)
        # In a process of its own, which imports the tree's modules and no others.
        command = [sys.executable, str(Path(__file__).resolve()), "--folder", str(folder)]
        subprocess.run(command, check=True, env={"PYTHONPATH": str(options.tree.resolve())}, cwd=options.tree)


def write_files(folder: Path, count: int) -> None:
    """So many files of one conversation."""
    folder.mkdir()
    for number in range(count):
        record = {"prompt": f"What is {number} and {number}?", "response": f"It is {2 * number}."}
        (folder / f"talk-{number:06d}.jsonl").write_text(json.dumps(record) + "\n", encoding="utf-8")


def measure(folder: Path) -> None:
    """Prints a line a step."""
    from configs.load import load_profile
    from pipeline.acquire.reading_plan import plan
    from pipeline.acquire.sources import raw_inputs, source_files
    from pipeline.contract.fingerprint import FileHashes

    root = folder.parent / "root"
    profile: Any = timed("profile", lambda: load_profile("demo", [f"storage.root={root}"], str(folder)))
    sources = profile.acquire.sources
    timed("hashes", lambda: raw_inputs(profile, FileHashes(root / "hashes")))
    timed("known hashes", lambda: raw_inputs(profile, FileHashes(root / "hashes")))
    plans: Any = timed("first records", lambda: [plan(source, source_files(source)) for source in sources])
    assert len(plans) == len(sources)


def timed(step: str, act: Callable[[], Any]) -> Any:
    with stopwatch(step):
        return act()


@contextmanager
def stopwatch(step: str) -> Iterator[None]:
    wall, cpu = time.monotonic(), time.process_time()
    yield
    seconds, cpu_seconds = time.monotonic() - wall, time.process_time() - cpu
    print(json.dumps({"step": step, "seconds": round(seconds, 2), "cpu_seconds": round(cpu_seconds, 2)}), flush=True)


if __name__ == "__main__":
    main()
