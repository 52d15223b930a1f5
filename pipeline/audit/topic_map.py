"""The map of topics: a sample of conversations, like ones beside each other."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from configs.audit import OTHER_TOPIC
from pipeline.audit.plot_style import INK, STYLE
from pipeline.audit.topics import Topics

MOST = 20_000
"""Points, drawn as one picture inside the SVG; as shapes they would take 2 MB."""
LANDMARKS = 1000
"""Points that t-SNE places, in 4 s on one core; 20,000 take minutes."""
NEIGHBOURS = 3
TEMPERATURE = 0.05
"""Of cosines: how much more the nearest landmark counts than the next."""
SCATTER = 0.35
"""Of the median distance between landmarks: how far from between its landmarks a point may lie, so that those of one
landmark do not lie on each other."""
DOTS_AN_INCH = 160
SCHEMA = pa.schema(
    [
        ("row_id", pa.string()),
        ("x", pa.float32()),
        ("y", pa.float32()),
        ("topic", pa.string()),
        ("cluster", pa.string()),
    ]
)
LEAST = 10
LABELLED = 14
"""Topics that get a colour and a name on the map, the largest; the others stay grey."""
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#8C6D31", "#7B4173", "#637939", "#AD494A",
           "#3182BD", "#B8A800", "#E7298A", "#1B7837")  # fmt: skip


def draw_maps(topics: Topics, ids_N: np.ndarray, sample_ND: np.ndarray, out: Path, seed: int) -> None:
    """Writes map.parquet (SCHEMA), plots/topic_map.svg and, of discovered topics, plots/cluster_map.svg; nothing of
    fewer than LEAST conversations. ids_N: their row ids."""
    chosen_N = thinned(len(sample_ND), MOST)
    ids_N, sample_ND = ids_N[chosen_N], sample_ND[chosen_N]
    if len(sample_ND) < LEAST:
        return
    (out / "plots").mkdir(parents=True, exist_ok=True)
    xy_N2 = places(topics.centred(sample_ND), seed)
    names, topic_N = [*topics.names, OTHER_TOPIC], topics.classes(sample_ND)
    cluster_N = topics.nearest_cluster(sample_ND) if topics.clusters else None
    with mpl.rc_context(STYLE):
        maps = {"topic_map": _map(xy_N2, topic_N, names, "Where the topics lie")}
        if cluster_N is not None:
            maps["cluster_map"] = _map(xy_N2, cluster_N, topics.clusters, "Topics that the corpus itself brings")
        for name, drawn in maps.items():
            drawn.savefig(
                out / "plots" / f"{name}.svg",
                format="svg",
                bbox_inches="tight",
                dpi=DOTS_AN_INCH,
                metadata={"Date": None, "Creator": None},
            )
    clusters = None if cluster_N is None else [topics.clusters[n] for n in cluster_N]
    columns = [ids_N.tolist(), xy_N2[:, 0], xy_N2[:, 1], [names[n] for n in topic_N], clusters or pa.nulls(len(ids_N))]
    table = pa.table([pa.array(c, f.type) for c, f in zip(columns, SCHEMA, strict=True)], schema=SCHEMA)
    pq.write_table(table.sort_by("row_id"), out / "map.parquet", compression="zstd")


def thinned(count: int, most: int) -> np.ndarray:
    """At most so many places among `count`, evenly spaced: a sample lies in the order of files, which may be one a
    source."""
    return np.linspace(0, count - 1, min(count, most)).astype(np.int64)


def places(unit_ND: np.ndarray, seed: int) -> np.ndarray:
    """x and y [N, 2], by t-SNE (van der Maaten and Hinton 2008) of LANDMARKS of them, and each other one between the
    landmarks that are nearest to it, the nearer the more.

    t-SNE keeps neighbours; distances between groups and their sizes on the map mean nothing. Of principal components
    the first two hold a few percent of the variance, and topics lie on top of each other.
    """
    unit_ND = unit_ND.astype(np.float32)
    landmark_L = thinned(len(unit_ND), LANDMARKS)
    with threadpool_limits(1, user_api="openmp"):
        perplexity = min(30.0, (len(landmark_L) - 1) / 3)
        xy_L2 = TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(unit_ND[landmark_L])
    if len(landmark_L) == len(unit_ND):
        return xy_L2
    draw = np.random.default_rng(seed)
    scatter = SCATTER * np.median(_nearest_distance(xy_L2))
    parts = [_between(unit_BD @ unit_ND[landmark_L].T, xy_L2) for unit_BD in np.array_split(unit_ND, 20)]
    xy_N2 = np.concatenate(parts) + draw.normal(size=(len(unit_ND), 2)) * scatter
    xy_N2[landmark_L] = xy_L2
    return xy_N2


def _between(cosine_BL: np.ndarray, xy_L2: np.ndarray) -> np.ndarray:
    """The mean [B, 2] of the places of the nearest landmarks, weighted by how near each is."""
    nearest_BK = np.argpartition(-cosine_BL, NEIGHBOURS - 1, axis=1)[:, :NEIGHBOURS]
    cosine_BK = np.take_along_axis(cosine_BL, nearest_BK, axis=1)
    weight_BK = np.exp((cosine_BK - cosine_BK.max(axis=1, keepdims=True)) / TEMPERATURE)
    weight_BK /= weight_BK.sum(axis=1, keepdims=True)
    return (xy_L2[nearest_BK] * weight_BK[:, :, None]).sum(axis=1)


def _nearest_distance(xy_L2: np.ndarray) -> np.ndarray:
    """From each place to the nearest other one [L]."""
    distance_LL = np.linalg.norm(xy_L2[:, None] - xy_L2, axis=2)
    np.fill_diagonal(distance_LL, np.inf)
    return distance_LL.min(axis=1)


def _map(xy_N2: np.ndarray, number_N: np.ndarray, names: list[str], title: str) -> Figure:
    figure = Figure(figsize=(7, 5.6))
    axes = figure.add_subplot()
    size = 3 if len(number_N) <= LANDMARKS else 1.6
    order = np.argsort(-np.bincount(number_N, minlength=len(names)), kind="stable")
    large = [int(n) for n in order if names[n] != OTHER_TOPIC and (number_N == n).any()][:LABELLED]
    shown = [(~np.isin(number_N, large), "#C4C4C4")]
    shown += [(number_N == number, colour) for colour, number in zip(COLOURS, large, strict=False)]
    for own, colour in shown:
        axes.plot(*xy_N2[own].T, linestyle="", marker="o", markersize=size, color=colour, markeredgewidth=0,
                  rasterized=True)  # fmt: skip
    axes.set_axis_off()
    _label(axes, [(names[n], *densest(xy_N2[number_N == n]).tolist()) for n in large])
    axes.set_title(f"{title}: {len(number_N):,} conversations{'' if shown[0][0].sum() == 0 else ', grey: the others'}")
    return figure


def densest(xy_N2: np.ndarray) -> np.ndarray:
    """The point that is nearest to its own nearest tenth, of at least five: where a topic is thickest."""
    xy_N2 = xy_N2[thinned(len(xy_N2), LANDMARKS)]
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
