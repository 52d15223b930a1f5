"""How groups are spoken of and portrayed, in two pictures."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from pipeline.audit.plot_style import BLUE, INK, ORANGE, QUIET

MOST = 40
"""Groups of a picture: those that most conversations mention."""
WIDEST_GAP = 0.3
"""Difference of shares from which on the colour no longer changes."""


def tones(audit: dict[str, Any]) -> Figure:
    """Of each group the difference of its sentences' mean sentiment from comparable ones, with its 95% interval."""
    found = _frequent([c for c in audit["comparisons"] if c["outcome"] == "sentiment"])
    found.sort(key=lambda c: (c["gap"], c["group"]))
    told = {f["subject"] for f in audit["findings"] if f["kind"] == "sentiment gap" and f["severity"] != "info"}
    figure = Figure(figsize=(7, 1 + 0.24 * len(found)))
    axes = figure.add_subplot()
    axes.axvline(0, color=QUIET, linewidth=1)
    for at, c in enumerate(found):
        colour = ORANGE if c["group"] in told else BLUE
        axes.plot([c["low"], c["high"]], [at, at], color=colour, linewidth=1.6, solid_capstyle="butt")
        axes.plot([c["gap"]], [at], "o", color=colour, markersize=4.5)
        axes.annotate(f"{c['rows']:,}", (1, at), (6, 0), xycoords=("axes fraction", "data"), va="center", fontsize=8,
                      textcoords="offset points", color=QUIET)  # fmt: skip
    axes.set_yticks(range(len(found)), [c["group"] for c in found], fontsize=9)
    axes.tick_params(left=False)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(-0.7, len(found) - 0.3)
    axes.set_xlabel("mean sentiment less that of comparable sentences, with its 95% interval; right: conversations")
    axes.set_title("How sentences on groups sound (orange: a warning or worse)")
    return figure


def portrayals(audit: dict[str, Any]) -> Figure:
    """Of each group the share of its sentences with words of a field, coloured by its gap."""
    found = [c for c in audit["comparisons"] if c["kind"] == "portrayal"]
    fields = list(dict.fromkeys(c["outcome"] for c in found))
    groups = [c["group"] for c in _frequent([c for c in found if c["outcome"] == fields[0]])]
    groups.sort()
    cells = {(c["group"], c["outcome"]): c for c in found}
    gaps = np.array([[cells[g, f]["gap"] for f in fields] for g in groups])
    figure = Figure(figsize=(0.45 * len(fields), 1.2 + 0.26 * len(groups)))
    axes = figure.add_subplot()
    axes.imshow(gaps, cmap="PuOr_r", vmin=-WIDEST_GAP, vmax=WIDEST_GAP, aspect="auto")
    axes.set_yticks(range(len(groups)), groups, fontsize=9)
    axes.set_xticks(range(len(fields)), fields, rotation=40, ha="right", rotation_mode="anchor")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for (row, column), gap in np.ndenumerate(gaps):
        colour = "white" if abs(gap) > 0.7 * WIDEST_GAP else INK
        share = cells[groups[row], fields[column]]["mean"]
        axes.text(column, row, f"{share:.0%}", ha="center", va="center", color=colour, fontsize=8)
    axes.set_title("Sentences with words of a field (orange: more than comparable ones)", x=-0.4)
    return figure


def _frequent(comparisons: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The MOST of one outcome with most conversations."""
    return sorted(comparisons, key=lambda c: (-c["rows"], c["group"]))[:MOST]
