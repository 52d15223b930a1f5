"""The map of topics: a sample of conversations in the two directions in which they differ most."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from pipeline.audit.plots import INK, QUIET, STYLE
from pipeline.audit.topics import Topics

MOST = 1000
"""Points drawn: 100 kB of SVG."""
LABELLED = 12
"""Topics that get a colour and a name on the map, the largest; the others stay grey."""
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#8C6D31", "#7B4173", "#637939", "#AD494A",
           "#3182BD", "#B8A800")  # fmt: skip


def places(topics: Topics, sample_ND: np.ndarray) -> dict[str, Any]:
    """The first MOST of a sample by principal components: {x, y, topic, cluster: a list each; explained: the share of
    the variance along x and along y}. topic and cluster are numbers; `other` is the number of topics."""
    sample_ND = sample_ND[:MOST]
    if len(sample_ND) < 3:
        return {"x": [], "y": [], "topic": [], "cluster": [], "explained": [0.0, 0.0]}
    row_ND = topics.centred(sample_ND).astype(np.float64)
    row_ND -= row_ND.mean(axis=0)
    variance_D, axes_DD = np.linalg.eigh(row_ND.T @ row_ND)
    axes_D2 = axes_DD[:, [-1, -2]]
    axes_D2 *= np.sign(axes_D2[np.abs(axes_D2).argmax(axis=0), [0, 1]])  # an axis has no direction of its own
    xy_N2 = (row_ND @ axes_D2).round(3)
    return {
        "x": xy_N2[:, 0].tolist(),
        "y": xy_N2[:, 1].tolist(),
        "topic": topics.classes(sample_ND).tolist(),
        "cluster": topics.nearest_cluster(sample_ND).tolist() if topics.clusters else [],
        "explained": (variance_D[[-1, -2]] / max(variance_D.sum(), 1e-12)).round(3).tolist(),
    }


def draw_maps(found: dict[str, Any], topics: list[str], folder: Path) -> None:
    """Writes topic_map.svg and, of discovered clusters, cluster_map.svg. topics: names by number, `other` the last."""
    place, clusters = found["map"], list(found["clusters"])
    if not place["x"]:
        return
    with mpl.rc_context(STYLE):
        maps = {"topic_map": _map(place, "topic", topics, topics[-1:], "Where the topics lie")}
        if clusters:
            maps["cluster_map"] = _map(place, "cluster", clusters, [], "Topics that the corpus itself brings")
        for name, drawn in maps.items():
            drawn.savefig(
                folder / f"{name}.svg", format="svg", bbox_inches="tight", metadata={"Date": None, "Creator": None}
            )


def _map(place: dict[str, Any], key: str, names: list[str], quiet: list[str], title: str) -> Figure:
    x_N, y_N, number_N = np.array(place["x"]), np.array(place["y"]), np.array(place[key])
    figure = Figure(figsize=(7, 5))
    axes = figure.add_subplot()
    order = np.argsort(-np.bincount(number_N, minlength=len(names)), kind="stable")
    large = [n for n in order if names[n] not in quiet and (number_N == n).any()][:LABELLED]
    grey = ~np.isin(number_N, large)
    axes.scatter(x_N[grey], y_N[grey], s=9, color="#BBBBBB", linewidths=0)
    for colour, number in zip(COLOURS, large, strict=False):
        own = number_N == number
        axes.scatter(x_N[own], y_N[own], s=9, color=colour, linewidths=0, alpha=0.75)
    _label(axes, [(names[n], *(float(np.median(along[number_N == n])) for along in (x_N, y_N))) for n in large])
    x, y = (f"{share:.0%} of the variance" for share in place["explained"])
    axes.set_xlabel(x, color=QUIET, fontsize=9)
    axes.set_ylabel(y, color=QUIET, fontsize=9)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title(f"{title}: {len(number_N):,} conversations")
    return figure


def _label(axes: Axes, labels: list[tuple[str, float, float]]) -> None:
    """Names in the middle of their points; one that would cover another is moved up."""
    (low, high), (left, right) = axes.get_ylim(), axes.get_xlim()
    height, width = (high - low) / 24, (right - left) / 75
    placed: list[tuple[float, float, float]] = []
    for name, x, y in sorted(labels, key=lambda label: label[2]):
        text = name if len(name) <= 40 else f"{name[:39]}…"
        half = width * len(text) / 2
        while any(abs(y - b) < height and abs(x - a) < half + other for a, b, other in placed):
            y += height / 4
        placed.append((x, y, half))
        axes.text(x, y, text, ha="center", va="center", fontsize=9, color=INK, fontweight="bold",
                  path_effects=[withStroke(linewidth=2.5, foreground="white")])  # fmt: skip
