"""The search for duplicates as steps of tasks: which task computes what, and what moves between them."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from configs.deduplicate import Deduplicate
from pipeline.contract.execute import StageContext
from pipeline.contract.fingerprint import canonical_json
from pipeline.contract.progress import say
from pipeline.deduplicate.candidate_pairs import BUCKETS, PAIRS, buckets_of, candidate_pairs, ends
from pipeline.deduplicate.connected_components import COMPONENTS, EDGES, components_of
from pipeline.deduplicate.contamination import conversations, index_of
from pipeline.deduplicate.exact_duplicates import TEXTS, exact_duplicates
from pipeline.deduplicate.near_duplicates import WORDS_OF_ROWS, verify
from pipeline.deduplicate.overlaps import EXCHANGES, OVERLAPS, exchanges_of, overlaps
from pipeline.deduplicate.representatives import MEMBERS, represent
from pipeline.deduplicate.row_decisions import EXACT_MATCHES, SPLITS, RowDecisions
from pipeline.deduplicate.row_keys import key_of, row_keys, words_of
from pipeline.deduplicate.splits import KEPT
from pipeline.rows.parquet import write_batches
from pipeline.rows.ranges import RANKS, Corpus, Range, Ranges
from pipeline.rows.splitmix import mix
from pipeline.spark.blocks import Batches, Received, cut, told
from pipeline.spark.exchange import Exchange, Sent
from pipeline.spark.external_sort import LEAST_FILES
from pipeline.spark.session import session_of
from pipeline.spark.tasks import is_little

ROWS_PER_TASK = 100_000
"""Rows whose buckets one task holds at once: some 50 MB."""

WORK_SHARE = 1 / 50
"""Of the work on a row from its text, that of comparing its keys."""

PAIRS_HERE = 200_000
"""Candidate pairs that are verified in one process, some 50 µs each: about as long as Spark takes to start."""

DECISIONS = pa.schema({"ordinal": pa.int64(), **dict.fromkeys(("rule", "evidence", "split", "cluster"), pa.string())})
BOUNDED = pa.schema({"bounded": pa.int64(), "pairs": pa.int64()})
ORDINALS = pa.schema({"ordinal": pa.int64()})
FIGURES = pa.schema({name: pa.int64() for name in ("candidate_pairs", "duplicate_pairs")})
DECIDED = pa.schema({"file": pa.int32(), "digest": pa.string()})


class DuplicateSearch:
    """One search. Its methods are steps, called in the order in which they stand here. What tasks leave for later ones
    lies in a folder that is no part of the artifact."""

    def __init__(self, context: StageContext, corpora: Sequence[Corpus], folder: Path) -> None:
        self.config: Deduplicate = context.config("deduplicate")
        self.ranges, self.folder = Ranges(corpora), folder
        self.own = next(corpus for corpus in corpora if corpus.kind == "new")
        self.evaluation = folder / "evaluation"
        self.tasks = max(LEAST_FILES, -(-self.ranges.rows // ROWS_PER_TASK))
        here = is_little(context, self.ranges.rows * WORK_SHARE)
        self.exchange = Exchange(lambda: session_of(context), folder / "blocks", here)
        sets = [part for part in self.ranges.all if part.corpus.kind == "evaluation"]
        index, unseen = index_of(conversations(sets))
        if sets:
            index.save(self.evaluation)
            say(
                f"deduplicate: evaluation sets: {len(index.rows):,} rows, {unseen:,} of them too short to be recognised"
            )
        self.keys = row_keys(context, self.ranges, index, self.evaluation)

    def find_exact(self) -> None:
        """Which rows have the text of a better one."""
        ranges, keys, targets = self.ranges, self.keys, self.tasks

        def texts(received: Received) -> Batches:
            part = ranges.all[received.target]
            read = keys.read(part, [name for name in TEXTS.names if name not in ("rank", "ordinal")])
            columns = {name: read[name] for name in read.column_names}
            columns["rank"] = pa.array(np.full(part.rows, RANKS[part.corpus.kind]), pa.int8())
            table = pa.table(columns | {"ordinal": _ordinals(part)}).select(TEXTS.names)
            first = np.frombuffer(table["text"].combine_chunks().buffers()[1], np.uint64)[: 2 * part.rows : 2]
            yield from cut("texts", table, (first % np.uint64(targets)).astype(int))

        def equal(received: Received) -> Batches:
            duplicates = exact_duplicates(received.table("texts", TEXTS))
            yield from cut("exact", duplicates, ranges.of(duplicates["ordinal"].to_numpy()))

        sent = self.exchange.step([self.exchange.step([], len(ranges.all), texts)], targets, equal)
        self.exact = self.exchange.done("deduplicate: exact duplicates", sent)

    def find_near(self) -> dict[str, int]:
        """Finds which rows duplicate which, and which of them stay. Returns the counts for the metrics."""
        ranges, exchange = self.ranges, self.exchange
        pairs = exchange.done("deduplicate: candidate pairs", self._pairs())
        told_of = exchange.gather(pairs, "bounded", BOUNDED)
        bounded, found = (pc.sum(told_of[name]).as_py() for name in BOUNDED.names)
        if found > PAIRS_HERE:
            exchange.to_spark(f"deduplicate: up to {found:,} candidate pairs are verified by Spark")
        verified = exchange.done("deduplicate: verified pairs", self._verified(pairs))
        counted = exchange.gather(verified, "figures", FIGURES)
        figures = {name: pc.sum(counted[name]).as_py() or 0 for name in FIGURES.names} | {"bounded_buckets": bounded}
        say(
            f"deduplicate: {figures['candidate_pairs']:,} candidate pairs, {figures['duplicate_pairs']:,} duplicates; "
            f"{bounded:,} buckets of more than {self.config.neighbours + 1} rows were bounded"
        )
        components = components_of(exchange, [verified], self.folder / "components", ranges.of)
        self.clustered = exchange.done("deduplicate: near duplicates", self._clustered(components))
        return figures

    def _pairs(self) -> Sent:
        """Pairs, sent to the range of their first rows; seconds, sent to that of their second; how many."""
        ranges, keys, config, targets = self.ranges, self.keys, self.config, self.tasks

        def buckets(received: Received) -> Batches:
            part = ranges.all[received.target]
            rows = keys.read(part, ["key", "bands", "overlap"])
            wanted = rows["overlap"].is_null().to_numpy().copy()
            wanted[received.table("exact", EXACT_MATCHES)["ordinal"].to_numpy() - part.first] = False
            table = buckets_of(rows.filter(pa.array(wanted)), np.flatnonzero(wanted) + part.first)
            yield from cut("buckets", table, (table["bucket"].to_numpy() % np.uint64(targets)).astype(int))

        def pairs(received: Received) -> Batches:
            several, bounded = candidate_pairs(received.table("buckets", BUCKETS), config.neighbours, ranges.new_rows)
            first, second = ends(several)
            second = np.unique(second)
            yield from cut("pairs", pa.table([several], schema=PAIRS), ranges.of(first))
            yield from cut("seconds", pa.table([second], schema=ORDINALS), ranges.of(second))
            yield from told("bounded", pa.table([[bounded], [len(several)]], schema=BOUNDED))

        frame = self.exchange.step([self.exact], len(ranges.all), buckets)
        return self.exchange.step([frame], targets, pairs)

    def _verified(self, candidates: Sent) -> Sent:
        """Edges between duplicates, and figures. Leaves the words of all rows in candidate pairs."""
        ranges, config, words = self.ranges, self.config, Words(self.folder / "words")
        words.folder.mkdir(exist_ok=True)
        count = len(ranges.all)

        def first_rows(received: Received) -> Batches:
            part = ranges.all[received.target]
            several = np.unique(received.table("pairs", PAIRS)["pair"].to_numpy())
            a, b = ends(several)
            compared = np.union1d(a, received.table("seconds", ORDINALS)["ordinal"].to_numpy())
            if not len(compared):
                return
            words.write(part, compared)
            homes = ranges.of(b)
            yield from cut("pairs", pa.table([several], schema=PAIRS), homes)
            sent = np.unique(np.stack([homes, a], 1), axis=0)
            yield from cut("rows", words.read(part, sent[:, 1]), sent[:, 0])

        def verified(received: Received) -> Batches:
            several = received.table("pairs", PAIRS)["pair"].to_numpy()
            if not len(several):
                return
            second = words.read(ranges.all[received.target], np.unique(ends(several)[1]))
            table = verify(several, received.table("rows", WORDS_OF_ROWS), second, config)
            edges = table.filter(table["duplicate"]).select(EDGES.names)
            yield from told("edges", edges)
            yield from told("figures", pa.table([[table.num_rows], [edges.num_rows]], schema=FIGURES))

        return self.exchange.step([self.exchange.step([candidates], count, first_rows)], count, verified)

    def _clustered(self, components: Sent) -> Sent:
        ranges, keys, config, targets = self.ranges, self.keys, self.config, self.tasks
        words = Words(self.folder / "words")

        def members(received: Received) -> Batches:
            vertices = received.table("components", COMPONENTS)
            if not vertices.num_rows:
                return
            part, ordinals = ranges.all[received.target], vertices["vertex"].to_numpy()
            read = keys.read(part, ["row_id", "chars", "repaired"]).take(pa.array(ordinals - part.first))
            said = words.read(part, ordinals)
            columns = {name: table[name] for table in (said, read) for name in table.column_names}
            columns |= {"component": vertices["component"]}
            columns |= {"rank": pa.array(np.full(len(ordinals), RANKS[part.corpus.kind]), pa.int8())}
            component = vertices["component"].to_numpy().astype(np.uint64)
            table = pa.table({name: columns[name] for name in MEMBERS.names}).cast(MEMBERS)
            yield from cut("members", table, (mix(component) % np.uint64(targets)).astype(int))

        def representatives(received: Received) -> Batches:
            clustered = represent(received.table("members", MEMBERS), config)
            yield from cut("clustered", clustered, ranges.of(clustered["ordinal"].to_numpy()))

        frame = self.exchange.step([components], len(ranges.all), members)
        return self.exchange.step([frame], targets, representatives)

    def kept(self) -> tuple[Sent, int]:
        """KEPT: the rows that no rule so far drops, with what binds them together; and their number."""
        ranges, keys, targets = self.ranges, self.keys, self.tasks

        def kept(received: Received) -> Batches:
            part = ranges.all[received.target]
            rows = keys.read(part, ["own", "user", "conversation", "prompt_key", "prompt_words", "overlap"])
            decisions = RowDecisions(ranges, part, rows, received)
            stays = np.array([rule is None for rule in decisions.rules], bool)
            clusters = [
                key_of("cluster", c) if s and c is not None else None
                for c, s in zip(decisions.clusters, decisions.shared, strict=True)
            ]
            bound = rows.append_column("cluster", pa.array(clusters, pa.int64())).filter(pa.array(stays))
            keys_of = _first_ones([bound[name] for name in ("user", "conversation", "cluster")])
            columns = dict(zip(("first", "second", "third"), keys_of, strict=True))
            columns |= {name: bound[name] for name in ("own", "user", "prompt_key", "prompt_words")}
            table = pa.table(columns | {"ordinal": np.flatnonzero(stays) + part.first}).select(KEPT.names).cast(KEPT)
            yield from cut("kept", table, (bound["own"].to_numpy().view(np.uint64) % np.uint64(targets)).astype(int))
            yield from told("rows", pa.table([[table.num_rows]], ["rows"]))

        sent = self.exchange.step([self.exact, self.clustered], ranges.new_ranges, kept)
        sent = self.exchange.done("deduplicate: kept", sent)
        counted = self.exchange.gather(sent, "rows", pa.schema({"rows": pa.int64()}))
        return sent, pc.sum(counted["rows"]).as_py() or 0

    def decide(self, splits: Sent) -> list["Decided"]:
        """What becomes of the rows of each file of the run's own, in order of name. splits: SPLITS, at their ranges."""
        ranges, keys, targets = self.ranges, self.keys, self.tasks
        folder = self.folder / "decisions"
        folder.mkdir(exist_ok=True)
        files = sorted(self.own.folder.glob("*.parquet"))
        firsts = ranges.starts(files)
        _, task_of_file = np.unique(ranges.of(firsts), return_inverse=True)

        def exchanges(received: Received) -> Batches:
            part = ranges.all[received.target]
            splits = received.table("splits", SPLITS)
            ordinals = splits["ordinal"].combine_chunks()
            rows = keys.read(part, ["row_id", "exchanges"])
            table = exchanges_of(rows.take(pa.array(ordinals.to_numpy() - part.first)), ordinals, splits["split"])
            home = table["exchange"].to_numpy().view(np.uint64) % np.uint64(targets)
            yield from cut("exchanges", table, home.astype(int))

        def overlapping(received: Received) -> Batches:
            found = overlaps(received.table("exchanges", EXCHANGES))
            yield from cut("overlaps", found, ranges.of(found["ordinal"].to_numpy()))

        def rows(received: Received) -> Batches:
            part = ranges.all[received.target]
            known = keys.read(part, ["row_id", "overlap"])
            decisions = RowDecisions(ranges, part, known, received)
            split = decisions.splits(received.table("splits", SPLITS))
            decisions.add_overlaps(received.table("overlaps", OVERLAPS))
            row_ids = known["row_id"].to_pylist()
            clusters = [
                None if rule else c or r
                for rule, c, r in zip(decisions.rules, decisions.clusters, row_ids, strict=True)
            ]
            split = [None if rule else s for rule, s in zip(decisions.rules, split, strict=True)]
            ordinals = _ordinals(part)
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
                yield from told("decided", pa.table([[number], [digest]], schema=DECIDED))

        exchange = self.exchange
        shared = exchange.step([exchange.step([splits], ranges.new_ranges, exchanges)], targets, overlapping)
        frame = exchange.step([self.exact, self.clustered, splits, shared], ranges.new_ranges, rows)
        sent = exchange.done("deduplicate: deciding", exchange.step([frame], int(task_of_file.max()) + 1, of_files))
        decided = exchange.gather(sent, "decided", DECIDED).sort_by("file")
        digests = zip(decided["file"].to_pylist(), decided["digest"].to_pylist(), strict=True)
        return [Decided(files[number], folder / f"{number:06d}.arrow", digest) for number, digest in digests]


