"""New conversations as the pipeline would prepare them: repaired, scored, judged by the rules, embedded; no Spark."""

import numpy as np
import pyarrow as pa

from configs.profile import Profile
from pipeline.audit.topics import conversations, unit
from pipeline.drift.corpus import ROW, Corpus
from pipeline.embed.encoder import Encoder
from pipeline.embed.segmenter import Segmenter
from pipeline.generate.checks import CleanRules

BATCH = 500


def prepared(rows: pa.Table, profile: Profile) -> Corpus:
    """The corpus that the rows would be, but for near duplicates and overlaps, which only deduplicate finds; of equal
    texts one stays.

    rows: of the schema CONVERSATIONS.
    """
    rules = CleanRules(profile.clean)
    judged = [rules(rows.slice(start, BATCH).to_pylist()) for start in range(0, rows.num_rows, BATCH)]
    if not judged:
        raise ValueError("no conversation")
    scored = pa.concat_tables([table for table, _ in judged])
    passed = pa.array([reason is None for _, reasons in judged for reason in reasons], pa.bool_())
    kept = _unlike(scored.filter(passed))
    return Corpus(
        rows.num_rows,
        kept.select([*ROW, "language", "messages"]),
        vectors_of(kept, profile),
        None,
        scored.select([*ROW, "offensive"]),
    )


def vectors_of(kept: pa.Table, profile: Profile) -> np.ndarray:
    """Unit vectors [N, D] of conversations, of the segments that embed would make."""
    settings = profile.embed
    encoder = Encoder(settings.model, profile.embedding.device, profile.embedding.batch_size)
    if not kept.num_rows:
        return np.empty((0, encoder.dimensions), np.float32)
    segments = Segmenter(encoder.folder, settings.max_tokens, settings.max_segments)(kept)
    _, sums_ND = conversations(segments.with_vectors(encoder.encode(segments.tokens)))
    return unit(sums_ND)


def _unlike(kept: pa.Table) -> pa.Table:
    """The first row of every text."""
    seen: set[str] = set()
    new = [not (hash_ in seen or seen.add(hash_)) for hash_ in kept["text_hash"].to_pylist()]  # type: ignore[func-returns-value]
    return kept.filter(pa.array(new, pa.bool_()))
