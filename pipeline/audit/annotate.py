"""annotate: what each conversation is about, whom it mentions, and how it sounds; scored once."""

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from configs.audit import Audit
from configs.word_list import WordList
from pipeline.audit.annotation import FILES, Annotator, others_share
from pipeline.audit.topics import TOPIC_SCHEMA, TOPICS, Topics, of_vectors
from pipeline.contract.artifact import Artifact
from pipeline.contract.atomic_write import write_text
from pipeline.contract.execute import StageContext
from pipeline.contract.fingerprint import canonical_json
from pipeline.contract.parts import Part
from pipeline.people.lists import of_profile
from pipeline.rows.parquet import read_columns, rows_in
from pipeline.rows.placed import joined, write_placed
from pipeline.sentiment.model import FILE
from pipeline.spark.session import session_of
from pipeline.spark.tasks import KEYS_SHARE, done_by_tasks, is_little

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

KEYS = {"data": "row_id", "mentions": "statement", "others": "statement"}
"""Folder of the artifact to its unique column."""

MOST_STATEMENTS = 3_000_000
"""That mention groups, and are joined in one process: some 300 bytes each."""

SCORES = ("topic", "topic_similarity", "sentiment", "emotion", "emotions", "mentions")
COLUMNS = ["row_id", "source", "split", *SCORES, "language", "cluster"]
"""Of data/."""


def annotate(context: StageContext) -> None:
    """Leaves data/, mentions/ and others/ (see docs/artifacts.md), clusters.json, map.parquet, and the maps in plots/.

    Topics are read shard by shard, since a shard of embed holds whole conversations, and what texts say file by file of
    clean, by parts: only names and numbers pass through a shuffle, never vectors or texts.
    """
    from pipeline.audit.topic_learning import learned
    from pipeline.audit.topic_map import MOST, draw_maps
    from pipeline.audit.topic_sample import sampled, texts_of
    from pipeline.embed.encoder import Encoder

    settings: Audit = context.config("audit")
    source, vectors = context.inputs["deduplicate"], context.inputs["embed"]
    count = context.ledger.rows_in = source.ledger.rows_out
    texts = text_parts(context, context.inputs["clean"], count)
    statements = sum(pq.read_metadata(folder / "mentions.parquet").num_rows for folder in texts)
    here = is_little(context, context.inputs["clean"].ledger.rows_out * KEYS_SHARE) and statements <= MOST_STATEMENTS
    spark = None if here else session_of(context)
    shards = sorted(vectors.parquet().glob("*.parquet"))
    ids, sample_ND = sampled(shards, vectors.ledger.rows_out)
    encoder = Encoder(context.config("embed.model"), context.config("embedding.device"))
    said = texts_of(spark, source.parquet(), ids) if settings.max_clusters else []
    topics, words = learned(settings, encoder, sample_ND, said, context.config("seed"))

    seen = sampled(shards, vectors.ledger.rows_out, MOST)
    with ThreadPoolExecutor(1) as thread:  # t-SNE uses one core
        drawn = thread.submit(draw_maps, topics, *seen, context.out, context.config("seed"))
        splits, of_topics = _splits_and_topics(spark, source.parquet(), shards, topics)
        written = write_annotations(context, texts, splits, of_topics, context.out, count)
        drawn.result()
    context.ledger.rows_out = written.pop("data")
    clusters = dict(zip(topics.clusters, words, strict=True))
    write_text(context.out / "clusters.json", json.dumps(clusters, indent=1, ensure_ascii=False) + "\n")
    context.metrics |= {"topics": len(topics.names), "clusters": len(topics.clusters), "sampled": len(ids), **written}


def _splits_and_topics(
    spark: "SparkSession | None", rows: Path, shards: list[Path], topics: Topics
) -> "tuple[DataFrame, DataFrame] | tuple[pa.Table, pa.Table]":
    """row_id and split of rows, and TOPICS of embed's shards."""
    if not spark:
        batches = of_vectors(iter([pa.record_batch({"path": [str(path) for path in shards]})]), topics)
        return read_columns(rows, ["row_id", "split"]), pa.Table.from_batches(batches, TOPICS)
    from pipeline.spark.frames import read_rows

    paths = spark.createDataFrame([(str(p),) for p in shards], "path string").repartition(min(len(shards), 1000))
    of_topics = paths.mapInArrow(lambda batches: of_vectors(batches, topics), TOPIC_SCHEMA)
    return read_rows(spark, rows).select("row_id", "split"), of_topics


