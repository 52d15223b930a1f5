"""audit: topics, mentions and sentiment counted, groups compared, and findings made of the numbers.

annotate has scored every conversation and sentence once; audit only counts, so a changed threshold costs seconds.
"""

import json
import shutil
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from configs.audit import OTHER_TOPIC, Findings
from pipeline.audit.associations import (
    LEAST_ODDS,
    SEGREGATED_ODDS,
    SHOWN,
    Association,
    coverage,
    occupation_associations,
    word_associations,
)
from pipeline.audit.exclusion import references, shortfalls
from pipeline.audit.findings import findings, worst
from pipeline.audit.groups import comparisons
from pipeline.audit.plots import draw
from pipeline.audit.sample import EXAMPLES, Sample, sample
from pipeline.audit.severity import adjusted, cohens_h
from pipeline.contract.artifact import Artifact
from pipeline.contract.atomic_write import write_text
from pipeline.contract.execute import StageContext
from pipeline.contract.progress import say
from pipeline.people.mentions import ATTRIBUTES

EDGES = np.linspace(-1, 1, 21)
COMPARED = ["source", "chosen", "rejected"]


def audit(context: StageContext) -> None:
    """Leaves audit.json and plots/*.svg."""
    source = context.inputs["annotate"]
    topics = [*sorted(context.config("audit.topics")), OTHER_TOPIC]
    with context.progress(source.ledger.rows_out) as progress:
        counted = distributions(source, topics, progress.advance)
    counted["clusters"] = clusters(source)
    if pairs := preferences(context.inputs["deduplicate"]):
        counted["pairs"] = pairs
    limits: Findings = context.config("findings")
    counted |= of_groups(source, counted["mentions"], limits)
    counted["findings"] = findings(counted, limits)
    counted.pop("examples")
    for comparison in counted["comparisons"]:
        for shown in ("examples", "sentences"):
            comparison.pop(shown, None)
    text = json.dumps(counted, indent=1, ensure_ascii=False)
    write_text(context.out / "audit.json", text + "\n")
    draw(counted, context.out / "plots")
    for drawn in (source.path / "plots").glob("*.svg"):
        shutil.copyfile(drawn, context.out / "plots" / drawn.name)
    for finding in counted["findings"]:
        if finding["severity"] != "info":
            told = (finding[name] for name in ("severity", "kind", "subject", "message"))
            say(": ".join([context.stage.name, *told]))
    context.ledger.rows_in = context.ledger.rows_out = counted["rows"]
    severities = Counter(finding["severity"] for finding in counted["findings"])
    context.metrics |= {"findings": dict(sorted(severities.items())), "worst": worst(counted["findings"])}


def of_groups(source: Artifact, mentions: dict[str, dict[str, int]], limits: Findings) -> dict[str, Any]:
    """`comparisons`, `words`, `occupations` and `exclusion` of audit.json, with q over all comparisons, and over all
    words."""
    statements = sample(source)
    compared = comparisons(statements, limits)
    missing = shortfalls(mentions, references(limits))
    for entry, q in zip([*compared, *missing], adjusted([e["p"] for e in [*compared, *missing]]), strict=True):
        entry["q"] = float(f"{q:.4g}")
        del entry["p"]
    words, occupations = word_associations(statements, limits), occupation_associations(statements, limits)
    return {
        "comparisons": compared,
        "words": {tag: _told(statements, tag, of, LEAST_ODDS) for tag, of in words.items()},
        "occupations": {
            tag: _told(statements, tag, of, LEAST_ODDS, occupations=True) | {"segregated": round(SEGREGATED_ODDS, 4)}
            for tag, of in occupations.items()
        },
        "exclusion": missing,
    }


def _told(
    statements: Sample, tag: str, of: list[Association], threshold: float, occupations: bool = False
) -> dict[str, Any]:
    """The strongest words of a group, and how much of what is said of it and of the rest they are."""
    shown = of[:SHOWN]
    told = coverage(statements, tag, [a.word for a in shown], occupations)
    numbers = ("others", "odds", "low", "high")
    words = [
        {"word": a.word, "rows": a.rows, **{n: round(getattr(a, n), 2) for n in numbers}, "q": float(f"{a.q:.4g}")}
        for a in shown
    ]
    separation = cohens_h(told["share"], told["rest"])
    return {
        **{"words": words, **told, "share": round(told["share"], 4), "rest": round(told["rest"], 4)},
        **{"separation": round(separation, 4), "threshold": round(threshold, 4)},
    }


