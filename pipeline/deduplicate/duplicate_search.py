"""The search for duplicates as Spark jobs: which task computes what, and what moves between them."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa
import xxhash
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from configs.deduplicate import Deduplicate
from pipeline.contract.fingerprint import canonical_json
from pipeline.contract.progress import say
from pipeline.deduplicate.candidate_pairs import BUCKETS, PAIRS, buckets_of, candidate_pairs, ends
from pipeline.deduplicate.connected_components import connected_components
from pipeline.deduplicate.contamination import EvaluationIndex, conversations, index_of
from pipeline.deduplicate.exact_duplicates import TEXTS, exact_duplicates
from pipeline.deduplicate.near_duplicates import WORDS_OF_ROWS, verify
from pipeline.deduplicate.overlaps import EXCHANGES, OVERLAPS, exchanges_of, overlaps
from pipeline.deduplicate.representatives import MEMBERS, represent
from pipeline.deduplicate.row_decisions import EXACT_MATCHES, SPLITS, RowDecisions
from pipeline.deduplicate.row_features import read_features, write_features
from pipeline.rows.parquet import write_batches
from pipeline.rows.ranges import Corpus, Range, Ranges
from pipeline.rows.splitmix import mix
from pipeline.spark.blocks import BATCH_BYTES, Batches, Received, cut, deliver, run, send
from pipeline.spark.external_sort import LEAST_FILES
from pipeline.spark.session import task_progress

ROWS_PER_BATCH = 10_000
ROWS_PER_TASK = 100_000
"""Rows whose texts or buckets one task holds at once: some 50 MB each."""

VERIFIED = "a bigint, b bigint, jaccard double, duplicate boolean, bounded bigint"
DECISIONS = pa.schema({"ordinal": pa.int64(), **dict.fromkeys(("rule", "evidence", "split", "cluster"), pa.string())})
BOUNDED = pa.schema({"bounded": pa.int64()})
KEPT = (
    "ordinal bigint, own bigint, user bigint, first bigint, second bigint, third bigint, "
    "prompt_key bigint, prompt_words int"
)


class Steps:
    """Results that later steps read more than once, as Parquet under one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def run(self, name: str, frame: DataFrame) -> DataFrame:
        """Computes a frame now, and reads it back."""
        path = str(self.folder / name.replace(" ", "-"))
        with task_progress(frame.sparkSession, f"deduplicate: {name}"):
            frame.write.mode("overwrite").parquet(path)
        return frame.sparkSession.read.schema(frame.schema).parquet(path)

    def remove(self) -> None:
        """Deletes the folder: it is no part of the artifact."""
        shutil.rmtree(self.folder, ignore_errors=True)


