"""How often drift is found where there is none, and how much of it is found where there is some: JSON lines.

    python -m benchmarks.drift_quality [DATA] [--splits N] [--rows N] [--resamples N]

DATA holds the corpora of Schema-Guided Dialogue, Topical-Chat and MedQuAD, and labelled tweets; German lines come from
chatterbot-corpus. Conversations are repaired, scored and embedded as the pipeline does; their topics are clusters, four
a corpus.

First random halves of one mixed corpus, SPLITS times: the share with any finding, and with any were all limits 0, which
is the test's own. Then planted shifts: a share of one half is changed in one way, RUNS times each; how often the
measures that should see it have a finding, or a warning, and which others have a warning.
"""

import json
import time
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
from sklearn.cluster import KMeans

from benchmarks.arguments import shared_data
from configs.acquire import Source
from configs.drift import LIMITS, Drift
from configs.load import load_profile
from configs.profile import Profile
from pipeline.acquire.batches import Held, batches_of
from pipeline.acquire.packages import package_files
from pipeline.acquire.reading_plan import plan
from pipeline.acquire.sources import source_files
from pipeline.contract.objects import SourceFile
from pipeline.drift.comparison import compare
from pipeline.drift.corpus import Corpus
from pipeline.rows.schema import CONVERSATIONS
from pipeline.watch.prepared import prepared

CORPORA = {
    "sgd": "sgd_train.messages.jsonl.gz",
    "topical_chat": "topical_chat_valid.sharegpt.json.gz",
    "medquad": "medquad.alpaca.json.gz",
}
STRENGTHS = (0.05, 0.1, 0.2, 0.4)
RUNS = 10
TOPICS = 12


def main() -> None:
    options = _options()
    profile = load_profile("scratch", ["storage.root=/nonexistent"])
    draw = np.random.default_rng(7)
    corpora = {
        name: _topics(_corpus(_files(name, options.data / "corpora" / file), profile, options.rows, draw))
        for name, file in CORPORA.items()
    }
    mixed = _together([corpora["sgd"], corpora["topical_chat"]])
    german = _corpus(_german(), profile, options.rows, draw)
    tweets = _corpus(
        _tweets(options.data / "labelled" / "offensive_tweets.csv.gz"), profile, options.rows, draw, rules=False
    )
    settings = Drift(resamples=options.resamples)
    _say(chance(mixed, settings, options.splits, draw))
    shifts: dict[str, tuple[tuple[str, ...], Callable[[Corpus, float], Corpus]]] = {
        "another corpus, as the same source": (
            ("topics", "vocabulary", "embedding"),
            lambda half, share: _mixed_in(half, _named(corpora["medquad"], "sgd"), share, draw),
        ),
        "another source": (("sources",), lambda half, share: _mixed_in(half, _named(half, "new"), share, draw)),
        "German": (
            ("languages", "vocabulary"),
            lambda half, share: _mixed_in(half, _named(german, "sgd"), share, draw),
        ),
        "replies cut to a quarter": (("reply_length",), lambda half, share: _cut(half, share, draw)),
        "offensive tweets": (("offensive",), lambda half, share: _offended(half, tweets, share, draw)),
    }
    for name, (seen_by, shift) in shifts.items():
        for strength in STRENGTHS:
            _say(detected(name, seen_by, mixed, shift, strength, settings, draw))


def chance(corpus: Corpus, settings: Drift, splits: int, draw: np.random.Generator) -> dict[str, Any]:
    """How often random halves of one corpus have a finding."""
    found, without_limits, seconds, worst = 0, 0, 0.0, Counter[str]()
    for seed in range(splits):
        then, now = _halves(corpus, draw)
        began = time.process_time()
        rows = compare(now, then, settings, seed)
        seconds += time.process_time() - began
        found += any(row["severity"] for row in rows)
        sure = [row["measure"] for row in rows if row["q"] <= settings.false_alarms]
        without_limits += bool(sure)
        worst.update(sure)
    return {
        "halves": splits,
        "rows": {"then": then.kept.num_rows, "now": now.kept.num_rows},
        "with_a_finding": found / splits,
        "with_a_finding_at_limits_of_0": without_limits / splits,
        "of": dict(worst),
        "cpu_seconds_each": round(seconds / splits, 2),
    }


