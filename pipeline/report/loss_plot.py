"""Plots of the run report, as SVG that takes its colours from the page (light and dark)."""

import io
from collections.abc import Sequence
from typing import Any

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

Points = Sequence[tuple[float, float | None]]

STYLE: Any = {"svg.hashsalt": "parlance", "svg.fonttype": "none", "font.size": 11, "axes.unicode_minus": False}

COLOURS = {
    "#010101": "var(--ink)",
    "#020202": "var(--faint)",
    "#030303": "var(--rule)",
    "#040404": "var(--first)",
    "#050505": "var(--second)",
    "#060606": "var(--third)",
    "#070707": "var(--fourth)",
    "#080808": "var(--fifth)",
    "#090909": "var(--sixth)",
}
"""Placeholder in the drawing to the page's custom property."""
INK, FAINT, GRID, FIRST, SECOND, *_ = COLOURS
RUNS = tuple(COLOURS)[3:]
"""Of runs that are drawn over each other, in their order."""


def loss_curve(
    train: Points,
    validation: Points,
    baseline: float | None = None,
    best_step: int | None = None,
    overfitting_since: int | None = None,
    per: str = "token",
) -> str:
    """An <svg> element of loss (nats a token, or what else `per` says) by optimiser step.

    baseline: the unigram model's loss, drawn as a dotted line when it fits the plot.
    best_step: the step whose weights were kept. overfitting_since: the step after which the losses came apart.
    """
    with matplotlib.rc_context(STYLE):
        figure, axes = _figure(3.6)
        _line(axes, train, FIRST, "train", linewidth=1.4)
        _line(axes, validation, SECOND, "validation", linewidth=2, marker="o", markersize=4.5)
        losses = [loss for _, loss in [*train, *validation] if loss is not None]
        if baseline is not None and losses and baseline < 1.15 * max(losses):
            axes.axhline(baseline, color=FAINT, linewidth=1.2, linestyle=(0, (1.5, 2.5)), label="unigram baseline")
        best = dict(validation).get(best_step) if best_step is not None else None
        if best is not None:
            axes.annotate(
                f"best {best:.3f}",
                (float(best_step or 0), best),
                xytext=(0, 14),
                textcoords="offset points",
                ha="right",
                color=INK,
                arrowprops={"arrowstyle": "-", "color": FAINT, "linewidth": 1},
            )
        if overfitting_since is not None:
            dashes: Any = (0, (4, 3))
            axes.axvline(overfitting_since, color=INK, linewidth=1, linestyle=dashes, label="overfitting from here")
        _frame(axes, f"loss (nats per {per})", "upper right")
        return _svg(figure, "Loss by step")


def reply_curve(bleu: Points, rouge_l: Points) -> str:
    """An <svg> element of BLEU (0 to 100) and ROUGE-L (F1, times 100) of replies, by optimiser step."""
    with matplotlib.rc_context(STYLE):
        figure, axes = _figure(2.6)
        _line(axes, bleu, FIRST, "BLEU", linewidth=2, marker="o", markersize=4.5)
        scaled = [(step, None if score is None else 100 * score) for step, score in rouge_l]
        _line(axes, scaled, SECOND, "ROUGE-L × 100", linewidth=2, marker="o", markersize=4.5)
        axes.set_ylim(bottom=0)
        _frame(axes, "score (0 to 100)", "upper left")
        return _svg(figure, "BLEU and ROUGE-L by step")


def preference_curve(train: Points, validation: Points, label: str) -> str:
    """An <svg> element of a mean over pairs, of training and of validation, by optimiser step."""
    with matplotlib.rc_context(STYLE):
        figure, axes = _figure(2.6)
        _line(axes, train, FIRST, "train", linewidth=1.4)
        _line(axes, validation, SECOND, "validation", linewidth=2, marker="o", markersize=4.5)
        _frame(axes, label, "lower right")
        return _svg(figure, f"{label.capitalize()} by step")


def compared_losses(runs: Sequence[tuple[Points, Points] | None], x_label: str) -> str:
    """An <svg> element of training and validation loss of several runs over each other, in the colours RUNS; None for
    a run without any. The page's own legend says which run has which colour."""
    with matplotlib.rc_context(STYLE):
        figure, axes = _figure(3.8)
        for colour, run in zip(RUNS, runs, strict=False):
            if run:
                train, validation = run
                _line(axes, train, colour, "", linewidth=1.0, alpha=0.55)
                _line(axes, validation, colour, "", linewidth=2, marker="o", markersize=4)
        _frame(axes, "loss (nats)", None)
        axes.set_xlabel(x_label, color=FAINT)
        return _svg(figure, "Losses of the runs")


def _figure(height: float) -> "tuple[Figure, matplotlib.axes.Axes]":
    figure = Figure(figsize=(7.6, height), layout="constrained")
    return figure, figure.add_subplot()


def _frame(axes: "matplotlib.axes.Axes", label: str, legend_at: Any) -> None:
    """Axes of optimiser steps, a quiet grid and a legend."""
    axes.set_xlabel("optimiser step", color=FAINT)
    axes.set_ylabel(label, color=FAINT)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, steps=[1, 2, 5, 10]))
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.tick_params(colors=FAINT, length=0)
    axes.set_axisbelow(True)
    axes.margins(x=0.02)
    for side in axes.spines.values():
        side.set_visible(False)
    if legend_at:
        legend = axes.legend(frameon=False, loc=legend_at, labelcolor=INK)
        legend.set_zorder(5)


def _line(axes: "matplotlib.axes.Axes", points: Points, colour: str, label: str, **style: object) -> None:
    known = [(step, loss) for step, loss in points if loss is not None]
    if known:
        steps, losses = zip(*known, strict=True)
        axes.plot(steps, losses, color=colour, label=label, **style)  # type: ignore[arg-type]


def _svg(figure: Figure, label: str) -> str:
    """The figure's <svg> element; equal figures give equal text."""
    figure.patch.set_visible(False)
    for axes in figure.axes:
        axes.patch.set_visible(False)
    file = io.StringIO()
    FigureCanvasSVG(figure).print_svg(file, metadata={"Date": None, "Creator": None})
    text = file.getvalue()
    text = text[text.index("<svg") :]
    for placeholder, colour in COLOURS.items():
        text = text.replace(placeholder, colour)
    return text.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
