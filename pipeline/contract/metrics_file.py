"""metrics.jsonl: what training writes while it goes on, one JSON object a step and one a validation."""

import json
from pathlib import Path
from typing import Any

METRICS = "metrics.jsonl"


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl; a last line cut off by a crash is left out."""
    return parsed(path.read_text(encoding="utf-8").splitlines())


def parsed(texts: list[str]) -> list[dict[str, Any]]:
    """The objects of lines, up to the first that is none."""
    lines = []
    for text in texts:
        try:
            lines.append(json.loads(text))
        except ValueError:
            break
    return lines


def thinned(points: list[list[float]], most: int) -> list[list[float]]:
    """Every so many-th of some points, so that at most `most` are left."""
    return points[:: -(-len(points) // most) or 1]
