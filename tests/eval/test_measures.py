"""The metrics of the table, on an outcome that one can check by eye, and how their figures are shown."""

import math
from dataclasses import replace

import numpy as np
import pytest

from eval.evaluate import headline_of, told
from eval.measurement import measure
from eval.metrics.metric import Outcome
from eval.model_card import card_figures
from pipeline.contract.metrics import METRICS, figures_of
from pipeline.report.page import measures

OUTCOME = Outcome(
    losses=[4 * math.log(2), 2 * math.log(8)],
    tokens=[4, 2],
    bytes=[3, 2],
    train_counts=np.array([3, 1, 0]),
    test_counts=np.array([1, 0, 1]),
    replies=["a b c d e", "we met at noon today"],
    references=["a b c d e", "we met at noon today"],
    row_ids=["00", "01"],
    training={"validation_loss": [[50, 2.5], [100, 2.0], [150, 2.2]], "best_step": 150},
    probes={"facts": {"accuracy": 0.5}},
    tasks={"scores": {"arc_easy/acc": 0.25}},
)
KEYS = [
    "loss",
    "perplexity",
    "tokens",
    "bytes",
    "bits_per_byte",
    "unigram_perplexity",
    "validation_loss",
    "bleu",
    "rouge",
    "replies",
    "probes",
    "tasks",
]


def test_evaluation_json_begins_with_these_keys_in_this_order() -> None:
    evaluation = measure(OUTCOME)
    assert list(evaluation)[: len(KEYS)] == KEYS
    assert evaluation["perplexity"] == pytest.approx(2 ** (10 / 6))
    assert (evaluation["tokens"], evaluation["bytes"], evaluation["bits_per_byte"]) == (6, 5, pytest.approx(2))
    assert evaluation["unigram_perplexity"] == pytest.approx(math.sqrt(7 / 4 * 7 / 1))
    assert evaluation["bleu"]["score"] == pytest.approx(100)
    assert evaluation["rouge"] == {"rouge1": 1, "rouge2": 1, "rougeL": 1, "rougeLsum": 1}


def test_every_figure_of_the_table_has_its_value() -> None:
    named = {"probes.*.accuracy": "probes.facts.accuracy", "tasks.scores.*": "tasks.scores.arc_easy/acc"}
    shown = [figure.key for _, figure, _ in figures_of(measure(OUTCOME))]
    assert shown == [named.get(figure.key, figure.key) for metric in METRICS for figure in metric.figures]


def test_probes_and_tasks_are_logged_and_told_by_their_names() -> None:
    evaluation = measure(OUTCOME)
    headline = headline_of(evaluation)
    assert (headline["probe_facts"], headline["task_arc_easy/acc"]) == (0.5, 0.25)
    assert [row["label"] for row in measures(evaluation)][-1] == "arc_easy/acc"
    assert card_figures(evaluation | {"generations": 2})[-2:] == [("probe facts", "0.500"), ("arc_easy/acc", "0.2500")]


def test_the_validation_loss_is_that_of_the_weights_that_were_kept() -> None:
    def kept(training: dict) -> float | None:
        return measure(replace(OUTCOME, training=training))["validation_loss"]

    assert kept(OUTCOME.training) == 2.2
    assert kept(OUTCOME.training | {"best_step": 120}) == 2.0
    assert kept({"validation_loss": [], "best_step": 0}) is None


def test_mlflow_gets_one_number_a_name() -> None:
    names = {"loss", "perplexity", "tokens", "bits_per_byte", "unigram_perplexity", "validation_loss", "bleu", "rougeL"}
    assert headline_of(measure(OUTCOME)).keys() >= names


def test_a_model_without_replies_is_measured_all_the_same() -> None:
    evaluation = measure(replace(OUTCOME, replies=[], references=[], row_ids=[]))
    assert list(evaluation)[: len(KEYS)] == KEYS
    assert (evaluation["bleu"], evaluation["rouge"]) == ({"score": None, "signature": ""}, {})
    headline = headline_of(evaluation)
    assert (told(headline["tokens"]), told(headline["validation_loss"]), told(headline["bleu"])) == ("6", "2.200", "–")
    assert not [row for row in measures(evaluation) if "ROUGE" in row["label"]]
