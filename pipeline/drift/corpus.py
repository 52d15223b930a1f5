"""What of a corpus is compared: a sample of its conversations, drawn by row_id, which is a hash.

So the same conversations of two corpora that share some are in both samples, and memory does not grow with the corpus.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.audit.topics import conversations, unit
from pipeline.contract.artifact import Artifact

READ = ("score", "deduplicate", "embed", "annotate")
"""The stages whose artifacts a corpus is read from."""

ROW = ["row_id", "source", "conversation_id"]
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Corpus:
    """rows: how many conversations it has. kept: a sample of them with row_id, source, conversation_id, language and
    messages, vectors_ND their unit vectors, topic_N their topics or none. scored: a sample of what was scored, before
    rules dropped the offensive, with ROW and `offensive`.
    """

    rows: int
    kept: pa.Table
    vectors_ND: np.ndarray
    topic_N: np.ndarray | None
    scored: pa.Table

    def of_sources(self, names: set[str]) -> "Corpus":
        """The part of some sources; `rows` is that of the whole."""
        chosen = pc.is_in(self.kept["source"], pa.array(sorted(names), pa.string()))
        mask_N = np.asarray(chosen.to_numpy(zero_copy_only=False), bool)
        return Corpus(
            self.rows,
            self.kept.filter(chosen),
            self.vectors_ND[mask_N],
            None if self.topic_N is None else self.topic_N[mask_N],
            self.scored.filter(pc.is_in(self.scored["source"], pa.array(sorted(names), pa.string()))),
        )


def of_artifacts(artifact: Callable[[str], Artifact], most: int) -> Corpus:
    """A corpus of about `most` conversations or fewer, out of the artifacts of READ; a column or two of each is read to
    its end."""
    kept = drawn(artifact("deduplicate"), [*ROW, "language", "messages"], most)
    vectors = _of_rows(artifact("embed"), ["row_id", "vector"], kept)
    row_ids, sums_ND = conversations(vectors)
    topics = _of_rows(artifact("annotate"), ["row_id", "topic"], kept)
    return Corpus(
        artifact("deduplicate").ledger.rows_out,
        kept,
        unit(sums_ND[_places(row_ids, kept)]),
        topics["topic"].to_numpy(zero_copy_only=False)[_places(topics["row_id"].to_numpy(zero_copy_only=False), kept)],
        drawn(artifact("score"), [*ROW, "offensive"], most),
    )


def drawn(artifact: Artifact, columns: list[str], most: int) -> pa.Table:
    """The rows whose row_id is below a bound, above which lie all but about `most`; in the order of row_id."""
    share = most / max(artifact.ledger.rows_out, 1)
    chosen = None if share >= 1 else pc.field("row_id") < f"{int(share * 2**128):032x}"
    return artifact.read().to_table(columns=columns, filter=chosen).sort_by("row_id")


def _of_rows(artifact: Artifact, columns: list[str], kept: pa.Table) -> pa.Table:
    """What an artifact has of the rows, which lie below the last of them."""
    if not kept.num_rows:
        return artifact.read().to_table(columns=columns, filter=pc.field("row_id") < "")
    last = kept["row_id"][-1].as_py()
    return artifact.read().to_table(columns=columns, filter=pc.field("row_id") <= last)


def _places(row_ids: np.ndarray, kept: pa.Table) -> np.ndarray:
    """Where each of the kept rows stands among row_ids."""
    place = {row_id: at for at, row_id in enumerate(row_ids.tolist())}
    return np.array([place[row_id] for row_id in kept["row_id"].to_pylist()], np.int64)
