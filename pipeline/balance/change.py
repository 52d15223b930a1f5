"""What of the training rows is another share or mean after balance than before, and how certain that is.

Intervals are a bootstrap over conversations with Poisson weights (Hanley and MacGibbon 2006, Creating Non-parametric
Bootstrap Samples Using Poisson Frequencies; Chamandy et al. 2012, Estimating Uncertainty for Massive Data Streams), by
BLOCKS of conversations that a hash chooses, so that rows are read once. A copy is drawn with its parent.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.contract.artifact import Artifact
from pipeline.people.mentions import ATTRIBUTES
from pipeline.sentiment.emotions import EMOTIONS

BLOCKS, REPLICATES, SEED = 4096, 1000, 0
GROUPS = [f"{attribute}:{group}" for attribute, groups in ATTRIBUTES.items() for group in groups]


@dataclass
class Counts:
    """Sums over the rows of each block; the letters are blocks, topics, emotions and groups. mood: of the sentiment."""

    topics: list[str]
    rows_B: np.ndarray
    mood_B: np.ndarray
    topic_BT: np.ndarray
    emotion_BE: np.ndarray
    group_BG: np.ndarray
    mood_BG: np.ndarray
    topic_BGT: np.ndarray
    emotion_BGE: np.ndarray

    @property
    def total(self) -> int:
        return int(self.rows_B.sum())

    def weighted(self, weights_RB: np.ndarray) -> dict[str, np.ndarray]:
        """Field (without its letters) to its sums in every replicate, [R, ...]."""
        sums = {name: value for name, value in vars(self).items() if name != "topics"}
        return {
            name: (weights_RB @ value.reshape(BLOCKS, -1)).reshape(len(weights_RB), *value.shape[1:])
            for name, value in sums.items()
        }


def counted(source: Artifact, topics: list[str]) -> Counts:
    """Of the training rows of annotate's or reannotate's data/. topics: those of the profile; others found follow."""
    data = source.read()
    names = ("row_id", "parent", "split", "topic", "emotion", "sentiment", "mentions")
    columns = [name for name in names if name in data.schema.names]
    known = list(topics)
    for batch in data.to_batches(columns=["topic"]):
        known += sorted(set(batch["topic"].unique().to_pylist()) - set(known))
    shapes = [(), (), (len(known),), (len(EMOTIONS),), (len(GROUPS),), (len(GROUPS),)]
    shapes += [(len(GROUPS), len(known)), (len(GROUPS), len(EMOTIONS))]  # type: ignore[list-item]
    counts = Counts(known, *(np.zeros((BLOCKS, *shape)) for shape in shapes))
    for batch in data.to_batches(columns=columns, filter=pc.field("split") == "train"):
        _add(counts, batch)
    return counts


def _add(counts: Counts, batch: pa.RecordBatch) -> None:
    units = batch["row_id"]
    if "parent" in batch.schema.names:
        units = pc.coalesce(batch["parent"], units)
    block_N = np.array([int(unit[:8], 16) % BLOCKS for unit in units.to_pylist()], np.int64)
    topic_N, emotion_N = (_numbers(batch[n], of) for n, of in (("topic", counts.topics), ("emotion", list(EMOTIONS))))
    mood_N = batch["sentiment"].to_numpy().astype(float)
    np.add.at(counts.rows_B, block_N, 1)
    np.add.at(counts.mood_B, block_N, mood_N)
    np.add.at(counts.topic_BT, (block_N, topic_N), 1)
    np.add.at(counts.emotion_BE, (block_N, emotion_N), 1)
    of_M = pc.list_parent_indices(batch["mentions"]).to_numpy()
    group_M = _numbers(pc.list_flatten(batch["mentions"]), GROUPS)
    block_M = block_N[of_M]
    np.add.at(counts.group_BG, (block_M, group_M), 1)
    np.add.at(counts.mood_BG, (block_M, group_M), mood_N[of_M])
    np.add.at(counts.topic_BGT, (block_M, group_M, topic_N[of_M]), 1)
    np.add.at(counts.emotion_BGE, (block_M, group_M, emotion_N[of_M]), 1)


def _numbers(values: pa.Array, names: list[str]) -> np.ndarray:
    """The place of each value among the names."""
    return pc.index_in(values, value_set=pa.array(names, pa.string())).to_numpy(zero_copy_only=False).astype(np.int64)


def changes(before: Counts, after: Counts, least: int) -> list[dict[str, Any]]:
    """{measure, subject, before, after, low, high} of every measure, the interval being of the change; those of groups
    that are mentioned in fewer than `least` rows before and after are left out."""
    topics = [*before.topics, *(name for name in after.topics if name not in before.topics)]
    weights_RB = np.vstack([np.ones(BLOCKS), np.random.default_rng(SEED).poisson(1.0, (REPLICATES, BLOCKS))])
    old, new = (dict(_measures(counts, weights_RB, topics)) for counts in (before, after))
    rows_G = np.maximum(before.group_BG.sum(axis=0), after.group_BG.sum(axis=0))
    rare = {group for group, rows in zip(GROUPS, rows_G, strict=True) if rows < max(least, 1)}
    found = []
    for (measure, subject), old_R in old.items():
        new_R = new[measure, subject]
        if set(subject.split(" & ")) & rare or not (old_R[0] or new_R[0]) or np.isnan([old_R[0], new_R[0]]).any():
            continue
        low, high = np.nanpercentile((new_R - old_R)[1:], [2.5, 97.5])
        numbers = {"before": old_R[0], "after": new_R[0], "low": low, "high": high}
        rounded = {name: round(float(value), 5) for name, value in numbers.items()}
        found.append({"measure": measure, "subject": subject, **rounded})
    return found


def _measures(
    counts: Counts, weights_RB: np.ndarray, topics: list[str]
) -> Iterator[tuple[tuple[str, str], np.ndarray]]:
    """((measure, subject), its value in every replicate)."""
    sums = counts.weighted(weights_RB)
    rows_R, mood_R, group_RG, mood_RG = (sums[n] for n in ("rows_B", "mood_B", "group_BG", "mood_BG"))
    with np.errstate(divide="ignore", invalid="ignore"):
        for name in topics:
            number = counts.topics.index(name) if name in counts.topics else None
            share_R = sums["topic_BT"][:, number] / rows_R if number is not None else np.zeros(len(rows_R))
            yield ("share of topic", name), share_R
        for e, emotion in enumerate(EMOTIONS):
            yield ("share of emotion", emotion), sums["emotion_BE"][:, e] / rows_R
        for g, group in enumerate(GROUPS):
            of_R = group_RG[:, g]
            yield ("share of mentions", group), of_R / rows_R
            rest_R = (mood_R - mood_RG[:, g]) / (rows_R - of_R)
            yield ("sentiment against the rest", group), mood_RG[:, g] / of_R - rest_R
            for e, emotion in enumerate(EMOTIONS):
                yield ("emotion within group", f"{group} & {emotion}"), sums["emotion_BGE"][:, g, e] / of_R
            for t, topic in enumerate(counts.topics):
                yield ("topic within group", f"{group} & {topic}"), sums["topic_BGT"][:, g, t] / of_R
