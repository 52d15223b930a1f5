"""metrics.jsonl: what training measured, step by step. Imports no torch."""

import json
from pathlib import Path
from typing import Any

from pipeline.contract.atomic_write import write_text

METRICS = "metrics.jsonl"
CURVE_POINTS = 1000

PREFERENCES = ("preference_accuracy", "reward_margin", "chosen_reward", "rejected_reward")
"""What is measured of pairs besides the loss, each a mean over pairs: the share whose chosen side has the higher
reward, a tie counting one half; the difference of both sides' rewards; each side's (training/preferences.py)."""


class MetricsLog:
    """metrics.jsonl: one JSON object a step and one a validation.

    kept: the copy that lies in the checkpoint which training resumes from. What else an earlier attempt left belongs
    to steps that will be repeated.
    """

    def __init__(self, path: Path, kept: Path | None) -> None:
        write_text(path, kept.read_text(encoding="utf-8") if kept else "")
        self._file = path.open("a", encoding="utf-8")

    def write(self, **values: Any) -> None:
        """Appends one line; it is on its way to the disk when this returns."""
        self._file.write(json.dumps(values) + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl; a last line cut off by a crash is left out."""
    lines = []
    for text in path.read_text(encoding="utf-8").splitlines():
        try:
            lines.append(json.loads(text))
        except ValueError:
            break
    return lines


def curve(lines: list[dict[str, Any]], name: str) -> list[list[float]]:
    """[[step, value], …] of one metric, thinned to about a thousand points."""
    points = [[line["step"], line[name]] for line in lines if name in line]
    every = -(-len(points) // CURVE_POINTS) or 1
    return points[::every]
