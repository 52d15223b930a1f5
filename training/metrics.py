"""What training measured, step by step. Imports no torch."""

import json
from pathlib import Path
from typing import Any

from pipeline.contract.atomic_write import write_text
from pipeline.contract.metrics_file import read_metrics, thinned
from training.overfitting import overfitting_since, widening

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
        self.lines = read_metrics(path)
        """All that was written, of earlier attempts too, but for samples."""
        self._file = path.open("a", encoding="utf-8")

    def write(self, **values: Any) -> None:
        """Appends one line; it is on its way to the disk when this returns."""
        self.lines.append({name: value for name, value in values.items() if name != "validation_samples"})
        self._file.write(json.dumps(values) + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def curve(lines: list[dict[str, Any]], name: str) -> list[list[float]]:
    """[[step, value], …] of one metric, thinned to about a thousand points."""
    return thinned([[line["step"], line[name]] for line in lines if name in line], CURVE_POINTS)


def while_training(lines: list[dict[str, Any]], best_step: int) -> dict[str, Any]:
    """What was measured of replies, and how training and validation loss came apart; samples of the first validation,
    the best and the last."""
    points, samples = widening(lines), {n["step"]: n["validation_samples"] for n in lines if "validation_samples" in n}
    shown = {step for step in (min(samples), best_step, max(samples)) if step in samples} if samples else set()
    return {
        "validation_bleu": curve(lines, "validation_bleu"),
        "validation_rouge_l": curve(lines, "validation_rouge_l"),
        "validation_samples": [[step, samples[step]] for step in sorted(shown)],
        "validation_replies": {
            "count": next((line["validation_replies"] for line in lines if "validation_replies" in line), 0),
            "seconds": round(replies_seconds(lines), 1),
            "share": next((n["replies_share"] for n in reversed(lines) if "replies_share" in n), 0.0),
        },
        "overfitting": {
            "since": overfitting_since(points),
            "gap": [[point.step, round(point.gap, 4)] for point in points],
        },
    }


def replies_seconds(lines: list[dict[str, Any]]) -> float:
    """How long answering prompts has taken."""
    return sum(line.get("replies_seconds", 0.0) for line in lines)
