"""The metrics of evaluate, in order: what computes each, and how its figures are shown and logged.

This table is all that the report, the model card and the log need; a metric's code is loaded only in the process
that evaluates.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One number of evaluation.json.

    key: its place, dotted; a part * stands for every name there is, as does * in labels and in `logged`.
    page, card: (label, decimals) in the run report and in the model card; None leaves it
    out. A card's label may name other keys, as {bleu[signature]}. reading: how to read it, for the report. note:
    the key of a text to show beside it. hub: decimals in the card's front matter, under the metric's name.
    logged: the name under which MLflow keeps it; the key by default, "" for not at all.
    """

    key: str
    page: tuple[str, int] | None = None
    card: tuple[str, int] | None = None
    reading: str = ""
    note: str = ""
    hub: int | None = None
    logged: str | None = None

    @property
    def name(self) -> str:
        """The name under which the figure is logged, "" when it is not."""
        return self.key if self.logged is None else self.logged


@dataclass(frozen=True)
class Metric:
    """One measure of a model. entry: module:function of (outcome), the keys that it adds to evaluation.json.

    of_run: it tells of the training data or the training, and so nothing of the base that training began from.
    """

    name: str
    entry: str
    figures: tuple[Figure, ...] = ()
    of_run: bool = False

    def load(self) -> Callable[..., dict[str, Any]]:
        """The metric's function. Imports what computes it."""
        module, _, function = self.entry.partition(":")
        return getattr(importlib.import_module(module), function)


METRICS = (
    Metric(
        "perplexity",
        "eval.metrics.perplexity:scores",
        (
            Figure("perplexity", page=("Perplexity", 2), card=("perplexity", 3), reading="lower is better", hub=4),
            Figure("unigram_perplexity", card=("perplexity of token frequencies alone (unigram)", 1)),
            Figure("loss", page=("Loss", 3), reading="nats per token"),
            Figure("tokens"),
        ),
    ),
    Metric(
        "bits_per_byte",
        "eval.metrics.bits_per_byte:scores",
        (
            Figure(
                "bits_per_byte",
                page=("Bits per byte", 3),
                card=("bits per byte", 4),
                reading="compares across tokenizers",
                hub=4,
            ),
        ),
    ),
    Metric("unigram", "eval.metrics.unigram:scores", of_run=True),
    Metric("validation_loss", "eval.metrics.validation_loss:scores", (Figure("validation_loss"),), of_run=True),
    Metric(
        "bleu",
        "eval.metrics.bleu:scores",
        (
            Figure(
                "bleu.score",
                page=("BLEU", 2),
                card=("BLEU of {generations} greedy replies (`{bleu[signature]}`)", 2),
                reading="0 to 100",
                note="bleu.signature",
                hub=2,
                logged="bleu",
            ),
        ),
    ),
    Metric(
        "rouge",
        "eval.metrics.rouge:scores",
        tuple(
            Figure(
                f"rouge.rouge{kind}",
                page=(f"ROUGE-{kind}", 3),
                card=(f"rouge{kind} (F1)", 4),
                reading="F1, 0 to 1",
                logged="rougeL" if kind == "L" else "",
            )
            for kind in ("1", "2", "L", "Lsum")
        ),
    ),
    Metric(
        "replies",
        "eval.metrics.replies:scores",
        (
            Figure("replies.length_mean", page=("Words a reply", 1), card=("words a reply", 1), logged="reply_length"),
            Figure("replies.bytes_mean", page=("Bytes a reply", 1), logged=""),
            Figure(
                "replies.empty_share",
                page=("Empty replies", 3),
                card=("share of empty replies", 3),
                reading="share, 0 is best",
                logged="empty_replies",
            ),
            Figure(
                "replies.looping_share",
                page=("Looping replies", 3),
                card=("share of replies that repeat themselves", 3),
                reading="share, 0 is best",
                logged="looping_replies",
            ),
        ),
    ),
    Metric(
        "probes",
        "eval.metrics.probes:scores",
        (Figure("probes.*.accuracy", card=("probe *", 3), logged="probe_*"),),
    ),
    Metric(
        "tasks",
        "eval.metrics.tasks:scores",
        (Figure("tasks.scores.*", page=("*", 3), card=("*", 4), reading="by lm-eval", logged="task_*"),),
        of_run=True,
    ),
)


def figures_of(evaluation: dict[str, Any]) -> list[tuple[Metric, Figure, Any]]:
    """(metric, figure, value) of all figures that an evaluation.json holds, in the order of the table."""
    return [
        (metric, figure, value_at(evaluation, figure.key))
        for metric in METRICS
        for declared in metric.figures
        for figure in _named(declared, evaluation)
        if _holds(evaluation, figure.key)
    ]


def value_at(evaluation: dict[str, Any], key: str) -> Any:
    """The value at a dotted key. Raises KeyError where there is none."""
    value: Any = evaluation
    for part in key.split("."):
        value = value[part]
    return value


def _named(figure: Figure, evaluation: dict[str, Any]) -> list[Figure]:
    """The figure, or one for each name that its * stands for."""
    before, star, after = figure.key.partition(".*")
    if not star:
        return [figure]
    names = list(value_at(evaluation, before)) if _holds(evaluation, before) else []
    return [
        replace(
            figure,
            key=f"{before}.{name}{after}",
            page=figure.page and (figure.page[0].replace("*", name), figure.page[1]),
            card=figure.card and (figure.card[0].replace("*", name), figure.card[1]),
            logged=figure.logged and figure.logged.replace("*", name),
        )
        for name in names
    ]


def _holds(evaluation: dict[str, Any], key: str) -> bool:
    try:
        value_at(evaluation, key)
    except KeyError:
        return False
    return True