class DuplicateSearch:
    """One search. Its methods are jobs, called in the order in which they stand here."""

    def __init__(self, spark: SparkSession, corpora: Sequence[Corpus], config: Deduplicate, scratch: Path) -> None:
        self.spark, self.config, self.steps = spark, config, Steps(scratch)
        self.ranges = Ranges(corpora)
        self.features = scratch / "features"
        self.features.mkdir(exist_ok=True)
        self.evaluation = scratch / "evaluation"
        self.own = next(corpus for corpus in corpora if corpus.kind == "new")
        self.tasks = max(LEAST_FILES, -(-self.ranges.rows // ROWS_PER_TASK))
        spark.conf.set("spark.sql.execution.arrow.maxBytesPerBatch", str(BATCH_BYTES))

    def find_exact(self) -> None:
        """Words, order and exchanges of every row, written once; rows of equal text are found on the way."""
        evaluation = self.evaluation
        sets = [part for part in self.ranges.all if part.corpus.kind == "evaluation"]
        if sets:
            index, unseen = index_of(conversations(sets))
            index.save(evaluation)
            say(
                f"deduplicate: evaluation sets: {len(index.rows):,} rows, {unseen:,} of them too short to be recognised"
            )
        ranges, features, least, targets = self.ranges, self.features, self.config.overlap_words, self.tasks

        def texts(received: Received) -> Batches:
            hashes = write_features(ranges.all[received.target], features, least, EvaluationIndex.load(evaluation))
            first = np.array([text[0] | text[1] << 8 | text[2] << 16 for text in hashes["text"].to_pylist()], np.int64)
            yield from cut("texts", hashes, first % targets)

        def equal(received: Received) -> Batches:
            duplicates = exact_duplicates(received.table("texts", TEXTS))
            yield from cut("exact", duplicates, ranges.of(duplicates["ordinal"].to_numpy()))

        frame = run(deliver([], len(ranges.all), self.spark), texts)
        self.exact = self.steps.run("exact duplicates", run(deliver([frame], targets, self.spark), equal))

    def find_near(self) -> dict[str, int]:
        """Finds which rows duplicate which, and which of them stay. Returns the counts for the metrics."""
        verified = self.steps.run("candidate pairs", self._verified())
        counts = verified.agg(F.count("a"), F.count_if("duplicate"), F.coalesce(F.sum("bounded"), F.lit(0))).first()
        assert counts is not None
        figures = dict(zip(("candidate_pairs", "duplicate_pairs", "bounded_buckets"), map(int, counts), strict=True))
        say(
            f"deduplicate: {figures['candidate_pairs']:,} candidate pairs, {figures['duplicate_pairs']:,} duplicates; "
            f"{figures['bounded_buckets']:,} buckets of more than {self.config.neighbours + 1} rows were bounded"
        )
        edges = verified.where("duplicate").select("a", "b")
        components = connected_components(edges, self.steps.folder / "components")
        self.clustered = self.steps.run("near duplicates", self._clustered(components))
        return figures

    def _verified(self) -> DataFrame:
        ranges, features, config, targets = self.ranges, self.features, self.config, self.tasks
        count = len(ranges.all)

        def buckets(received: Received) -> Batches:
            part = ranges.all[received.target]
            rows = read_features(features, part.number)
            wanted = rows["overlap"].is_null().to_numpy(zero_copy_only=False)
            wanted[received.table("exact", EXACT_MATCHES)["ordinal"].to_numpy() - part.first] = False
            ordinals = np.flatnonzero(wanted) + part.first
            table = buckets_of(rows.filter(pa.array(wanted)), ordinals, config)
            yield from cut("buckets", table, table["bucket"].to_numpy() % np.uint64(targets))

        def pairs(received: Received) -> Batches:
            several, bounded = candidate_pairs(received.table("buckets", BUCKETS), config.neighbours, ranges.new_rows)
            yield from cut("pairs", pa.table([several], schema=PAIRS), ranges.of(ends(several)[0]))
            yield from cut("bounded", pa.table([[bounded]], schema=BOUNDED), np.zeros(1, int))

        def first_rows(received: Received) -> Batches:
            part = ranges.all[received.target]
            several = np.unique(received.table("pairs", PAIRS)["pair"].to_numpy())
            a, b = ends(several)
            homes = ranges.of(b)
            yield from cut("pairs", pa.table([several], schema=PAIRS), homes)
            sent = np.unique(np.stack([homes, a], 1), axis=0)
            yield from cut("rows", _words(read_features(features, part.number), sent[:, 1], part), sent[:, 0])
            bounded = received.table("bounded", BOUNDED)
            yield from cut("bounded", bounded, np.zeros(bounded.num_rows, int))

        def verified(received: Received) -> Batches:
            part = ranges.all[received.target]
            several = received.table("pairs", PAIRS)["pair"].to_numpy()
            first = received.table("rows", WORDS_OF_ROWS)
            second = _words(read_features(features, part.number), np.unique(ends(several)[1]), part)
            table = verify(several, first, second, config)
            yield from table.append_column("bounded", pa.nulls(table.num_rows, pa.int64())).to_batches()
            for bounded in received.table("bounded", BOUNDED)["bounded"].to_pylist():
                empty = {name: pa.nulls(1, table.schema.field(name).type) for name in table.schema.names}
                yield pa.record_batch({**empty, "bounded": pa.array([bounded], pa.int64())})

        frame = run(deliver([self.exact], count, self.spark), buckets)
        frame = run(deliver([frame], targets, self.spark), pairs)
        frame = run(deliver([frame], count, self.spark), first_rows)
        return run(deliver([frame], count, self.spark), verified, VERIFIED)

    def _clustered(self, components: DataFrame) -> DataFrame:
        ranges, features, config, targets = self.ranges, self.features, self.config, self.tasks
        count = len(ranges.all)
        sent = send(components, "components", lambda table: ranges.of(table["vertex"].to_numpy()))

        def members(received: Received) -> Batches:
            part = ranges.all[received.target]
            vertices = received.table("components", pa.schema({"vertex": pa.int64(), "component": pa.int64()}))
            place = pa.array(vertices["vertex"].to_numpy() - part.first)
            rows = read_features(features, part.number).take(place)
            columns = {"component": vertices["component"], "ordinal": vertices["vertex"]}
            columns |= {name: rows[name] for name in MEMBERS.names[2:]}
            component = vertices["component"].to_numpy().astype(np.uint64)
            yield from cut("members", pa.table(columns, schema=MEMBERS), mix(component) % np.uint64(targets))

        def representatives(received: Received) -> Batches:
            clustered = represent(received.table("members", MEMBERS), config)
            yield from cut("clustered", clustered, ranges.of(clustered["ordinal"].to_numpy()))

        frame = run(deliver([sent], count, self.spark), members)
        return run(deliver([frame], targets, self.spark), representatives)

    def kept(self) -> DataFrame:
        """KEPT: the rows that no rule so far drops, with what binds them together (see group_rows)."""
        ranges, features = self.ranges, self.features

        def kept(received: Received) -> Batches:
            part = ranges.all[received.target]
            rows = read_features(features, part.number)
            decisions = RowDecisions(ranges, part, rows, received)
            stays = [rule is None for rule in decisions.rules]
            clusters = [c if s else None for c, s in zip(decisions.clusters, decisions.shared, strict=True)]
            bound = rows.append_column("cluster", pa.array(clusters, pa.string())).filter(pa.array(stays))
            by = (bound[n].to_pylist() for n in ("row_id", "source", "user_id", "conversation_id", "cluster"))
            keys = zip(*map(_keys, *by), strict=True) if bound.num_rows else [[]] * 5
            columns = [np.flatnonzero(stays) + part.first, *(pa.array(column, pa.int64()) for column in keys)]
            table = pa.table(
                [*columns, bound["prompt_key"], bound["prompt_words"]], [c.split()[0] for c in KEPT.split(", ")]
            )
            yield from table.combine_chunks().to_batches(max_chunksize=ROWS_PER_BATCH)

        return run(deliver([self.exact, self.clustered], ranges.new_ranges, self.spark), kept, KEPT)

    def decide(self, placed: DataFrame) -> list["Decided"]:
        """What becomes of the rows of each file of the run's own, in order of name. placed: ordinal, split."""
        ranges, features, targets = self.ranges, self.features, self.tasks
        folder = self.steps.folder / "decisions"
        folder.mkdir(exist_ok=True)
        files = sorted(self.own.folder.glob("*.parquet"))
        firsts = ranges.starts(files)
        _, task_of_file = np.unique(ranges.of(firsts), return_inverse=True)
        sent = send(placed.select(*SPLITS.names), "splits", lambda table: ranges.of(table["ordinal"].to_numpy()))

        def exchanges(received: Received) -> Batches:
            part = ranges.all[received.target]
            splits = received.table("splits", SPLITS)
            ordinals = splits["ordinal"].combine_chunks()
            rows = read_features(features, part.number).select(["row_id", "exchanges"])
            table = exchanges_of(rows.take(pa.array(ordinals.to_numpy() - part.first)), ordinals, splits["split"])
            yield from cut("exchanges", table, table["exchange"].to_numpy().view(np.uint64) % np.uint64(targets))

        def overlapping(received: Received) -> Batches:
            found = overlaps(received.table("exchanges", EXCHANGES))
            yield from cut("overlaps", found, ranges.of(found["ordinal"].to_numpy()))

        def rows(received: Received) -> Batches:
            part = ranges.all[received.target]
            known = read_features(features, part.number)
            decisions = RowDecisions(ranges, part, known, received)
            split = decisions.splits(received.table("splits", SPLITS))
            decisions.add_overlaps(received.table("overlaps", OVERLAPS))
            row_ids = known["row_id"].to_pylist()
            clusters = [
                None if rule else c or r
                for rule, c, r in zip(decisions.rules, decisions.clusters, row_ids, strict=True)
            ]
            split = [None if rule else s for rule, s in zip(decisions.rules, split, strict=True)]
            ordinals = np.arange(part.first, part.first + part.rows)
            columns = [ordinals, decisions.rules, decisions.evidence, split, clusters]
            table = pa.table([pa.array(c, f.type) for c, f in zip(columns, DECISIONS, strict=True)], schema=DECISIONS)
            file_of_row = np.searchsorted(firsts, ordinals, side="right") - 1
            yield from cut("decisions", table, task_of_file[file_of_row])

        def of_files(received: Received) -> Batches:
            rows = received.table("decisions", DECISIONS).sort_by("ordinal")
            ends = np.append(firsts[1:], ranges.new_rows)
            for number in np.flatnonzero(task_of_file == received.target).tolist():
                start, end = np.searchsorted(rows["ordinal"].to_numpy(), (firsts[number], ends[number]))
                table = rows.slice(start, end - start).drop_columns(["ordinal"]).combine_chunks()
                write_batches(table.to_batches(), table.schema, folder / f"{number:06d}.arrow")
                digest = sha256(canonical_json(table.to_pydict()).encode()).hexdigest()
                yield pa.record_batch({"file": pa.array([number], pa.int32()), "digest": [digest]})

        frame = run(deliver([sent], ranges.new_ranges, self.spark), exchanges)
        found = run(deliver([frame], targets, self.spark), overlapping)
        frame = run(deliver([self.exact, self.clustered, sent, found], ranges.new_ranges, self.spark), rows)
        with task_progress(self.spark, "deduplicate: deciding"):
            delivered = deliver([frame], int(task_of_file.max()) + 1, self.spark)
            decided = run(delivered, of_files, "file int, digest string").collect()
        digests = sorted((row["file"], row["digest"]) for row in decided)
        return [Decided(files[number], folder / f"{number:06d}.arrow", digest) for number, digest in digests]


@dataclass(frozen=True)
class Decided:
    """What becomes of the rows of a file. decisions: rule, evidence, split and cluster of each row, in the file's
    order, as an Arrow file. digest: of these."""

    file: Path
    decisions: Path
    digest: str


def _words(rows: pa.Table, ordinals: np.ndarray, part: Range) -> pa.Table:
    """WORDS_OF_ROWS of some rows of a range. rows: its features."""
    words = rows.select(WORDS_OF_ROWS.names[1:]).take(pa.array(ordinals - part.first))
    return words.add_column(0, "ordinal", pa.array(ordinals, pa.int64())).cast(WORDS_OF_ROWS)


def _keys(
    row_id: str, source: str, user: str | None, conversation: str | None, cluster: str | None
) -> tuple[int | None, ...]:
    """The key of a row itself, of its user, and three of what binds it to others, null where there are fewer."""
    names = (("user", source, user), ("conversation", source, conversation), ("cluster", cluster))
    keys = [_key(*parts) for parts in names if parts[-1] is not None]
    return (_key("row", row_id), None if user is None else keys[0], *keys, None, None, None)[:5]


def _key(*names: str | None) -> int:
    """64 bits, signed, of what binds rows together."""
    digest = xxhash.xxh3_64_intdigest("\0".join(name or "" for name in names).encode("utf-8", "surrogatepass"))
    return digest - (1 << 64) if digest >> 63 else digest
