"""What balance leaves of the rows that it has decided on, by this process in bounded memory: the bytes of
written_by_spark."""

from collections.abc import Iterator
from itertools import chain

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from configs.balance import Balance
from pipeline.balance.counterfactual import DRAWN, copies
from pipeline.contract.execute import StageContext
from pipeline.rows.parquet import bytes_in, number_of_files, read_columns, rows_in
from pipeline.rows.placed import joined, write_in_rounds, write_placed
from pipeline.spark.draw import uniforms
from pipeline.spark.tasks import KEYS_SHARE, is_little

MOST_BYTES = 1 << 30
"""Of rows that this process holds in a round: some twice as much while it works."""

COPY_SHARE = 1 / 4
"""Of the work on a row from its text (1 ms), that of looking for its copies."""

ROWS_AT_ONCE = 2000
"""Whose copies are made at once: Python's objects are ten times as large as Arrow's."""


def are_few(context: StageContext, total: int) -> bool:
    """Whether this process decides on deduplicate's rows, `total` of them, and writes them. A file is held whole."""
    config: Balance = context.config("balance")
    size = bytes_in(context.inputs["deduplicate"].parquet())
    little = is_little(context, total * max(KEYS_SHARE, COPY_SHARE * config.counterfactual_share))
    return little and size <= MOST_BYTES * number_of_files(total)


def written_here(context: StageContext, dropped: pa.Table, total: int) -> int:
    """Makes data/ and dropped/, and returns how many rows are in data/. total: rows of deduplicate; dropped: row_id,
    rule and evidence of those that go."""
    originals = _Originals(context, dropped)
    write_placed(originals.dropped(), context.out / "dropped", total)
    held: list[pa.Table] = []
    made: list[pa.Table] = []
    size = 0
    with context.progress(total - dropped.num_rows) as progress:
        for rows in originals.read():
            size += rows.nbytes
            held = [*held, rows] if size <= MOST_BYTES else []
            made.append(_copies(rows, context.config("balance"), context.config("seed")))
            progress.advance(rows.num_rows)
    schema, further = made[0].schema, [originals.unsaid(pa.concat_tables(made))]
    del made
    if rows_in(written := context.inputs["generate"].parquet()):
        new = read_columns(written)
        new = new.append_column("split", pa.repeat("train", new.num_rows)).append_column("cluster", new["row_id"])
        further.append(_as(new, schema))
    rounds = max(1, -(-(size + sum(table.nbytes for table in further)) // MOST_BYTES))
    return write_in_rounds(lambda: chain(held or originals.read(), further), rounds, context.out / "data", total)


class _Originals:
    """deduplicate's rows, and which of them are dropped."""

    def __init__(self, context: StageContext, dropped: pa.Table) -> None:
        self._folder, self._gone = context.inputs["deduplicate"].parquet(), dropped
        row_ids = read_columns(self._folder, ["row_id"])["row_id"]
        about = read_columns(context.inputs["annotate"].parquet(), ["row_id", "topic"])
        self._topics = about["topic"].take(pc.index_in(row_ids, value_set=about["row_id"].combine_chunks()))
        self._stays = pc.invert(pc.is_in(row_ids, value_set=dropped["row_id"].combine_chunks()))

    def read(self) -> Iterator[pa.Table]:
        """Those that stay, file by file, in the columns of balance's data/ in the order of Spark's joins."""
        begin = 0
        for path in sorted(self._folder.glob("*.parquet")):
            rows = pq.ParquetFile(path).read()
            count = rows.num_rows
            rows = rows.select(["row_id", *(name for name in rows.column_names if name != "row_id")])
            nothing = pa.nulls(count, pa.string())
            further = {"topic": self._topics.slice(begin, count), "augmentation": nothing, "parent": nothing}
            for name, column in further.items():
                rows = rows.append_column(name, column)
            yield rows.filter(self._stays.slice(begin, count))
            begin += count

    def dropped(self) -> pa.Table:
        return joined(read_columns(self._folder, ["row_id", "source", "origin"]), self._gone)

    def unsaid(self, made: pa.Table) -> pa.Table:
        """The rows that say what none that stays does."""
        if not made.num_rows:
            return made
        said = read_columns(self._folder, ["text_hash"])["text_hash"].filter(self._stays).combine_chunks()
        return made.filter(pc.invert(pc.is_in(made["text_hash"], value_set=said, skip_nulls=True)))


def _copies(originals: pa.Table, config: Balance, seed: int) -> pa.Table:
    """Copies of the drawn training rows, in the columns of `originals`."""
    train = originals.filter(pc.equal(originals["split"], "train"))
    keys = pc.binary_join_element_wise(DRAWN, train["row_id"], "").to_numpy()
    drawn = train.filter(pa.array(uniforms(seed, keys) < config.counterfactual_share))
    made = [originals.schema.empty_table()]
    for batch in drawn.to_batches(ROWS_AT_ONCE):
        found = [copy for row in batch.to_pylist() for copy in copies(row, config.counterfactual_attributes)]
        made.append(pa.Table.from_pylist(found, originals.schema))
    return pa.concat_tables(made)


def _as(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table in these columns; those that it lacks are null."""
    columns = [
        table[field.name].cast(field.type) if field.name in table.column_names else pa.nulls(table.num_rows, field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)
