"""The map of topics: a sample of conversations, like ones beside each other."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from configs.audit import OTHER_TOPIC
from pipeline.audit.plot_style import INK, STYLE
from pipeline.audit.topics import Topics

MOST = 1000
"""Points: 95 kB of SVG, and 4 s of t-SNE on one core."""
LEAST = 10
LABELLED = 14
"""Topics that get a colour and a name on the map, the largest; the others stay grey."""
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#8C6D31", "#7B4173", "#637939", "#AD494A",
           "#3182BD", "#B8A800", "#E7298A", "#1B7837")  # fmt: skip


def draw_maps(topics: Topics, sample_ND: np.ndarray, folder: Path, seed: int) -> None:
    """Writes topic_map.svg and, of discovered topics, cluster_map.svg; nothing of fewer than LEAST conversations."""
    sample_ND = thinned(sample_ND)
    if len(sample_ND) < LEAST:
        return
    folder.mkdir(parents=True, exist_ok=True)
    xy_N2 = places(topics.centred(sample_ND), seed)
    names = [*topics.names, OTHER_TOPIC]
    with mpl.rc_context(STYLE):
        maps = {"topic_map": _map(xy_N2, topics.classes(sample_ND), names, "Where the topics lie")}
        if topics.clusters:
            number_N = topics.nearest_cluster(sample_ND)
            maps["cluster_map"] = _map(xy_N2, number_N, topics.clusters, "Topics that the corpus itself brings")
        for name, drawn in maps.items():
            drawn.savefig(
                folder / f"{name}.svg", format="svg", bbox_inches="tight", metadata={"Date": None, "Creator": None}
            )


def thinned(sample_ND: np.ndarray) -> np.ndarray:
    """At most MOST of the sample, evenly spaced: it lies in the order of files, which may be one a source."""
    if len(sample_ND) <= MOST:
        return sample_ND
    return sample_ND[np.linspace(0, len(sample_ND) - 1, MOST).astype(np.int64)]


def places(unit_ND: np.ndarray, seed: int) -> np.ndarray:
    """x and y [N, 2] by t-SNE (van der Maaten and Hinton 2008), which keeps neighbours; distances between groups and
    their sizes on the map mean nothing. Of principal components the first two hold a few percent of the variance, and
    topics lie on top of each other."""
    with threadpool_limits(1, user_api="openmp"):
        perplexity = min(30.0, (len(unit_ND) - 1) / 3)
        return TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(unit_ND.astype(np.float32))


def _map(xy_N2: np.ndarray, number_N: np.ndarray, names: list[str], title: str) -> Figure:
    figure = Figure(figsize=(7, 5.6))
    axes = figure.add_subplot()
    order = np.argsort(-np.bincount(number_N, minlength=len(names)), kind="stable")
    large = [int(n) for n in order if names[n] != OTHER_TOPIC and (number_N == n).any()][:LABELLED]
    shown = [(~np.isin(number_N, large), "#C4C4C4")]
    shown += [(number_N == number, colour) for colour, number in zip(COLOURS, large, strict=False)]
    for own, colour in shown:
        axes.plot(*xy_N2[own].T, linestyle="", marker="o", markersize=3, color=colour, markeredgewidth=0)
    axes.set_axis_off()
    _label(axes, [(names[n], *densest(xy_N2[number_N == n]).tolist()) for n in large])
    axes.set_title(f"{title}: {len(number_N):,} conversations{'' if shown[0][0].sum() == 0 else ', grey: the others'}")
    return figure


def densest(xy_N2: np.ndarray) -> np.ndarray:
    """The point that is nearest to its own nearest tenth, of at least five: where a topic is thickest."""
    distance_NN = np.linalg.norm(xy_N2[:, None] - xy_N2, axis=2)
    count = min(max(len(xy_N2) // 10, 5), len(xy_N2))
    return xy_N2[np.sort(distance_NN, axis=1)[:, :count].mean(axis=1).argmin()]


def _label(axes: Axes, labels: list[tuple[str, float, float]]) -> None:
    """Names where their points are; one that would cover another is moved up."""
    (low, high), (left, right) = axes.get_ylim(), axes.get_xlim()
    height, width = (high - low) / 26, (right - left) / 80
    placed: list[tuple[float, float, float]] = []
    for name, x, y in sorted(labels, key=lambda label: label[2]):
        text = name if len(name) <= 40 else f"{name[:39]}…"
        half = width * len(text) / 2
        while any(abs(y - b) < height and abs(x - a) < half + other for a, b, other in placed):
            y += height / 4
        placed.append((x, y, half))
        axes.text(x, y, text, ha="center", va="center", fontsize=9, color=INK, fontweight="bold",
                  bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.6})  # fmt: skip
