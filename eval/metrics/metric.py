"""What a metric is given, and the base of those that are `evaluate` metrics.

A metric is a file of this folder and a row of METRICS in pipeline/contract/metrics.py, which report and card read too.
"""

from dataclasses import dataclass, field
from typing import Any

import evaluate
import numpy as np


@dataclass(frozen=True)
class Outcome:
    """What is known of a model after the test split.

    losses (nats, summed), tokens, bytes: of the learned text of each conversation. train_counts, test_counts: how
    often each token id is learned in a split, int64 (vocabulary,). replies: the model's greedy ones; references:
    what a human said there; row_ids: the conversations that they end. training: training.json. probes: name to figures
    (eval/probes). tasks: those of lm-eval (eval/harness.py). Counts, training and tasks, which only metrics of a run
    read, are empty for a base.
    """

    losses: list[float]
    tokens: list[int]
    bytes: list[int]
    train_counts: np.ndarray
    test_counts: np.ndarray
    replies: list[str]
    references: list[str]
    row_ids: list[str]
    training: dict[str, Any]
    probes: dict[str, Any] = field(default_factory=dict)
    tasks: dict[str, Any] = field(default_factory=dict)


class LocalMetric(evaluate.Metric):
    """An `evaluate` metric that lives in this package: no download, no cache folder, no lock file.

    `compute(predictions=..., references=...)` checks both against the declared features.
    """

    def __init__(self) -> None:
        super().__init__(keep_in_memory=True, seed=0)

    def _build_data_dir(self) -> str:
        return ""  # predictions stay in memory; the base class would make a folder in the home directory
