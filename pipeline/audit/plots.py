"""The audit in pictures."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.audit.group_plots import portrayals, tones
from pipeline.audit.plot_style import BLUE, INK, QUIET, save


def draw(audit: dict[str, Any], folder: Path) -> None:
    """Writes topics.svg, mentions.svg, sentiment.svg, topics_by_source.svg and, where groups are compared, groups.svg
    and portrayals.svg."""
    pictures = {
        "topics": _topics,
        "mentions": _mentions,
        "sentiment": _sentiment,
        "topics_by_source": _topics_by_source,
    }
    if audit.get("comparisons"):
        pictures |= {"groups": tones, "portrayals": portrayals}
    save({name: partial(picture, audit) for name, picture in pictures.items()}, folder)


def _topics(audit: dict[str, Any]) -> Figure:
    topics = sorted(audit["topics"].items(), key=lambda item: (item[1], item[0]))
    figure = Figure(figsize=(7, 0.6 + 0.3 * len(topics)))
    axes = figure.add_subplot()
    _bars(axes, [name for name, _ in topics], [rows for _, rows in topics], audit["rows"])
    axes.set_title(f"What {audit['rows']:,} conversations are about")
    return figure


def _mentions(audit: dict[str, Any]) -> Figure:
    """Groups below the name of their attribute; those that are never mentioned are left out."""
    lines: list[tuple[str, int | None]] = []
    for attribute, groups in audit["mentions"].items():
        named = sorted(((g, rows) for g, rows in groups.items() if rows), key=lambda item: (-item[1], item[0]))
        lines += [(attribute.capitalize(), None), *named] if named else []
    lines = lines[::-1] or [("No group is mentioned", None)]
    figure = Figure(figsize=(7, 0.6 + 0.26 * len(lines)))  # the constrained layout's last bits differ between runs
    axes = figure.add_subplot()
    places = {at: line for at, line in enumerate(lines) if line[1] is not None}
    _bars(axes, list(places), [rows or 0 for _, rows in places.values()], audit["rows"])
    axes.set_yticks(list(places), [name for name, _ in places.values()])
    for at, (name, rows) in enumerate(lines):
        if rows is None:
            axes.annotate(name, (0, at), (0, -3), textcoords="offset points", va="center", fontweight="bold")
    axes.set_ylim(-0.6, len(lines) - 0.4)
    axes.set_title("Conversations that mention each group")
    return figure


def _sentiment(audit: dict[str, Any]) -> Figure:
    histogram = audit["sentiment"]["histogram"]
    figure = Figure(figsize=(7, 2.8))
    axes = figure.add_subplot()
    axes.stairs(histogram["counts"], histogram["edges"], fill=True, color=BLUE)
    mean = audit["sentiment"]["mean"]
    axes.axvline(mean, color=INK, linewidth=1)
    axes.annotate(f"mean {mean:+.2f}", (mean, 1), (4, -2), xycoords=("data", "axes fraction"),
                  textcoords="offset points", va="top")  # fmt: skip
    axes.set_xlim(-1, 1)
    axes.set_ylim(0, 1.2 * max(*histogram["counts"], 1))
    axes.set_xlabel("sentiment, from negative (−1) to positive (1)")
    axes.set_ylabel("conversations")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_title("How the conversations sound")
    return figure


def _topics_by_source(audit: dict[str, Any]) -> Figure:
    """Each row of the picture is a source, and its shares add up to 100%."""
    sources, topics = list(audit["by_source"]), list(audit["topics"])
    counts = np.array([[audit["by_source"][s][t] for t in topics] for s in sources], dtype=float)
    counts = counts.reshape(len(sources), len(topics))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(1.5 + 0.55 * len(topics), 1.6 + 0.35 * max(len(sources), 1)))
    axes = figure.add_subplot()
    if sources:
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=max(float(shares.max()), 0.01), aspect="auto")
    axes.set_yticks(range(len(sources)), sources)
    axes.set_xticks(range(len(topics)), topics, rotation=40, ha="right", rotation_mode="anchor")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for (row, column), share in np.ndenumerate(shares):
        colour = "white" if share > 0.6 * shares.max() else INK
        axes.text(column, row, f"{share:.0%}", ha="center", va="center", color=colour, fontsize=8)
    axes.set_title("Topics of each source")
    return figure


def _bars(axes: Axes, places: list[Any], rows: list[int], total: int) -> None:
    """Horizontal bars at names or numbers, that carry their own numbers, so that no axis is needed."""
    axes.barh(places, rows, color=BLUE, height=0.7)
    for at, value in zip(places, rows, strict=True):
        axes.annotate(f"{value:,}  ({value / max(total, 1):.1%})", (value, at), (4, 0), textcoords="offset points",
                      va="center", color=QUIET, fontsize=9)  # fmt: skip
    axes.margins(y=0.02)
    axes.tick_params(left=False)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.set_xticks([])
