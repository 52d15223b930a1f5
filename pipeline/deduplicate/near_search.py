"""The search for near duplicates as steps of tasks: candidate pairs, verdicts, components, representatives."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from configs.deduplicate import Deduplicate
from pipeline.contract.progress import say
from pipeline.deduplicate.candidate_pairs import BUCKETS, PAIRS, buckets_of, candidate_pairs, ends
from pipeline.deduplicate.connected_components import COMPONENTS, EDGES, components_of
from pipeline.deduplicate.near_duplicates import WORDS_OF_ROWS, verify
from pipeline.deduplicate.representatives import (
    MEMBERS,
    MEMBERS_WITH_WORDS,
    Represented,
    represent,
    represent_known,
)
from pipeline.deduplicate.row_decisions import EXACT_MATCHES
from pipeline.deduplicate.row_keys import RowKeys, words_of
from pipeline.deduplicate.verdicts import VERDICTS, KeptVerdicts, Known, similarity_of, verdicts_of
from pipeline.rows.parquet import write_batches
from pipeline.rows.ranges import RANKS, Range, Ranges
from pipeline.rows.splitmix import mix
from pipeline.spark.blocks import Batches, Received, cut, told
from pipeline.spark.exchange import Exchange, Sent

PAIRS_HERE = 200_000
"""Pairs of rows that are compared in one process, some 50 µs each: about as long as Spark takes to start."""

BOUNDED = pa.schema({"bounded": pa.int64()})
ORDINALS = pa.schema({"ordinal": pa.int64()})
FIGURES = pa.schema({name: pa.int64() for name in ("known", "new", "duplicate")})
"""Of pairs: those about which a verdict was known or found, those that are to be compared, those of duplicates."""


@dataclass
class NearSearch:
    """One search. exact: EXACT_MATCHES, at their ranges: rows that are no candidates any more. tasks: of how many each
    step that groups rows has. folder: for what tasks leave to later ones."""

    exchange: Exchange
    ranges: Ranges
    keys: RowKeys
    verdicts: KeptVerdicts
    config: Deduplicate
    exact: Sent
    tasks: int
    folder: Path

    def find(self) -> tuple[list[Sent], dict[str, int]]:
        """CLUSTERED, at their ranges, and the counts for the metrics."""
        exchange = self.exchange
        pairs = exchange.done("deduplicate: candidate pairs", self._pairs())
        bounded = pc.sum(exchange.gather(pairs, "bounded", BOUNDED)["bounded"]).as_py()
        known = exchange.done("deduplicate: known pairs", self._known(pairs))
        figures = _sum(exchange, known)
        if figures["new"] > PAIRS_HERE:
            exchange.to_spark(f"deduplicate: {figures['new']:,} candidate pairs are compared by Spark")
        verified = exchange.done("deduplicate: verified pairs", self._verified(known))
        duplicate = figures["duplicate"] + _sum(exchange, verified)["duplicate"]
        candidates = figures["known"] + figures["new"]
        say(
            f"deduplicate: {candidates:,} candidate pairs, {figures['known']:,} of them known from before; "
            f"{duplicate:,} duplicates; {bounded:,} buckets of more than {self.config.neighbours + 1} rows were bounded"
        )
        components = components_of(exchange, [known, verified], self.folder / "components", self.ranges.of)
        settled = exchange.done("deduplicate: known duplicates", self._settled([components, known, verified]))
        clustered = exchange.done("deduplicate: near duplicates", self._clustered(settled))
        exchange.done("deduplicate: verdicts", self._kept([known, verified, settled, clustered]))
        metrics = {"candidate_pairs": candidates, "duplicate_pairs": duplicate, "bounded_buckets": bounded}
        return [settled, clustered], metrics

    def _pairs(self) -> Sent:
        """Candidate pairs, sent to the range of their second row, and how many there are."""
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
            yield from cut("pairs", pa.table([several], schema=PAIRS), ranges.of(ends(several)[1]))
            yield from told("bounded", pa.table([[bounded]], schema=BOUNDED))

        frame = self.exchange.step([self.exact], len(ranges.all), buckets)
        return self.exchange.step([frame], targets, pairs)

    def _known(self, candidates: Sent) -> Sent:
        """Of pairs that were compared before, edges between duplicates and figures. The others are sent to the range of
        their first row, and that of their second learns which of its rows they are."""
        ranges, verdicts = self.ranges, self.verdicts

        def known(received: Received) -> Batches:
            several = np.unique(received.table("pairs", PAIRS)["pair"].to_numpy())
            first, second = ends(several)
            similarity, there = Known(verdicts.read(ranges.all[received.target])).of(first, second)
            found = verdicts_of(first[there], second[there], similarity[there])
            yield from _found(found, received.target, new=int(np.count_nonzero(~there)))
            yield from cut("pairs", pa.table([several[~there]], schema=PAIRS), ranges.of(first[~there]))
            compared = np.unique(second[~there])
            yield from cut("seconds", pa.table([compared], schema=ORDINALS), np.full(len(compared), received.target))

        return self.exchange.step([candidates], len(ranges.all), known)

    def _verified(self, known: Sent) -> Sent:
        """The same of the pairs that had to be compared. Leaves the words of their rows."""
        ranges, config, words = self.ranges, self.config, Words(self.folder / "words")
        words.folder.mkdir(exist_ok=True)
        count = len(ranges.all)

        def first_rows(received: Received) -> Batches:
            part = ranges.all[received.target]
            several = received.table("pairs", PAIRS)["pair"].to_numpy()
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
            found = verify(several, received.table("rows", WORDS_OF_ROWS), second, config)
            a, b, jaccard, duplicate = (found[name].to_numpy() for name in found.column_names)
            yield from _found(verdicts_of(a, b, similarity_of(jaccard, duplicate)), received.target)

        first = self.exchange.step([known], count, first_rows, ["pairs", "seconds"])
        return self.exchange.step([first], count, verified)

    def _settled(self, sent: list[Sent]) -> Sent:
        """CLUSTERED of the components about which enough is known; the vertices of the others, at their ranges."""
        ranges, verdicts, targets, keys = self.ranges, self.verdicts, self.tasks, self.keys

        def members(received: Received) -> Batches:
            part = ranges.all[received.target]
            vertices = received.table("components", COMPONENTS).sort_by("vertex")
            if not vertices.num_rows:
                return
            yield from cut("members", _members_of(keys, part, vertices), _home(vertices["component"], targets))
            known = pa.concat_tables([received.table("verdicts", VERDICTS), verdicts.read(part)])
            place = np.searchsorted(vertices["vertex"].to_numpy(), known["second"].to_numpy())
            place = np.minimum(place, vertices.num_rows - 1)
            among = vertices["vertex"].to_numpy()[place] == known["second"].to_numpy()
            component = vertices["component"].take(pa.array(place[among]))
            yield from cut("known", known.filter(pa.array(among)), _home(component, targets))

        def settled(received: Received) -> Batches:
            found = represent_known(received.table("members", MEMBERS), Known(received.table("known", VERDICTS)))
            yield from _represented(found, ranges)

        rows = self.exchange.step(sent, len(ranges.all), members, ["components", "verdicts"])
        return self.exchange.step([rows], targets, settled)

    def _clustered(self, settled: Sent) -> Sent:
        """CLUSTERED of the components whose rows had to be compared."""
        ranges, config, targets, keys = self.ranges, self.config, self.tasks, self.keys
        words = Words(self.folder / "words")

        def members(received: Received) -> Batches:
            part = ranges.all[received.target]
            vertices = received.table("unsettled", COMPONENTS).sort_by("vertex")
            if not vertices.num_rows:
                return
            said = words.read(part, vertices["vertex"].to_numpy())
            rows = _members_of(keys, part, vertices)
            columns = {name: table[name] for table in (said, rows) for name in table.column_names}
            table = pa.table({name: columns[name] for name in MEMBERS_WITH_WORDS.names})
            yield from cut("members", table.cast(MEMBERS_WITH_WORDS), _home(vertices["component"], targets))

        def representatives(received: Received) -> Batches:
            yield from _represented(represent(received.table("members", MEMBERS_WITH_WORDS), config), ranges)

        rows = self.exchange.step([settled], len(ranges.all), members, ["unsettled"])
        return self.exchange.step([rows], targets, representatives)

    def _kept(self, sent: list[Sent]) -> Sent:
        ranges, verdicts = self.ranges, self.verdicts

        def kept(received: Received) -> Batches:
            verdicts.write(ranges.all[received.target], received.table("verdicts", VERDICTS))
            return iter(())

        return self.exchange.step(sent, len(ranges.all), kept, ["verdicts"])


@dataclass(frozen=True)
class Words:
    """The words of rows that are compared, an Arrow file a range: written by the task that reads their texts."""

    folder: Path

    def write(self, part: Range, ordinals: np.ndarray) -> None:
        """Reads the texts of these rows. ordinals: ascending."""
        table = _words(part, ordinals)
        write_batches(table.to_batches(), table.schema, self._file(part))

    def read(self, part: Range, ordinals: np.ndarray) -> pa.Table:
        """WORDS_OF_ROWS of some rows, in their order; the texts of those that were not written are read now."""
        table, missing = WORDS_OF_ROWS.empty_table(), np.unique(ordinals)
        if self._file(part).is_file():
            table = pa.ipc.open_file(pa.memory_map(str(self._file(part)))).read_all()
            missing = np.setdiff1d(missing, table["ordinal"].to_numpy(), assume_unique=True)
        if len(missing):
            table = pa.concat_tables([table, _words(part, missing)]).sort_by("ordinal")
        return table.take(pa.array(np.searchsorted(table["ordinal"].to_numpy(), ordinals)))

    def _file(self, part: Range) -> Path:
        return self.folder / f"{part.number:06d}.arrow"


def _words(part: Range, ordinals: np.ndarray) -> pa.Table:
    return pa.table({"ordinal": ordinals, **words_of(part, ordinals).to_arrow()}, schema=WORDS_OF_ROWS)


def _found(verdicts: pa.Table, target: int, new: int = 0) -> Batches:
    """Edges between duplicates, figures, and the verdicts to be kept by a task."""
    edges = verdicts.filter(pc.greater(verdicts["similarity"], 0)).select(["first", "second"])
    yield from told("edges", edges.rename_columns(EDGES.names))
    yield from told("figures", pa.table([[verdicts.num_rows], [new], [edges.num_rows]], schema=FIGURES))
    yield from cut("verdicts", verdicts, np.full(verdicts.num_rows, target))


def _sum(exchange: Exchange, sent: Sent) -> dict[str, int]:
    """FIGURES of all tasks together."""
    counted = exchange.gather(sent, "figures", FIGURES)
    return {name: pc.sum(counted[name]).as_py() or 0 for name in FIGURES.names}


def _represented(found: Represented, ranges: Ranges) -> Batches:
    for kind, table, at in (
        ("clustered", found.clustered, "ordinal"),
        ("verdicts", found.verdicts, "second"),
        ("unsettled", found.unsettled, "vertex"),
    ):
        yield from cut(kind, table, ranges.of(table[at].to_numpy()))


def _members_of(keys: RowKeys, part: Range, vertices: pa.Table) -> pa.Table:
    """MEMBERS of COMPONENTS in a range."""
    ordinals = vertices["vertex"].to_numpy()
    rows = keys.read(part, ["row_id", "chars", "repaired"]).take(pa.array(ordinals - part.first))
    columns = {name: rows[name] for name in rows.column_names}
    columns |= {"ordinal": vertices["vertex"], "component": vertices["component"]}
    columns |= {"rank": pa.array(np.full(len(ordinals), RANKS[part.corpus.kind]), pa.int8())}
    return pa.table({name: columns[name] for name in MEMBERS.names}).cast(MEMBERS)


def _home(components: pa.ChunkedArray, targets: int) -> np.ndarray:
    """The task of each component."""
    return (mix(components.to_numpy().astype(np.uint64)) % np.uint64(targets)).astype(int)
