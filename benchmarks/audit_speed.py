"""What the audit costs, by part, in seconds of CPU time: one JSON line each.

    python -m benchmarks.audit_speed [rows]

Two-turn rows from the real conversations at hand (benchmarks/corpus.py), in batches of 2,000 as in the stages, scored
by the function that annotate's workers run; their topic is their source. `counting` is what audit does without groups.
"""

import json
import time
from collections.abc import Callable, Iterator
from itertools import chain, islice, zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.arguments import argument
from benchmarks.audit_quality import MODEL, turns
from benchmarks.corpus import exchanges, sources
from configs.audit import Findings
from pipeline.audit.annotation import Annotated, Annotator, others_share
from pipeline.audit.audit import distributions, of_groups
from pipeline.audit.findings import findings
from pipeline.contract.artifact import Artifact
from pipeline.rows.schema import MESSAGES

BATCH, ROWS = 2_000, 100_000


def main() -> None:
    rows = argument(__doc__, "rows", int, ROWS, "conversations") or ROWS
    batches = list(_batches(rows))
    annotator = Annotator(MODEL, {}, others_share(rows))
    annotator(batches[0].slice(0, 9))  # loads models and lists
    with TemporaryDirectory() as name:
        folder = Path(name)
        annotated: list[Annotated] = _told("annotate", rows, lambda: map(annotator, batches))
        for part, found in zip(("data", "mentions", "others"), zip(*annotated, strict=True), strict=True):
            table = pa.Table.from_batches(found)
            (folder / part).mkdir()
            pq.write_table(table.append_column("topic", table["source"]), folder / part / "part-00000.parquet")
        source = Artifact(folder)
        topics = sorted({source for batch in batches for source in batch["source"].to_pylist()})
        counted = _told("counting", rows, lambda: distributions(source, topics, lambda _: None))
        counted |= _told("groups", rows, lambda: of_groups(source, counted["mentions"], Findings()))
        _told("findings", rows, lambda: findings(counted, Findings()))


def _told(part: str, rows: int, work: Callable[[], Any]) -> Any:
    """What the work gives; prints what it cost."""
    begun = time.process_time()
    found = work()
    found = found if isinstance(found, dict | list) else list(found)
    print(json.dumps({"part": part, "rows": rows, "cpu_seconds": round(time.process_time() - begun, 2)}), flush=True)
    return found


def _batches(rows: int) -> Iterator[pa.RecordBatch]:
    """The sources take turns; when there are no more, the first rows come again under other ids."""
    each = [[(source.name, *pair) for pair in islice(exchanges(source), rows)] for source in sources()]
    real = [row for row in chain.from_iterable(zip_longest(*each)) if row]
    for start in range(0, rows, BATCH):
        numbers = range(start, min(start + BATCH, rows))
        chosen = [real[number % len(real)] for number in numbers]
        yield pa.record_batch(
            {
                "row_id": [f"{number * 2654435761 % 2**32:08x}{number:024x}" for number in numbers],
                "source": [name for name, *_ in chosen],
                "split": ["train"] * len(chosen),
                "language": ["en"] * len(chosen),
                "messages": pa.array([turns(said, reply) for _, said, reply in chosen], MESSAGES),
            }
        )


if __name__ == "__main__":
    main()