@dataclass(frozen=True)
class Decided:
    """What becomes of the rows of a file. decisions: rule, evidence, split and cluster of each row, in the file's
    order, as an Arrow file. digest: of these."""

    file: Path
    decisions: Path
    digest: str


@dataclass(frozen=True)
class Words:
    """The words of rows that are compared, an Arrow file a range: written by the task that reads their texts."""

    folder: Path

    def write(self, part: Range, ordinals: np.ndarray) -> None:
        """Reads the texts of these rows. ordinals: ascending."""
        table = pa.table({"ordinal": ordinals, **words_of(part, ordinals).to_arrow()}, schema=WORDS_OF_ROWS)
        write_batches(table.to_batches(), table.schema, self._file(part))

    def read(self, part: Range, ordinals: np.ndarray) -> pa.Table:
        """WORDS_OF_ROWS of some of the rows that were written, in their order."""
        table = pa.ipc.open_file(pa.memory_map(str(self._file(part)))).read_all()
        return table.take(pa.array(np.searchsorted(table["ordinal"].to_numpy(), ordinals)))

    def _file(self, part: Range) -> Path:
        return self.folder / f"{part.number:06d}.arrow"


def _ordinals(part: Range) -> np.ndarray:
    return np.arange(part.first, part.first + part.rows)


def _first_ones(columns: list[pa.ChunkedArray]) -> list[pa.Array]:
    """The same columns of integers, the values of each row before its nulls."""
    missing = np.stack([column.is_null().to_numpy() for column in columns])
    values = np.stack([column.fill_null(0).to_numpy() for column in columns])
    order = np.argsort(missing, axis=0, kind="stable")
    values, missing = np.take_along_axis(values, order, 0), np.take_along_axis(missing, order, 0)
    return [pa.array(column, mask=gone) for column, gone in zip(values, missing, strict=True)]
