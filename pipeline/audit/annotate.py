"""annotate: what each conversation is about, whom it mentions, and how it sounds; scored once."""

import json

from configs.audit import Audit
from pipeline.audit.annotation import TEXT_COLUMNS, TEXT_SCHEMA, of_texts
from pipeline.audit.statement_rows import STATEMENTS_SCHEMA, of_mentions, of_others
from pipeline.audit.topics import TOPIC_SCHEMA, of_vectors
from pipeline.contract.atomic_write import write_text
from pipeline.contract.execute import StageContext
from pipeline.people.lists import of_profile
from pipeline.spark.session import session_of


def annotate(context: StageContext) -> None:
    """Leaves data/, mentions/ and others/ (see docs/artifacts.md), clusters.json, and the maps in plots/.

    Topics are read shard by shard, since a shard of embed holds whole conversations: only names and
    numbers pass through a shuffle, never vectors or texts.
    """
    from pipeline.audit.topic_learning import learned
    from pipeline.audit.topic_map import draw_maps
    from pipeline.audit.topic_sample import sampled, texts_of
    from pipeline.embed.encoder import Encoder
    from pipeline.spark.frames import read_rows, write_rows

    settings: Audit = context.config("audit")
    spark = session_of(context)
    source, vectors = context.inputs["deduplicate"], context.inputs["embed"]
    shards = sorted(vectors.parquet().glob("*.parquet"))
    ids, sample_ND = sampled(shards, vectors.ledger.rows_out)
    encoder = Encoder(context.config("embed.model"), context.config("embedding.device"))
    texts = texts_of(spark, source.parquet(), ids) if settings.max_clusters else []
    topics, words = learned(settings, encoder, sample_ND, texts, context.config("seed"))

    paths = spark.createDataFrame([(str(p),) for p in shards], "path string").repartition(min(len(shards), 1000))
    of_topics = paths.mapInArrow(lambda batches: of_vectors(batches, topics), TOPIC_SCHEMA)
    rows = read_rows(spark, source.parquet()).select(*TEXT_COLUMNS, "messages")
    model, lists = context.inputs["sentiment"].path, of_profile(settings)
    annotated = rows.mapInArrow(lambda batches: of_texts(batches, model, lists), TEXT_SCHEMA).join(of_topics, "row_id")
    scores = ("topic", "topic_similarity", "sentiment", "emotion", "emotions", "mentions")
    columns = ("row_id", "source", "split", *scores, "language", "cluster")
    count = source.ledger.rows_out
    context.ledger.rows_in = count
    context.ledger.rows_out = write_rows(annotated.select(*columns), context.out / "data", count)
    clusters = dict(zip(topics.clusters, words, strict=True))
    write_text(context.out / "clusters.json", json.dumps(clusters, indent=1, ensure_ascii=False) + "\n")
    draw_maps(topics, sample_ND, context.out / "plots", context.config("seed"))
    context.metrics |= {"topics": len(topics.names), "clusters": len(topics.clusters), "sampled": len(ids)}
    topic_of = read_rows(spark, context.out / "data").select("row_id", "topic")
    for name, said in (
        ("mentions", rows.mapInArrow(lambda batches: of_mentions(batches, model, lists), STATEMENTS_SCHEMA)),
        ("others", rows.mapInArrow(lambda batches: of_others(batches, model, lists, count), STATEMENTS_SCHEMA)),
    ):
        context.metrics[name] = write_rows(said.join(topic_of, "row_id"), context.out / name, count, key="statement")