def distributions(source: Artifact, topics: list[str], advance: Callable[[int], None]) -> dict[str, Any]:
    """audit.json without its comparisons of groups and findings. Besides docs/artifacts.md it holds `topics_by_group`
    {attribute: {group: {topic: rows}}}, the standard error of each group's mean sentiment, and `examples`, three rows
    of each topic, source, language, and group with a topic."""
    rows, total = 0, 0.0
    by_source: Counter[tuple[str, str]] = Counter()
    by_mention: Counter[tuple[str, str]] = Counter()
    languages: Counter[str] = Counter()
    examples: dict[str, dict[str, list[str]]] = {name: {} for name in ("topics", "sources", "languages", "groups")}
    moments: dict[str, np.ndarray] = {}  # mention -> rows, sum and sum of squares of the sentiment
    histogram = np.zeros(len(EDGES) - 1, dtype=np.int64)
    for batch in source.read().to_batches(batch_size=1 << 16):
        score_N = batch.column("sentiment").to_numpy().astype(np.float64)
        topic_N = batch.column("topic").to_numpy(zero_copy_only=False)
        rows += batch.num_rows
        total += float(score_N.sum())
        histogram += np.histogram(score_N, EDGES)[0]
        by_source.update(zip(batch.column("source").to_pylist(), topic_N, strict=True))
        languages.update(code or "unknown" for code in batch.column("language").to_pylist())
        row_ids = batch.column("row_id").to_numpy(zero_copy_only=False)
        codes = pc.fill_null(batch.column("language"), "unknown")
        for name, column in (("topics", "topic"), ("sources", "source")):
            _exemplify(examples[name], batch.column(column).to_pylist(), row_ids)
        _exemplify(examples["languages"], codes.to_pylist(), row_ids)
        lists = batch.column("mentions")
        tags = pc.list_flatten(lists).to_numpy(zero_copy_only=False)
        parents = pc.list_parent_indices(lists).to_numpy()
        by_mention.update(zip(tags, topic_N[parents], strict=True))
        both = [f"{tag} {topic}" for tag, topic in zip(tags, topic_N[parents], strict=True)]
        _exemplify(examples["groups"], both, row_ids[parents])
        for tag in sorted(set(tags)):
            scores = score_N[parents[tags == tag]]
            moments.setdefault(tag, np.zeros(3))
            moments[tag] += [len(scores), scores.sum(), (scores**2).sum()]
        advance(batch.num_rows)
    names = [*topics, *sorted({topic for _, topic in by_source} - set(topics))]
    sources = sorted({name for name, _ in by_source})
    groups = {attribute: {g: f"{attribute}:{g}" for g in known} for attribute, known in ATTRIBUTES.items()}
    return {
        "rows": rows,
        "topics": {t: sum(by_source[s, t] for s in sources) for t in names},
        "by_source": {s: {t: by_source[s, t] for t in names} for s in sources},
        "mentions": {
            a: {g: int(moments[tag][0]) if tag in moments else 0 for g, tag in tags.items()}
            for a, tags in groups.items()
        },
        "sentiment": {
            "mean": round(total / max(rows, 1), 4),
            "histogram": {"edges": [round(float(e), 2) for e in EDGES], "counts": histogram.tolist()},
        },
        "sentiment_by_group": {
            a: {g: _sentiment(moments[tag]) for g, tag in tags.items() if tag in moments} for a, tags in groups.items()
        },
        "topics_by_group": {
            a: {g: {t: by_mention[tag, t] for t in names if by_mention[tag, t]} for g, tag in tags.items()}
            for a, tags in groups.items()
        },
        "languages": dict(sorted(languages.items())),
        "examples": examples,
    }


def _exemplify(known: dict[str, list[str]], names: list[str], row_ids: np.ndarray) -> None:
    """Keeps the first three rows of each name."""
    for name, row_id in zip(names, row_ids, strict=True):
        rows = known.setdefault(name, [])
        if len(rows) < EXAMPLES:
            rows.append(row_id)


def clusters(source: Artifact) -> list[dict[str, Any]]:
    """`clusters` of audit.json: {name, words, rows, topics {topic: rows}} of each discovered topic, the largest first;
    a topic that the profile lacks stands out as a cluster that is mostly `other`."""
    counts: Counter[tuple[str, str]] = Counter()
    for batch in source.read().to_batches(columns=["cluster", "topic"], batch_size=1 << 16):
        counts.update(zip(batch["cluster"].to_pylist(), batch["topic"].to_pylist(), strict=True))
    found = [
        {"name": name, "words": words, "topics": dict(sorted((t, n) for (c, t), n in counts.items() if c == name))}
        for name, words in source.json("clusters.json").items()
    ]
    counted = [{**cluster, "rows": sum(cluster["topics"].values())} for cluster in found]
    return sorted(counted, key=lambda cluster: (-cluster["rows"], cluster["name"]))


def preferences(source: Artifact) -> dict[str, Any]:
    """`pairs` of audit.json: of all, and of each source, how many there are (`rows`), the mean `chosen_chars` and
    `rejected_chars` of a reply, and how often the chosen one is the longer (`chosen_longer`) and the shorter. Empty
    without preference pairs.
    """
    sums: dict[str, np.ndarray] = {}
    files = sorted(source.parquet("pairs").glob("*.parquet"))
    for batch in (batch for file in files for batch in pq.ParquetFile(file).iter_batches(1 << 14, columns=COMPARED)):
        chosen_N, rejected_N = (pc.utf8_length(batch[side]).to_numpy().astype(np.int64) for side in COMPARED[1:])
        source_N = batch["source"].to_numpy(zero_copy_only=False)
        for name in np.unique(source_N.astype(str)):
            chosen, rejected = chosen_N[source_N == name], rejected_N[source_N == name]
            longer, shorter = (chosen > rejected).sum(), (chosen < rejected).sum()
            sums.setdefault(name, np.zeros(5, np.int64))
            sums[name] += [len(chosen), chosen.sum(), rejected.sum(), longer, shorter]
    if not sums:
        return {}
    return _compared(np.sum(list(sums.values()), axis=0)) | {
        "by_source": {name: _compared(sums[name]) for name in sorted(sums)}
    }


def _compared(sums: np.ndarray) -> dict[str, float | int]:
    rows, chosen, rejected, longer, shorter = sums.tolist()
    means = {"chosen_chars": round(chosen / rows, 1), "rejected_chars": round(rejected / rows, 1)}
    return {"rows": rows, **means, "chosen_longer": longer, "chosen_shorter": shorter}


def _sentiment(moments: np.ndarray) -> dict[str, float | int]:
    count, total, squares = moments
    mean = total / count
    variance = max(squares / count - mean**2, 0.0) * count / max(count - 1, 1)
    return {"mean": round(mean, 4), "rows": int(count), "standard_error": round(float(np.sqrt(variance / count)), 4)}
