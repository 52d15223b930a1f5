"""What the model is measured by besides held-out rows, as vectors: the items of probes, and evaluation sets."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from configs.balance import Balance
from configs.probe import Pair, Probe, chosen, load_probe
from pipeline.contract.execute import StageContext
from pipeline.deduplicate.reference_corpora import reference_corpora
from pipeline.rows.ranges import slices_of
from pipeline.rows.turns import Turn, turns_of
from pipeline.selection.encoding import ConversationEncoder
from pipeline.selection.vectors import to_binary

ITEMS = pa.schema([("row_id", pa.string()), ("evaluation_set", pa.string()), ("vector", pa.binary())])
AT_ONCE = 5_000

Items = Iterator[tuple[str, dict[str, list[Turn]]]]
"""Name of a set, and id to conversation of some of its items."""


def write_items(context: StageContext, folder: Path, encoder: Callable[[], ConversationEncoder]) -> int:
    """Writes ITEMS of all that balance.decontamination.against names, but for splits; returns how many there are.

    Raises UserError when a probe or a set cannot be read.
    """
    settings: Balance = context.config("balance")
    against, count, encode = settings.decontamination.against, 0, None
    folder.mkdir(exist_ok=True)
    with pq.ParquetWriter(folder / "part-00000.parquet", ITEMS) as writer:
        for source in (by for name, by in (("probes", _probes), ("evaluation_sets", _sets)) if name in against):
            for name, items in source(context):
                encode = encode or encoder()
                vectors = to_binary(encode(items.values()))
                writer.write_table(pa.table([list(items), [name] * len(items), vectors], schema=ITEMS))
                count += len(items)
    return count


def _probes(context: StageContext) -> Items:
    names, files = context.config("evaluate.probes"), context.config("evaluate.probe_files")
    for name, path in chosen(names, files).items():
        yield f"probes/{name}", items_of(load_probe(path))


def items_of(probe: Probe) -> dict[str, list[Turn]]:
    """Id to conversation: a message with all before it and the right reply; a sentence in each of its wordings."""
    found: dict[str, list[Turn]] = {}
    for entry in probe.entries:
        if isinstance(entry, Pair):
            found |= {f"{entry.id}#{number}": [("user", text)] for number, text in enumerate(entry.choices)}
            continue
        earlier = [(("user", "assistant")[number % 2], text) for number, text in enumerate(entry.turns)]
        asked = ("user", probe.asked(entry, entry.message))
        found[entry.id] = [*earlier, asked, ("assistant", entry.right)]
    return found


def _sets(context: StageContext) -> Items:
    given = context.config("deduplicate")
    if not given.evaluation_sets:
        return
    only, root = given.model_copy(update={"earlier": []}), context.config("storage.root")
    for corpus in reference_corpora(only, root, context.scratch / "references"):
        for part in slices_of(corpus.folder, AT_ONCE):
            table = part.read(["row_id", "messages"])
            yield corpus.name, dict(zip(table["row_id"].to_pylist(), turns_of(table["messages"]), strict=True))
