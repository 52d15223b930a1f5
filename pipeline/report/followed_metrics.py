"""metrics.jsonl while training writes it: of a file that grows, only what is new is read."""

import math
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.contract.metrics_file import parsed, thinned

CURVES = (
    "loss",
    "validation_loss",
    "tokens_per_second",
    "mfu",
    "memory_gib",
    "preference_accuracy",
    "validation_preference_accuracy",
    "validation_bleu",
    "validation_rouge_l",
)
"""Of metrics.jsonl what is drawn while training goes on; each is there as soon as something was measured."""

POINTS = 300
SAMPLES = "validation_samples"


def training_so_far(path: Path) -> dict[str, Any] | None:
    """{step, seconds_left, latest {metric: value}, curves {metric: [[step, value]]}, samples [step, [{prompt, reply,
    reference}]] of the latest validation, or null}; None before the first step."""
    with following:
        read = _followed(path)
        if read is None or not read.curves:
            return None
        return {
            "step": read.step,
            "seconds_left": read.latest.get("seconds_left"),
            "latest": {name: read.latest[name] for name in CURVES if name in read.latest},
            "curves": {name: thinned(points[:-1], POINTS) + points[-1:] for name, points in read.curves.items()},
            "samples": read.samples,
        }


@dataclass
class Followed:
    """A metrics.jsonl as far as it has been read. inode, offset: which file that was, and its bytes that were."""

    inode: int
    offset: int = 0
    step: int = 0
    latest: dict[str, float] = field(default_factory=dict)
    curves: dict[str, list[list[float]]] = field(default_factory=dict)
    samples: tuple[int, list[dict[str, str]]] | None = None

    def take(self, line: dict[str, Any]) -> None:
        self.step = max(self.step, line["step"])
        if SAMPLES in line:
            self.samples = line["step"], line[SAMPLES]
        for name, value in line.items():
            if isinstance(value, int | float) and math.isfinite(value) and name != "step":
                self.latest[name] = value
                if name in CURVES:
                    self.curves.setdefault(name, []).append([line["step"], float(f"{value:.5g}")])


MOST_FOLLOWED = 32
follows: dict[Path, Followed] = {}
following = threading.Lock()


def _followed(path: Path) -> Followed | None:
    """The file as it is now, of which only what is new is read; None when there is none. Under `following`."""
    try:
        with path.open("rb") as file:
            state = os.fstat(file.fileno())
            known = follows.pop(path, None)
            if known is None or state.st_ino != known.inode or state.st_size < known.offset:
                known = Followed(state.st_ino)  # training began, or went on at a checkpoint, which is a new file
            file.seek(known.offset)
            new = file.read()
    except FileNotFoundError:
        return None
    whole = new[: new.rfind(b"\n") + 1]
    known.offset += len(whole)
    for line in parsed(whole.decode("utf-8").splitlines()):
        known.take(line)
    follows[path] = known
    while len(follows) > MOST_FOLLOWED:
        follows.pop(next(iter(follows)))
    return known