def detected(
    name: str,
    seen_by: tuple[str, ...],
    corpus: Corpus,
    shift: Callable[[Corpus, float], Corpus],
    strength: float,
    settings: Drift,
    draw: np.random.Generator,
) -> dict[str, Any]:
    """How often a planted shift has a warning, by measure."""
    warned, found, effects = Counter[str](), Counter[str](), dict.fromkeys(seen_by, 0.0)
    for seed in range(RUNS):
        then, now = _halves(corpus, draw)
        rows = compare(shift(now, strength), then, settings, seed)
        warned.update(row["measure"] for row in rows if row["severity"] == "warning")
        found.update(row["measure"] for row in rows if row["severity"])
        for row in rows:
            if row["measure"] in effects:
                effects[row["measure"]] += row["effect"] / RUNS
    return {
        "shift": name,
        "share": strength,
        "found": {measure: found[measure] / RUNS for measure in seen_by},
        "warned": {measure: warned[measure] / RUNS for measure in seen_by},
        "effect": {measure: round(effect, 3) for measure, effect in effects.items()},
        "others": {measure: warned[measure] / RUNS for measure in LIMITS if warned[measure] and measure not in seen_by},
    }


def _options() -> Namespace:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", type=Path, default=shared_data(), help="default: %(default)s")
    parser.add_argument("--splits", type=int, default=200)
    parser.add_argument("--rows", type=int, default=2000, help="conversations of each corpus")
    parser.add_argument("--resamples", type=int, default=500)
    return parser.parse_args()


def _files(name: str, path: Path) -> pa.Table:
    source = Source(name=name, path=str(path))
    return _read(source, source_files(source))


def _german() -> pa.Table:
    source = Source(name="german", package="chatterbot-corpus")
    files = [(name, path) for name, path in package_files("chatterbot-corpus") if "german" in name]
    return _read(source, files)


def _read(source: Source, files: Sequence[tuple[str, SourceFile]]) -> pa.Table:
    batches = [batch for unit in plan(source, files).units for batch in batches_of(unit, Held(), lambda _: None)]
    return pa.Table.from_batches([batch for batch in batches if batch.schema == CONVERSATIONS])


def _tweets(path: Path) -> pa.Table:
    """Offensive tweets as conversations, which a reply of their own kind ends."""
    table = pa_csv.read_csv(path, parse_options=pa_csv.ParseOptions(newlines_in_values=True))
    texts = [
        text for text, label in zip(table["tweet"].to_pylist(), table["class"].to_pylist(), strict=True) if label < 2
    ]
    rows = [
        {
            "row_id": f"{number:032x}",
            "source": "sgd",
            "origin": {"file": "tweets", "ordinal": number},
            "conversation_id": f"tweet {number}",
            "user_id": None,
            "messages": [{"role": "user", "content": a}, {"role": "assistant", "content": b}],
            "metadata": [],
        }
        for number, (a, b) in enumerate(zip(texts[::2], texts[1::2], strict=False))
    ]
    return pa.Table.from_pylist(rows, schema=CONVERSATIONS)


def _corpus(rows: pa.Table, profile: Profile, most: int, draw: np.random.Generator, rules: bool = True) -> Corpus:
    chosen = np.sort(draw.permutation(rows.num_rows)[:most])
    found = prepared(rows.take(pa.array(chosen)), profile)
    if rules:
        return found
    sure = found.scored.filter(pa.array(found.scored["offensive"].to_numpy() >= 0.8))
    return replace(found, scored=sure)


