"""What the check of every input costs: one JSON line a stage, and one of the whole run.

    python benchmarks/verify_inputs.py RUN_FOLDER

hashed: seconds to read and hash the stage's input artifacts for the first time. remembered: seconds of the check that
a stage makes, whose inputs were hashed when they were committed. took: seconds that the stage took to make.
"""

import json
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.arguments import argument
from pipeline.contract.artifact import HASHES, Artifact
from pipeline.contract.fingerprint import SETTLED_NS, FileHashes
from pipeline.contract.run import Run
from pipeline.contract.stages import STAGES


def main() -> None:
    folder = argument(__doc__, "run", Path, None, "the folder of a finished run")
    if folder is None:
        raise SystemExit("give the folder of a finished run, as var/runs/latest")
    run = Run(folder.resolve())
    total = {"took": 0.0, "hashed": 0.0, "remembered": 0.0}
    for name, stage in STAGES.items():
        inputs = [run.artifact(other) for other in stage.inputs]
        line = {"took": run.artifact(name).manifest["timing"]["seconds"], **_seconds(inputs)}
        total = {key: total[key] + line[key] for key in total}
        print(json.dumps({"stage": name, "bytes": sum(map(_bytes, inputs)), **_shares(line)}))
    print(json.dumps({"stage": "all", **_shares(total)}))


def _seconds(inputs: list[Artifact]) -> dict[str, float]:
    """The first check and the next, each as a process of its own would make it: what is remembered lies in a file."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        time.sleep(SETTLED_NS / 1e9)
        for kind in ("hashed", "remembered"):
            begun = time.perf_counter()
            hashes = FileHashes(Path(folder) / HASHES)
            assert not [line for artifact in inputs for line in artifact.changed(hashes)]
            found[kind] = time.perf_counter() - begun
    return found


def _bytes(artifact: Artifact) -> int:
    return sum(file["bytes"] for file in artifact.manifest["files"])


def _shares(line: dict[str, float]) -> dict[str, Any]:
    shares = {f"{kind}_share": round(line[kind] / line["took"], 5) for kind in ("hashed", "remembered") if line["took"]}
    return {key: round(value, 4) for key, value in line.items()} | shares


if __name__ == "__main__":
    main()