def text_parts(context: StageContext, source: Artifact, count: int) -> list[Path]:
    """Folders of FILES, a part for each file of clean's: deduplicate's differ with every row that comes, as splits and
    duplicates do. What decides one besides that file: the emotion model, the profile's words, and of how many
    conversations one gives a sentence that mentions nobody. count: conversations of the corpus."""
    model, words, others = of_texts(context, count)
    lists = canonical_json({code: given.model_dump(mode="json") for code, given in words.items()})
    deciding = {
        "sentiment": context.inputs["sentiment"].digests[FILE],
        "words": sha256(lists.encode("utf-8", "surrogatepass")).hexdigest(),
        "others": str(others),
    }
    digests = {source.path / path: digest for path, digest in source.digests.items() if path.startswith("data/")}
    parts = {context.part({}, {"data": digest} | deciding): file for file, digest in sorted(digests.items())}
    store = context.part_store

    def make(missing: list[Part]) -> None:
        def annotated(number: int) -> int:
            with store.making(missing[number]) as made:
                annotator = Annotator(model, words, others)
                made.ledger.rows_in = made.ledger.rows_out = annotator.file(parts[missing[number]], made.folder)
            return made.ledger.rows_out

        rows = sum(pq.read_metadata(parts[part]).num_rows for part in missing)
        done_by_tasks(context, f"{context.stage.name}: texts", len(missing), annotated, rows)

    return [part.path for part in context.obtain(list(parts), make)]


def text_files(context: StageContext, rows: Path, out: Path, count: int) -> list[Path]:
    """The same of the files in a folder of rows, anew, in folders of `out`. count: conversations of the corpus."""
    model, words, others = of_texts(context, count)
    files = sorted(rows.glob("*.parquet"))
    folders = [out / file.stem for file in files]

    def annotated(number: int) -> int:
        folders[number].mkdir(parents=True, exist_ok=True)
        return Annotator(model, words, others).file(files[number], folders[number])

    done_by_tasks(context, f"{context.stage.name}: texts", len(files), annotated, rows_in(rows))
    return folders


Rows = TypeVar("Rows", "DataFrame", pa.Table)


def write_annotations(
    context: StageContext, texts: Sequence[Path], splits: Rows, topics: Rows, out: Path, count: int
) -> dict[str, int]:
    """Leaves annotations in folders (KEYS) of `out`, and returns how many each holds; by Spark, or in this process, as
    the rows are given.

    texts: folders of FILES, of these rows and others; splits: row_id, split; topics: TOPICS; count: conversations of
    the whole corpus.
    """
    if isinstance(topics, pa.Table):
        return _annotations_here(texts, splits, topics, out, count)
    from pipeline.spark.frames import read_rows, write_rows

    spark = session_of(context)
    found = {name: read_rows(spark, *(folder / f"{name}.parquet" for folder in texts)) for name in FILES}
    annotated = found["texts"].join(splits, "row_id").join(topics, "row_id").select(*COLUMNS)
    written = {"data": write_rows(annotated, out / "data", count, KEYS["data"])}
    topic_of = read_rows(spark, out / "data").select("row_id", "topic")
    for name in ("mentions", "others"):
        written[name] = write_rows(found[name].join(topic_of, "row_id"), out / name, count, KEYS[name])
    return written


def _annotations_here(
    texts: Sequence[Path], splits: pa.Table, topics: pa.Table, out: Path, count: int
) -> dict[str, int]:
    found = {
        name: pa.concat_tables([pq.ParquetFile(folder / f"{name}.parquet").read() for folder in texts])
        for name in FILES
    }
    annotated = joined(joined(found["texts"], splits), topics).select(COLUMNS)
    written = {"data": write_placed(annotated, out / "data", count, KEYS["data"])}
    topic_of = annotated.select(["row_id", "topic"])
    for name in ("mentions", "others"):
        rows = joined(found[name], topic_of)
        rows = rows.select(["row_id", *(other for other in rows.column_names if other != "row_id")])  # as Spark's joins
        written[name] = write_placed(rows, out / name, count, KEYS[name])
    return written


def of_texts(context: StageContext, count: int) -> tuple[Path, Mapping[str, WordList], int]:
    """What an Annotator is told. The stage reads sentiment's artifact and the section audit."""
    return context.inputs["sentiment"].path, of_profile(context.config("audit")), others_share(count)
