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
from pipeline.deduplicate.contamination import conversations, index_of
from pipeline.deduplicate.exact_duplicates import TEXTS, exact_duplicates
from pipeline.deduplicate.near_search import NearSearch
from pipeline.deduplicate.overlaps import EXCHANGES, OVERLAPS, exchanges_of, overlaps
from pipeline.deduplicate.row_decisions import SPLITS, RowDecisions
from pipeline.deduplicate.row_keys import files_of, key_of, row_keys
from pipeline.deduplicate.splits import KEPT
from pipeline.deduplicate.verdicts import KeptVerdicts
from pipeline.rows.parquet import LEAST_FILES, write_batches
from pipeline.rows.ranges import RANKS, Corpus, Range, Ranges
from pipeline.spark.blocks import Batches, Received, cut, told
from pipeline.spark.exchange import Exchange, Sent
from pipeline.spark.session import session_of
from pipeline.spark.tasks import KEYS_SHARE, is_little

ROWS_PER_TASK = 100_000
"""Rows whose buckets one task holds at once: some 50 MB."""

DECISIONS = pa.schema({"ordinal": pa.int64(), **dict.fromkeys(("rule", "evidence", "split", "cluster"), pa.string())})
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
        here = is_little(context, self.ranges.rows * KEYS_SHARE)
        self.exchange = Exchange(lambda: session_of(context), folder / "blocks", here)
        sets = [part for part in self.ranges.all if part.corpus.kind == "evaluation"]
        index, unseen = index_of(conversations(sets))
        if sets:
            index.save(self.evaluation)
            say(
                f"deduplicate: evaluation sets: {len(index.rows):,} rows, {unseen:,} of them too short to be recognised"
            )
        digests = context.run.file_hashes.of(files_of(self.ranges.all))
        self.keys = row_keys(context, self.ranges, digests, index, self.evaluation)
        self.verdicts = KeptVerdicts(context, self.ranges, digests, folder / "known")

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
        search = NearSearch(
            self.exchange, self.ranges, self.keys, self.verdicts, self.config, self.exact, self.tasks, self.folder
        )
        self.clustered, figures = search.find()
        return figures

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

        sent = self.exchange.step([self.exact, *self.clustered], ranges.new_ranges, kept, ["exact", "clustered"])
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
        kinds = ["exact", "clustered", "splits", "overlaps"]
        frame = exchange.step([self.exact, *self.clustered, splits, shared], ranges.new_ranges, rows, kinds)
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


def _ordinals(part: Range) -> np.ndarray:
    return np.arange(part.first, part.first + part.rows)


def _first_ones(columns: list[pa.ChunkedArray]) -> list[pa.Array]:
    """The same columns of integers, the values of each row before its nulls."""
    missing = np.stack([column.is_null().to_numpy() for column in columns])
    values = np.stack([column.fill_null(0).to_numpy() for column in columns])
    order = np.argsort(missing, axis=0, kind="stable")
    values, missing = np.take_along_axis(values, order, 0), np.take_along_axis(missing, order, 0)
    return [pa.array(column, mask=gone) for column, gone in zip(values, missing, strict=True)]
