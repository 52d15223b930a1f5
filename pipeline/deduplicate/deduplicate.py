"""deduplicate: one row of every set of duplicates, nothing of the evaluation sets, and the three splits.

Exact duplicates by text_hash; near duplicates by MinHash bands, every candidate pair verified by its
true Jaccard similarity, every dropped row verified against the row that stays for it. Splits are drawn
by group (of one cluster, conversation, user or prompt), and training rows that repeat a held-out exchange are dropped.
"""

from shutil import rmtree

from configs.deduplicate import Deduplicate
from configs.errors import UserError
from pipeline.contract.execute import StageContext
from pipeline.contract.progress import say
from pipeline.deduplicate.duplicate_search import DuplicateSearch
from pipeline.deduplicate.kept_rows import write_rows
from pipeline.deduplicate.preference_pairs import judged_pairs
from pipeline.deduplicate.reference_corpora import reference_corpora
from pipeline.deduplicate.splits import Grouping, split_rows
from pipeline.rows.parquet import rows_in
from pipeline.rows.ranges import Corpus
from pipeline.spark.pairs import write_pairs


def deduplicate(context: StageContext) -> None:
    """data/ as clean's, with split and cluster; dropped/ with the matched row and the similarity; pairs/ with the split
    of their rows, and dropped_pairs/.

    Raises UserError when an earlier corpus or evaluation set cannot be read, and when too few rows are
    left for three splits.
    """
    config: Deduplicate = context.config("deduplicate")
    scratch = context.out / "scratch"
    own = Corpus("this run", "new", context.inputs["clean"].parquet())
    references = reference_corpora(config, context.config("storage.root"), scratch / "references")
    search = DuplicateSearch(context, [own, *references], scratch)
    total = search.ranges.new_rows

    search.find_exact()
    context.metrics.update(search.find_near())
    kept, rows = search.kept()
    grouping = Grouping(search.exchange, kept, rows, config, search.tasks, scratch / "links")
    grouped, sizes = grouping.groups()
    splits = split_rows(grouping, grouped, context.config("seed"), search.ranges)
    context.metrics.update(sizes)
    write_rows(context, context.inputs["clean"], search.decide(splits))
    moved = search.exchange.moved
    context.metrics["shuffle_bytes_a_row"] = round(moved / max(total, 1))
    say(f"deduplicate: {moved / max(total, 1):,.0f} bytes a row were sent from task to task")
    if "train" not in context.metrics["splits"]:
        raise UserError(
            "deduplicate: every training row repeats a held-out exchange, so none is left; add data, or raise "
            f"deduplicate.overlap_words (now {config.overlap_words})"
        )
    pairs = context.inputs["clean"].parquet("pairs")
    if count := rows_in(pairs):
        write_pairs(context, judged_pairs(search, pairs, context.out), count)
    rmtree(scratch, ignore_errors=True)