def _topics(corpus: Corpus) -> Corpus:
    """With clusters for topics, told apart from those of other corpora."""
    label_N = KMeans(TOPICS // len(CORPORA), n_init=3, random_state=0).fit_predict(corpus.vectors_ND)
    source = corpus.kept["source"][0].as_py()
    return replace(corpus, topic_N=np.array([f"{source} {label}" for label in label_N], object))


def _together(corpora: list[Corpus]) -> Corpus:
    topics = [np.full(c.kept.num_rows, "none", object) if c.topic_N is None else c.topic_N for c in corpora]
    return Corpus(
        sum(c.rows for c in corpora),
        pa.concat_tables([c.kept for c in corpora]),
        np.concatenate([c.vectors_ND for c in corpora]),
        np.concatenate(topics),
        pa.concat_tables([c.scored for c in corpora]),
    )


def _halves(corpus: Corpus, draw: np.random.Generator) -> tuple[Corpus, Corpus]:
    """Two random parts; a conversation is in one of them, with what was scored of it."""
    names = sorted({*corpus.kept["conversation_id"].to_pylist(), *corpus.scored["conversation_id"].to_pylist()})
    first = {name for name, one in zip(names, draw.random(len(names)) < 0.5, strict=True) if one}

    def part(wanted: bool) -> Corpus:
        kept_N, scored_N = (
            np.array([(name in first) == wanted for name in table["conversation_id"].to_pylist()])
            for table in (corpus.kept, corpus.scored)
        )
        return _of(corpus, np.flatnonzero(kept_N), np.flatnonzero(scored_N))

    return part(True), part(False)


def _of(corpus: Corpus, kept: np.ndarray, scored: np.ndarray) -> Corpus:
    topics = None if corpus.topic_N is None else corpus.topic_N[kept]
    tables = corpus.kept.take(pa.array(kept)), corpus.scored.take(pa.array(scored))
    return Corpus(len(kept), tables[0], corpus.vectors_ND[kept], topics, tables[1])


def _mixed_in(half: Corpus, other: Corpus, share: float, draw: np.random.Generator) -> Corpus:
    """A share of the half's conversations, exchanged for another corpus's, each drawn one counting as one."""
    rows = half.kept.num_rows
    stay = np.sort(draw.permutation(rows)[: round(rows * (1 - share))])
    come = draw.choice(other.kept.num_rows, rows - len(stay), replace=rows - len(stay) > other.kept.num_rows)
    others = _of(other, come, np.arange(0))
    others = replace(others, kept=_column(others.kept, "conversation_id", [f"came {n}" for n in range(len(come))]))
    return _together([_of(half, stay, np.arange(half.scored.num_rows)), others])


def _named(corpus: Corpus, source: str) -> Corpus:
    return replace(corpus, kept=_column(corpus.kept, "source", [source] * corpus.kept.num_rows))


def _column(table: pa.Table, name: str, values: list[str]) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), name, pa.array(values, pa.string()))


def _cut(half: Corpus, share: float, draw: np.random.Generator) -> Corpus:
    """Replies of a share of the conversations are a quarter as long."""
    rows = half.kept["messages"].to_pylist()
    for number in draw.permutation(len(rows))[: round(share * len(rows))]:
        for turn in rows[number]:
            if turn["role"] == "assistant":
                turn["content"] = turn["content"][: len(turn["content"]) // 4]
    at = half.kept.schema.get_field_index("messages")
    return replace(
        half, kept=half.kept.set_column(at, "messages", pa.array(rows, half.kept.schema.field("messages").type))
    )


def _offended(half: Corpus, tweets: Corpus, share: float, draw: np.random.Generator) -> Corpus:
    """A share of what was scored is offensive; the rules drop it, so that what is kept stays."""
    count = round(share * half.scored.num_rows)
    stay = half.scored.take(pa.array(np.sort(draw.permutation(half.scored.num_rows)[count:])))
    come = tweets.scored.take(pa.array(draw.choice(tweets.scored.num_rows, count, replace=True)))
    return replace(half, scored=pa.concat_tables([stay, come]))


def _say(found: dict[str, Any]) -> None:
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
